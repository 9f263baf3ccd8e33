//! The line probe: route to a segment, predict, compare the keys around the prediction, walk if outside.
//!
//! Memory: 64 bytes for a segment of up to 23 cells, and 14 for the way to it; with cells of 40 keys 0.09 bytes per key,
//! with cells of 16 keys 0.2. Cost: the way and the segments fit the caches, so that a lookup waits for memory once or
//! twice, where an S+ tree over the keys waits on each of its lower levels.
//!
//! Sections: scale of the table (one line, zero for a tree), segments ([`crate::segment`]), table
//! ([`crate::fence_table`]) or tree ([`crate::fence_tree`]).
//!
//! Invariant: the walk compares real keys and stops only where the answer is proven, so a bad model costs time and
//! never a wrong answer. After [`WALK_MAX`] lines it turns into a binary search, so even that time is bounded.

use std::hint::select_unpredictable;

use varve_types::Result;

use crate::fence_table::{self, FenceTable, Scale};
use crate::fence_tree::{self, FenceTree, Shape};
use crate::image::{HEADER_BYTES, Image, LINE_BYTES, Sections, damaged};
use crate::kind::{GROUP, Lookup, Trace};
use crate::lanes::{LINE_KEYS, Lanes, Scalar, prefetch};
use crate::segment::Segment;

/// Never over fewer than [`WINDOW_KEYS`] keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineProbe<'a> {
    pub(crate) keys: &'a [u64],
    segments: &'a [Segment],
    pub(crate) router: Router<'a>,
}

/// How a key finds its segment: a table where the segments spread, else a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Router<'a> {
    Table(FenceTable<'a>),
    Tree(FenceTree<'a>),
}

/// Lines that a lookup may walk before it searches: well above every bound that the replay admits.
const WALK_MAX: usize = 64;

/// Words of a segment.
const SEGMENT_WORDS: usize = LINE_BYTES / 8;

impl<'a> LineProbe<'a> {
    /// Lays out trained segments; the image still needs its header.
    pub(crate) fn image_of(segments: &[Segment]) -> Image {
        let (table, shape) = (fence_table::Draft::of(segments), Shape::of(segments.len()));
        let router_words = table.as_ref().map_or(shape.words(), |table| table.scale.words());
        let words = Scale::WORDS + segments.len() * SEGMENT_WORDS + router_words;
        let mut image = Image::zeroed(HEADER_BYTES + words * 8);
        let (scale, rest) = image.body_mut().split_at_mut(Scale::WORDS);
        let (lines, router) = rest.split_at_mut(segments.len() * SEGMENT_WORDS);
        // SAFETY: a segment is 64 plain bytes without padding, aligned as a word.
        let (_, lines, _) = unsafe { lines.align_to_mut::<Segment>() };
        lines.copy_from_slice(segments);
        if let Some(table) = table {
            table.scale.write(scale);
            table.fill(router);
        } else {
            fence_tree::fill(router, segments.len(), 1, |at| segments[at].first);
        }
        image
    }

    pub(crate) fn open(sections: &mut Sections<'a>, keys: &'a [u64], segment_count: usize) -> Result<Self> {
        if !sections.is_newest {
            return Err(damaged("a line probe of an older format is not read any more"));
        }
        if keys.len() < WINDOW_KEYS || segment_count == 0 || segment_count > keys.len() * 2 + 1 {
            return Err(damaged("the number of keys or segments is impossible"));
        }
        let scale = Scale::read(sections.words(Scale::WORDS)?, segment_count)?;
        let lines = sections.words(segment_count * SEGMENT_WORDS)?;
        // SAFETY: any bits are a segment, which is aligned as a word.
        let (_, segments, _) = unsafe { lines.align_to::<Segment>() };
        if !segments.iter().all(Segment::is_sound) {
            return Err(damaged("a segment leads out of itself"));
        }
        let router = match scale {
            Some(scale) => Router::Table(FenceTable::open(sections, scale)?),
            None => Router::Tree(FenceTree::open(sections, segment_count)?),
        };
        Ok(Self { keys, segments, router })
    }

    pub(crate) fn segments(&self) -> &'a [Segment] {
        self.segments
    }

    /// The largest query that segment `at` serves: the first key of the next one.
    pub(crate) fn last_query(&self, at: usize) -> u64 {
        self.segments.get(at + 1).map_or(u64::MAX, |next| next.first)
    }

    /// The segment that serves `key`: the last one whose first key is below it, or segment 0.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn route<L: Lanes>(&self, key: u64) -> usize {
        // SAFETY: as the caller vouches.
        unsafe {
            match &self.router {
                Router::Table(table) => {
                    table.segment::<L>(key).unwrap_or_else(|| table.beyond(self.segments, key))
                }
                Router::Tree(tree) => tree.descend::<L>(key),
            }
        }
    }

    /// The position predicted for `key`, by whatever segment serves it.
    pub(crate) fn expected(&self, key: u64) -> usize {
        // SAFETY: the scalar path needs nothing of the CPU; all segments are sound.
        unsafe { self.segments[self.route::<Scalar>(key)].predict::<Scalar>(key) as usize }
    }

    /// The lower bound of `key`, beginning with the window at `start`.
    ///
    /// # Safety
    /// `start` is that of a window: `start + WINDOW_KEYS <= keys.len()`.
    #[inline(always)]
    unsafe fn compare<L: Lanes, T: Trace>(&self, key: u64, start: usize, trace: &mut T) -> usize {
        // SAFETY: the window lies within the keys.
        let below = unsafe {
            let window = self.keys.as_ptr().add(start);
            L::rank(window, key) + L::rank(window.add(8), key)
        };
        if below.wrapping_sub(1) < WINDOW_KEYS - 1 {
            return start + below;
        }
        if below == 0 {
            walk_left(self.keys, key, start, trace)
        } else {
            walk_right(self.keys, key, start + WINDOW_KEYS, trace)
        }
    }
}

/// Rounds of a group before the lookups that are left walk alone: three lines to each side of the predicted one are
/// within every usual error bound.
const ROUNDS: usize = 4;

/// Sides of its line on which a lookup may still have to look.
const LEFT: u8 = 1;
const RIGHT: u8 = 2;

impl LineProbe<'_> {
    /// Turns the predicted lines `starts` of a group into the lower bounds of its `keys`.
    ///
    /// Every lookup compares one line. Those whose answer it does not prove, about half, ask for the next line on the
    /// side where the answer must be, and wait for it together in the next round: a line is fetched only when it is
    /// needed, and no lookup waits for memory alone. Who is left is gathered without a branch, because half of the
    /// branches would be predicted wrongly.
    ///
    /// # Safety
    /// The lines lie within the keys, `starts` is as long as `keys`, and the CPU has the instruction set of `L`.
    #[inline(always)]
    unsafe fn settle_group<L: Lanes>(&self, keys: &[u64], starts: &mut [usize]) {
        let last_start = self.keys.len() - LINE_KEYS;
        let mut left = [(0u8, LEFT | RIGHT); GROUP];
        for (at, entry) in left.iter_mut().enumerate() {
            entry.0 = at as u8;
        }
        let mut left_count = keys.len();
        for _ in 0..ROUNDS {
            let waiting = std::mem::take(&mut left_count);
            for turn in 0..waiting {
                // SAFETY: entries are indexes of the group; `left_count` stays behind `turn`. As the caller vouches.
                unsafe {
                    let (at, sides) = *left.get_unchecked(turn);
                    let start = starts.get_unchecked_mut(usize::from(at));
                    let below = L::rank(self.keys.as_ptr().add(*start), *keys.get_unchecked(usize::from(at)));
                    let is_side = (u8::from(below == 0) * LEFT) | (u8::from(below == LINE_KEYS) * RIGHT);
                    let right = last_start.min(*start + LINE_KEYS);
                    let next = select_unpredictable(below == 0, start.saturating_sub(LINE_KEYS), right);
                    // At an end of the keys there is no next line.
                    let side = select_unpredictable(next == *start, 0, sides & is_side);
                    *start = select_unpredictable(side == 0, *start + below, next);
                    prefetch(self.keys.as_ptr().wrapping_add(*start));
                    *left.get_unchecked_mut(left_count) = (at, side);
                    left_count += usize::from(side != 0);
                }
            }
        }
        for (at, side) in &left[..left_count] {
            let (key, start) = (keys[usize::from(*at)], &mut starts[usize::from(*at)]);
            *start = if *side == RIGHT {
                walk_right(self.keys, key, *start, &mut ())
            } else {
                walk_left(self.keys, key, *start + LINE_KEYS, &mut ())
            };
        }
    }
}

/// The lower bound of `key`, which is above all keys before `at`.
///
/// One lookup in ten comes here. It is out of line and in plain code, so that the others save no registers for it.
#[cold]
#[inline(never)]
fn walk_right<T: Trace>(keys: &[u64], key: u64, mut at: usize, trace: &mut T) -> usize {
    for walked in 0..WALK_MAX {
        let line = &keys[at..keys.len().min(at + LINE_KEYS)];
        let below = line.partition_point(|k| *k < key);
        at += below;
        if below < LINE_KEYS {
            trace.walked(walked + usize::from(!line.is_empty()));
            return at;
        }
    }
    trace.walked(WALK_MAX);
    at + keys[at..].partition_point(|k| *k < key)
}

/// The lower bound of `key`, which is not above any key from `at` on.
#[cold]
#[inline(never)]
fn walk_left<T: Trace>(keys: &[u64], key: u64, mut at: usize, trace: &mut T) -> usize {
    for walked in 0..WALK_MAX {
        let start = at.saturating_sub(LINE_KEYS);
        let below = keys[start..at].partition_point(|k| *k < key);
        if below > 0 || start == 0 {
            trace.walked(walked + usize::from(at > 0));
            return start + below;
        }
        at = start;
    }
    trace.walked(WALK_MAX);
    keys[..at].partition_point(|k| *k < key)
}

/// Keys compared at once: half of them before the prediction. Not whole lines: where a prediction lies in its line says
/// nothing, and nearly all are within eight keys.
pub(crate) const WINDOW_KEYS: usize = 2 * LINE_KEYS;

/// The first key of the window around a prediction; `key_count` is at least [`WINDOW_KEYS`].
#[inline(always)]
pub(crate) fn window_start(predicted: u32, key_count: u32) -> u32 {
    predicted.saturating_sub(WINDOW_KEYS as u32 / 2).min(key_count - WINDOW_KEYS as u32)
}

/// The first key of the predicted line; `key_count` is at least [`LINE_KEYS`].
#[inline(always)]
fn line_start(predicted: u32, key_count: usize) -> usize {
    (predicted as usize & !(LINE_KEYS - 1)).min(key_count - LINE_KEYS)
}

impl LineProbe<'_> {
    /// # Safety
    /// `segment` is one, and the CPU has the instruction set of `L`.
    #[inline(always)]
    unsafe fn locate_in<L: Lanes, T: Trace>(&self, segment: usize, key: u64, trace: &mut T) -> usize {
        // SAFETY: segments are sound, and the window is one of `keys`.
        unsafe {
            let predicted = self.segments.get_unchecked(segment).predict::<L>(key);
            self.compare::<L, T>(key, window_start(predicted, self.keys.len() as u32) as usize, trace)
        }
    }

    /// Apart from the others, who would save registers for its call.
    #[cold]
    #[inline(never)]
    fn locate_beyond<T: Trace>(&self, table: &FenceTable<'_>, key: u64, trace: &mut T) -> usize {
        // SAFETY: the scalar path needs nothing of the CPU.
        unsafe { self.locate_in::<Scalar, T>(table.beyond(self.segments, key), key, trace) }
    }
}

impl Lookup for LineProbe<'_> {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, trace: &mut T) -> usize {
        // SAFETY: as the caller vouches; routing yields a segment.
        unsafe {
            let segment = match &self.router {
                Router::Table(table) => match table.segment::<L>(key) {
                    Some(segment) => segment,
                    None => return self.locate_beyond(table, key, trace),
                },
                Router::Tree(tree) => tree.descend::<L>(key),
            };
            self.locate_in::<L, T>(segment, key, trace)
        }
    }

    #[inline(always)]
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]) {
        debug_assert!(keys.len() <= GROUP);
        // SAFETY: as above.
        unsafe {
            let then = |segment: usize| prefetch(self.segments.as_ptr().wrapping_add(segment));
            match &self.router {
                Router::Table(table) => table.segments::<L>(self.segments, keys, out, then),
                Router::Tree(tree) => tree.descend_group::<L>(keys, out, then),
            }
            for (key, out) in keys.iter().zip(out.iter_mut()) {
                let predicted = self.segments.get_unchecked(*out).predict::<L>(*key);
                *out = line_start(predicted, self.keys.len());
                prefetch(self.keys.as_ptr().wrapping_add(*out));
            }
            self.settle_group::<L>(keys, out);
        }
    }
}
