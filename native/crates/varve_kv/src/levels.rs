//! The live segments, arranged for reading: a level is a list of segments without common keys.
//!
//! Invariants
//! 1. Two segments whose spans meet cover different commits, one of them only later ones: the newer.
//!    What merges may put together follows from this (`merge_policy`), so that the files alone say which is newer.
//! 2. Of two segments whose spans meet, the newer one lies in a newer level.
//! 3. Every segment lies as deep as these allow. A flush of keys that no other segment spans joins the oldest level:
//!    what is loaded in order is never rewritten for the sake of reads.

use std::ops::Range;
use std::sync::Arc;

use crate::hash::head;
use crate::rectangle::Extent;
use crate::segment::{Segment, Span};
use crate::stats::SegmentStats;

/// Segments whose spans do not meet, in key order; never empty.
#[derive(Clone, Debug)]
pub struct Level<T> {
    segments: Vec<T>,
    /// The first bytes of where their spans begin.
    heads: Vec<u64>,
}

/// All live segments.
#[derive(Clone, Debug)]
pub struct Levels<T = Arc<Segment>> {
    /// Newest first. Shared with the iterators that stand in them.
    levels: Vec<Arc<Level<T>>>,
}

impl<T> Default for Levels<T> {
    fn default() -> Self {
        Self { levels: Vec::new() }
    }
}

impl<T: Extent + Clone> Levels<T> {
    /// Arranges `segments`, which may come in any order. Cost: a sort, and per segment a search in each level.
    pub fn arrange(segments: impl IntoIterator<Item = T>) -> Self {
        Self::arranged(segments.into_iter().collect())
    }

    /// Knows nothing of where the segments come from: with its sort it would be there once for every such type.
    fn arranged(mut oldest_first: Vec<T>) -> Self {
        oldest_first.sort_by_key(|segment| (segment.commits().1, segment.commits().0));
        // Oldest level first here.
        let mut levels: Vec<Level<T>> = Vec::new();
        for segment in oldest_first {
            let above = levels.iter().rposition(|level| !level.meeting(segment.span()).is_empty());
            let place = above.map_or(0, |above| above + 1);
            match levels.get_mut(place) {
                Some(level) => level.insert(segment),
                None => {
                    levels.push(Level { heads: vec![head(&segment.span().from)], segments: vec![segment] })
                }
            }
        }
        Self { levels: levels.into_iter().rev().map(Arc::new).collect() }
    }

    /// Two segments that break invariant 1, if there are any.
    pub fn conflict(&self) -> Option<(&T, &T)> {
        for (at, level) in self.levels.iter().enumerate() {
            for newer in &level.segments {
                for older in self.levels[at + 1..].iter().flat_map(|older| older.among(newer.span())) {
                    if older.commits().1 >= newer.commits().0 {
                        return Some((newer, older));
                    }
                }
            }
        }
        None
    }

    /// Newest first.
    #[inline]
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Level<T>>> {
        self.levels.iter()
    }

    /// How many levels there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// The segment at a position of a level, both from 0.
    pub fn at(&self, (depth, at): (usize, usize)) -> &T {
        &self.levels[depth].segments[at]
    }

    /// Every segment: newest level first, each level in key order.
    pub fn segments(&self) -> impl Iterator<Item = &T> {
        self.levels.iter().flat_map(|level| &level.segments)
    }
}

impl Levels {
    /// Sizes and telemetry of every segment, in the order of [`Levels::segments`].
    pub fn stats(&self) -> Vec<SegmentStats> {
        let levels = self.levels.iter().zip(0..);
        let stats = levels.flat_map(|(level, at)| {
            level.segments.iter().map(move |segment| SegmentStats { level: at, ..segment.stats() })
        });
        stats.collect()
    }
}

impl<T: Extent> Level<T> {
    /// In key order.
    #[inline]
    pub fn segments(&self) -> &[T] {
        &self.segments
    }

    /// The only segment that can hold `key`; its span may end before it.
    #[inline]
    pub fn of(&self, key: &[u8]) -> Option<&T> {
        match self.segments.as_slice() {
            [only] => Some(only),
            segments => segments.get(self.position(key)?),
        }
    }

    /// Position of the last segment whose span begins at or before `key`.
    #[inline]
    pub fn position(&self, key: &[u8]) -> Option<usize> {
        let key_head = head(key);
        let mut end = self.heads.partition_point(|&head| head <= key_head);
        while end > 0 && self.heads[end - 1] == key_head && *self.segments[end - 1].span().from > *key {
            end -= 1;
        }
        end.checked_sub(1)
    }

    /// Positions of the segments that meet `span`.
    pub fn meeting(&self, span: &Span) -> Range<usize> {
        let from = self.segments.partition_point(|segment| segment.span().to <= span.from);
        let to = self.segments.partition_point(|segment| segment.span().from < span.to);
        from..to.max(from)
    }

    /// The segments that meet `span`.
    pub fn among(&self, span: &Span) -> &[T] {
        &self.segments[self.meeting(span)]
    }

    fn insert(&mut self, segment: T) {
        let at = self.segments.partition_point(|other| other.span().from < segment.span().from);
        self.heads.insert(at, head(&segment.span().from));
        self.segments.insert(at, segment);
    }
}
