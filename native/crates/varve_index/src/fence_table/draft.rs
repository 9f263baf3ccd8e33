//! Building the table of segments: where it begins, how fine it is, and whether it serves better than a tree.

use std::ops::Range;

use super::{REGION_BITS, Region, Scale};
use crate::segment::Segment;

/// Over fewer a tree has two levels, and the table saves nothing.
const SEGMENTS_MIN: usize = 82;
/// Segments that the table may leave out at either end.
const OUTLIERS: [usize; 3] = [0, 8, 32];
/// One or two buckets for each fence of a region.
const BUCKET_BITS_MORE: u32 = 1;
/// Fences to a bucket, in the mean over the segments: above, a tree is as quick.
const CROWD_MAX: u64 = 8;

impl Scale {
    /// The scale for the segments in `inner`, three at least; its buckets are not counted yet.
    fn over(segments: &[Segment], inner: Range<usize>) -> Self {
        let origin = segments[inner.start].first.saturating_add(1);
        let span = segments[inner.end - 1].first.saturating_sub(origin);
        let region_shift = (u64::BITS - span.leading_zeros()).saturating_sub(REGION_BITS);
        Self { before: inner.start, fences: inner.len() - 2, buckets: 0, origin, span, region_shift }
    }

    /// Whether its keys have the same top bit.
    fn has_one_top_bit(&self) -> bool {
        self.origin >> 63 == (self.origin + self.span) >> 63
    }
}

/// A table as it is built.
pub(crate) struct Draft<'a> {
    pub(crate) scale: Scale,
    segments: &'a [Segment],
    regions: Vec<Region>,
}

impl<'a> Draft<'a> {
    /// The table over `segments`; `None` where a tree serves better.
    pub(crate) fn of(segments: &'a [Segment]) -> Option<Self> {
        let fitting = OUTLIERS.into_iter().filter(|outliers| segments.len() >= SEGMENTS_MIN + 2 * outliers);
        let scales = fitting.map(|outliers| Scale::over(segments, outliers..segments.len() - outliers));
        let scales = scales.filter(|scale| scale.is_of(segments));
        let drafts = scales.map(|scale| Self::over(segments, scale)).filter(Self::is_even);
        // AVX2 compares quicker what has one top bit; of equals the first, which leaves out least.
        drafts.min_by_key(|draft| !draft.scale.has_one_top_bit())
    }

    /// Gives every region its buckets.
    fn over(segments: &'a [Segment], scale: Scale) -> Self {
        let mut draft = Self { scale, segments, regions: Vec::new() };
        let mut counts = vec![0u32; scale.regions()];
        for distance in draft.distances() {
            counts[scale.region(distance)] += 1;
        }
        for (number, fences) in counts.into_iter().enumerate() {
            let bits = fences.checked_ilog2().map_or(0, |bits| bits + BUCKET_BITS_MORE);
            let shift = scale.region_shift.saturating_sub(bits);
            draft.regions.push(Region::at(number, draft.scale.buckets, shift, &scale));
            draft.scale.buckets += 1 << (scale.region_shift - shift);
        }
        draft
    }

    fn fences(&self) -> impl Iterator<Item = u64> {
        let from = self.scale.before + 1;
        self.segments[from..from + self.scale.fences].iter().map(|segment| segment.first)
    }

    fn distances(&self) -> impl Iterator<Item = u64> {
        self.fences().map(|fence| fence.saturating_sub(self.scale.origin))
    }

    /// Whether the fences spread over the buckets.
    fn is_even(&self) -> bool {
        let (mut crowds, mut crowd, mut bucket) = (0, 0u64, 0);
        for distance in self.distances() {
            let own = self.scale.bucket(&self.regions, distance);
            crowd = if own == bucket { crowd + 1 } else { 1 };
            bucket = own;
            crowds += crowd;
        }
        crowds <= CROWD_MAX * self.scale.fences as u64
    }

    /// Fills `table`, as long as [`Scale::words`].
    pub(crate) fn fill(&self, table: &mut [u64]) {
        let (fences, rest) = table.split_at_mut(self.scale.fence_words());
        let (regions, buckets) = rest.split_at_mut(self.scale.regions());
        for (word, region) in regions.iter_mut().zip(&self.regions) {
            *word = u64::from(region.offset) | u64::from(region.shift) << 32;
        }
        fences.fill(self.scale.origin + self.scale.span);
        fences.iter_mut().zip(self.fences()).for_each(|(word, fence)| *word = fence);
        // SAFETY: a word is two `u32`, whatever its bits.
        let (_, buckets, _) = unsafe { buckets.align_to_mut::<u32>() };
        for (distance, below) in self.distances().zip(1..) {
            // The last fence of a bucket stands; buckets without one take that of their predecessor.
            buckets[self.scale.bucket(&self.regions, distance)] = below;
        }
        let mut below = 0;
        for start in &mut buckets[..self.scale.buckets] {
            below = std::mem::replace(start, below).max(below);
        }
    }
}
