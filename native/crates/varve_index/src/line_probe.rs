//! The line probe: route to a line segment, predict, compare the predicted line of eight keys, walk if outside.
//!
//! Memory: 17 bytes per PLA segment (first key, slope and base, and its share of the routing tree), which is
//! 0.01-0.25 bytes per key on real data. Cost: the routing tree is small enough for the caches, so that a lookup
//! waits for memory once or twice, where an S+ tree over the keys waits on each of its lower levels.
//!
//! Sections: parameters (one word per segment and one more: base in the low half, bits of the f32 slope in the high
//! half), first keys (whole lines, padded with `u64::MAX`), routing tree, table over it.
//!
//! Invariant: the walk compares real keys and stops only where the answer is proven, so a bad model costs time and
//! never a wrong answer. After [`WALK_MAX`] lines it turns into a binary search, so even that time is bounded.

use std::hint::select_unpredictable;

use varve_types::Result;

use crate::fence_tree::{self, FenceTree, Shape};
use crate::image::{HEADER_BYTES, Image, LINE_BYTES, Sections, damaged};
use crate::kind::{GROUP, Lookup, Trace};
use crate::lanes::{LINE_KEYS, Lanes, Scalar, prefetch};
use crate::line_train::Segment;
use crate::top_table::{self, TopTable};

/// Never over fewer than [`WINDOW_KEYS`] keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineProbe<'a> {
    pub(crate) keys: &'a [u64],
    params: &'a [u64],
    firsts: &'a [u64],
    router: FenceTree<'a>,
    top: Option<TopTable<'a>>,
    segment_count: usize,
}

/// Lines that a lookup may walk before it searches: well above every bound that the replay admits.
const WALK_MAX: usize = 64;

fn param_words(segment_count: usize) -> usize {
    (segment_count + 1).next_multiple_of(LINE_KEYS)
}

impl<'a> LineProbe<'a> {
    pub(crate) fn bytes(segment_count: usize) -> usize {
        let lines = segment_count.div_ceil(LINE_KEYS);
        let shape = Shape::of(lines);
        let words = param_words(segment_count) + shape.words() + top_table::words(&shape);
        HEADER_BYTES + lines * LINE_BYTES + words * 8
    }

    /// Lays out trained segments over `key_count` keys; the image still needs its header.
    pub(crate) fn image_of(segments: &[Segment], key_count: usize) -> Image {
        let mut image = Image::zeroed(Self::bytes(segments.len()));
        let lines = segments.len().div_ceil(LINE_KEYS);
        let (params, rest) = image.body_mut().split_at_mut(param_words(segments.len()));
        let (firsts, rest) = rest.split_at_mut(lines * LINE_KEYS);
        let shape = Shape::of(lines);
        let (nodes, top) = rest.split_at_mut(shape.words());
        params.fill(key_count as u64); // whatever follows the last segment is the end
        firsts.fill(u64::MAX);
        for ((param, first), segment) in params.iter_mut().zip(firsts.iter_mut()).zip(segments) {
            *param = u64::from(segment.base) | u64::from(segment.slope.to_bits()) << 32;
            *first = segment.first;
        }
        fence_tree::fill(nodes, lines, 1, |line| firsts[line * LINE_KEYS]);
        top_table::fill(top, &shape, |line| firsts[line * LINE_KEYS]);
        image
    }

    pub(crate) fn open(sections: &mut Sections<'a>, keys: &'a [u64], segment_count: usize) -> Result<Self> {
        if keys.len() < WINDOW_KEYS || segment_count == 0 || segment_count > keys.len() * 2 + 1 {
            return Err(damaged("the number of keys or PLA segments is impossible"));
        }
        let lines = segment_count.div_ceil(LINE_KEYS);
        let params = sections.words(param_words(segment_count))?;
        let firsts = sections.words(lines * LINE_KEYS)?;
        let router = FenceTree::open(sections, lines)?;
        let top = TopTable::open(sections, &Shape::of(lines))?;
        if firsts[segment_count..].iter().any(|first| *first != u64::MAX) {
            return Err(damaged("a first key without a PLA segment"));
        }
        Ok(Self { keys, params, firsts, router, top, segment_count })
    }

    pub(crate) fn segment_count(&self) -> usize {
        self.segment_count
    }

    /// First key of a segment; it serves the keys *above*, up to and with the first key of the next segment.
    pub(crate) fn first(&self, segment: usize) -> u64 {
        self.firsts[segment]
    }

    /// Position of the first key of a segment; that of the end for `segment_count()`.
    pub(crate) fn base(&self, segment: usize) -> u32 {
        self.params[segment] as u32
    }

    pub(crate) fn slope(&self, segment: usize) -> f32 {
        f32::from_bits((self.params[segment] >> 32) as u32)
    }

    /// The segment that serves `key`: the last one whose first key is below it, or segment 0.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn route<L: Lanes>(&self, key: u64) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { self.segment_in::<L>(self.line::<L>(key), key) }
    }

    /// The line of first keys that holds the segment.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    #[inline(always)]
    unsafe fn line<L: Lanes>(&self, key: u64) -> usize {
        // SAFETY: as the caller vouches; the table leads to a node.
        unsafe {
            let Some(top) = &self.top else { return self.router.descend::<L>(key) };
            self.router.descend_from::<L>(top.level, top.node::<L>(key), key)
        }
    }

    /// # Safety
    /// `line` is a line of first keys.
    #[inline(always)]
    unsafe fn segment_in<L: Lanes>(&self, line: usize, key: u64) -> usize {
        // SAFETY: first keys are whole lines. The padding is below nothing, so the segment exists.
        let below = unsafe { L::rank(self.firsts.as_ptr().add(line * LINE_KEYS), key) };
        line * LINE_KEYS + below.saturating_sub(1)
    }

    /// The position predicted for `key`.
    #[inline(always)]
    unsafe fn predicted(&self, segment: usize, key: u64) -> u32 {
        // SAFETY: `segment` comes from `segment_in`; there is one parameter more than segments.
        let (first, param, next) = unsafe {
            let params = self.params.get_unchecked(segment..segment + 2);
            (*self.firsts.get_unchecked(segment), params[0], params[1])
        };
        let slope = f32::from_bits((param >> 32) as u32);
        predict(key.saturating_sub(first), slope, param as u32, next as u32)
    }

    /// The position predicted for `key`, by whatever segment serves it.
    pub(crate) fn expected(&self, key: u64) -> usize {
        // SAFETY: the scalar path needs nothing of the CPU; the segment is the one that serves `key`.
        unsafe { self.predicted(self.route::<Scalar>(key), key) as usize }
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
            L::rank(window, key) + L::rank(window.add(8), key) + L::rank(window.add(16), key)
        };
        if below.wrapping_sub(1) < WINDOW_KEYS - 1 {
            return start + below;
        }
        let (found, lines) = if below == 0 {
            walk_left(self.keys, key, start)
        } else {
            walk_right(self.keys, key, start + WINDOW_KEYS)
        };
        trace.walked(lines);
        found
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
            (*start, _) = if *side == RIGHT {
                walk_right(self.keys, key, *start)
            } else {
                walk_left(self.keys, key, *start + LINE_KEYS)
            };
        }
    }
}

/// The lower bound of `key`, which is above all keys before `at`, and the lines visited.
///
/// One lookup in ten comes here. It is out of line and in plain code, so that the others save no registers for it.
#[cold]
#[inline(never)]
fn walk_right(keys: &[u64], key: u64, mut at: usize) -> (usize, usize) {
    for walked in 0..WALK_MAX {
        let line = &keys[at..keys.len().min(at + LINE_KEYS)];
        let below = line.partition_point(|k| *k < key);
        at += below;
        if below < LINE_KEYS {
            return (at, walked + usize::from(!line.is_empty()));
        }
    }
    (at + keys[at..].partition_point(|k| *k < key), WALK_MAX)
}

/// The lower bound of `key`, which is not above any key from `at` on, and the lines visited.
#[cold]
#[inline(never)]
fn walk_left(keys: &[u64], key: u64, mut at: usize) -> (usize, usize) {
    for walked in 0..WALK_MAX {
        let start = at.saturating_sub(LINE_KEYS);
        let below = keys[start..at].partition_point(|k| *k < key);
        if below > 0 || start == 0 {
            return (start + below, walked + usize::from(at > 0));
        }
        at = start;
    }
    (keys[..at].partition_point(|k| *k < key), WALK_MAX)
}

/// The position predicted `distance` above the first key of a segment, never beyond the base of the next one.
///
/// The distance is taken in integers, because keys lose their low bits in floating point and distances do not.
/// Training, replay and lookup share this function: it is the arithmetic that a build verifies.
#[inline(always)]
pub(crate) fn predict(distance: u64, slope: f32, base: u32, next_base: u32) -> u32 {
    // The order of the comparisons turns NaN to 0, so that a lying slope stays between the bases as well, and no
    // conversion has to saturate.
    let rise = distance as f64 * f64::from(slope);
    let room = f64::from(next_base.wrapping_sub(base));
    let rise = if rise > 0.0 { rise } else { 0.0 };
    let rise = if rise < room { rise } else { room };
    // SAFETY: between 0 and a room below 2^32.
    base.wrapping_add(unsafe { rise.to_int_unchecked::<i64>() } as u32)
}

/// Keys compared at once: the predicted line and its neighbours.
pub(crate) const WINDOW_KEYS: usize = 3 * LINE_KEYS;

/// The first key of the window around a prediction; `key_count` is at least [`WINDOW_KEYS`].
#[inline(always)]
pub(crate) fn window_start(predicted: u32, key_count: u32) -> u32 {
    let line = predicted & !(LINE_KEYS as u32 - 1);
    line.saturating_sub(LINE_KEYS as u32).min(key_count - WINDOW_KEYS as u32)
}

/// The first key of the predicted line; `key_count` is at least [`LINE_KEYS`].
#[inline(always)]
fn line_start(predicted: u32, key_count: usize) -> usize {
    (predicted as usize & !(LINE_KEYS - 1)).min(key_count - LINE_KEYS)
}

impl Lookup for LineProbe<'_> {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, trace: &mut T) -> usize {
        // SAFETY: routing yields a segment, prediction a window of `keys`.
        unsafe {
            let routed = self.line::<L>(key);
            prefetch(self.params.as_ptr().wrapping_add(routed * LINE_KEYS));
            let predicted = self.predicted(self.segment_in::<L>(routed, key), key);
            self.compare::<L, T>(key, window_start(predicted, self.keys.len() as u32) as usize, trace)
        }
    }

    #[inline(always)]
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]) {
        debug_assert!(keys.len() <= GROUP);
        // SAFETY: as above.
        unsafe {
            let then = |line: usize| {
                prefetch(self.firsts.as_ptr().wrapping_add(line * LINE_KEYS));
                prefetch(self.params.as_ptr().wrapping_add(line * LINE_KEYS));
            };
            if let Some(top) = &self.top {
                for (key, out) in keys.iter().zip(out.iter_mut()) {
                    *out = top.node::<L>(*key);
                    self.router.prefetch_node(top.level, *out);
                }
                self.router.descend_group_from::<L>(top.level, keys, out, then);
            } else {
                self.router.descend_group::<L>(keys, out, then);
            }
            for (key, out) in keys.iter().zip(out.iter_mut()) {
                *out = self.segment_in::<L>(*out, *key);
                // Every eighth segment has the base of its successor in the next line.
                prefetch(self.params.as_ptr().wrapping_add(*out + 1));
            }
            for (key, out) in keys.iter().zip(out.iter_mut()) {
                let predicted = self.predicted(*out, *key);
                *out = line_start(predicted, self.keys.len());
                prefetch(self.keys.as_ptr().wrapping_add(*out));
            }
            self.settle_group::<L>(keys, out);
        }
    }
}
