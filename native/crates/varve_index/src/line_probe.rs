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

use std::ops::Range;

use varve_types::Result;

use crate::fence_table::{self, FenceTable, Scale};
use crate::fence_tree::{self, FenceTree, Shape};
use crate::image::{HEADER_BYTES, Image, LINE_BYTES, Sections, damaged};
use crate::kind::{GROUP, Lookup, Trace};
use crate::lanes::{LINE_KEYS, Lanes, Scalar, prefetch};
use crate::segment::{BEFORE, Segment, WINDOW_KEYS};

/// Never over fewer than [`WINDOW_KEYS`] keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineProbe<'a> {
    pub(crate) keys: &'a [u64],
    segments: &'a [Segment],
    /// Those that the router leads to.
    led: &'a [Segment],
    pub(crate) router: Router<'a>,
    /// Whether a table leads to these segments, and it, their windows and the keys in them have one top bit.
    pub(crate) is_one_sided: bool,
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
        let nexts = segments[1..].iter().map(|next| next.first).chain([u64::MAX]);
        let are_sound = segments.iter().zip(nexts).all(|(segment, next)| segment.is_sound(next, keys.len()));
        if segments[0].first != 0 || !are_sound {
            return Err(damaged("a segment leads out of itself or of the keys"));
        }
        let router = match scale {
            Some(scale) => Router::Table(FenceTable::open(sections, scale, segments)?),
            None => Router::Tree(FenceTree::open_over(sections, segment_count, |at| segments[at].first)?),
        };
        let (led, is_one_sided) = match &router {
            Router::Table(table) => {
                let led = &segments[table.led()];
                (led, is_one_sided(table, led, keys))
            }
            Router::Tree(_) => (segments, false),
        };
        Ok(Self { keys, segments, led, router, is_one_sided })
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
                Router::Table(table) => match table.segment::<L>(key) {
                    Some(at) => table.led().start + at,
                    None => table.beyond(self.segments, key),
                },
                Router::Tree(tree) => tree.descend::<L>(key),
            }
        }
    }

    /// The position predicted for `key`, by whatever segment serves it.
    pub(crate) fn expected(&self, key: u64) -> usize {
        // SAFETY: the scalar path needs nothing of the CPU; all segments are sound, and routing is exact.
        unsafe { self.segments[self.route::<Scalar>(key)].window::<Scalar>(key) as usize + BEFORE }
    }

    /// The lower bound of `key`, beginning with the window at `start`.
    ///
    /// # Safety
    /// `start` is that of a window: `start + WINDOW_KEYS <= keys.len()`.
    #[inline(always)]
    unsafe fn compare<L: Lanes, T: Trace>(&self, key: u64, start: usize, trace: &mut T) -> usize {
        // SAFETY: the window lies within the keys.
        let below = unsafe { L::rank_two(self.keys.as_ptr().add(start), key) };
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

/// Whether all keys that a lookup through `table` may compare have the same top bit as all that it may want; `led` are
/// the segments that the table leads to.
fn is_one_sided(table: &FenceTable<'_>, led: &[Segment], keys: &[u64]) -> bool {
    let windows = led.iter().map(Segment::windows);
    let union = |all: Range<usize>, own: Range<usize>| all.start.min(own.start)..all.end.max(own.end);
    let Some(windows) = windows.reduce(union) else { return false };
    // The first key of the first segment is below all keys of the table, and may stand among the fences.
    let ends = [led[0].first, table.last_key(), keys[windows.start], keys[windows.end - 1]];
    let sides = ends.map(|key| key >> 63);
    sides.iter().all(|side| *side == sides[0])
}

/// Rounds of a group before the lookups that are left walk alone: three lines to each side of the predicted one are
/// within every usual error bound.
const ROUNDS: usize = 4;

/// A lookup of a group whose answer is not proven yet.
#[derive(Clone, Copy)]
struct Left {
    /// In the group.
    at: u8,
    /// So many keys below the wanted one in the next line prove nothing: all of them on the way to the right, none of
    /// them on the way to the left.
    undecided: u8,
}

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
        const ALL: u8 = LINE_KEYS as u8;
        let (own, last_start) = (self.keys.as_ptr(), self.keys.len() - LINE_KEYS);
        let mut left = [Left { at: 0, undecided: 0 }; GROUP];
        let mut left_count = 0;
        for at in 0..keys.len() {
            // SAFETY: `at` is an index of the group; `left_count` is not above it. As the caller vouches.
            unsafe {
                let answer = starts.get_unchecked_mut(at);
                let below = L::rank(own.add(*answer), *keys.get_unchecked(at));
                *answer += below;
                // Of the key before the answer, if that is in question: it lies in the next line.
                prefetch(own.wrapping_add(*answer).wrapping_sub(usize::from(below == 0)));
                *left.get_unchecked_mut(left_count) = Left { at: at as u8, undecided: below as u8 };
                left_count += usize::from(below.wrapping_sub(1) >= LINE_KEYS - 1);
            }
        }
        for _ in 1..ROUNDS {
            let waiting = std::mem::take(&mut left_count);
            for turn in 0..waiting {
                // SAFETY: as above; at the ends of the keys a line is compared again, and nothing is lost.
                unsafe {
                    let Left { at, undecided } = *left.get_unchecked(turn);
                    let answer = starts.get_unchecked_mut(usize::from(at));
                    let start = (*answer + usize::from(undecided)).saturating_sub(LINE_KEYS).min(last_start);
                    let below = L::rank(own.add(start), *keys.get_unchecked(usize::from(at)));
                    *answer = start + below;
                    prefetch(own.wrapping_add(*answer + usize::from(undecided)).wrapping_sub(LINE_KEYS));
                    *left.get_unchecked_mut(left_count) = Left { at, undecided };
                    left_count += usize::from(below == usize::from(undecided));
                }
            }
        }
        for Left { at, undecided } in &left[..left_count] {
            let (key, answer) = (keys[usize::from(*at)], &mut starts[usize::from(*at)]);
            *answer = if *undecided == ALL {
                walk_right(self.keys, key, *answer, &mut ())
            } else {
                walk_left(self.keys, key, *answer, &mut ())
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

/// The first key of the line of a prediction, which lies within its window.
#[inline(always)]
fn line_start(window: u32) -> usize {
    (window as usize + BEFORE) & !(LINE_KEYS - 1)
}

impl LineProbe<'_> {
    /// # Safety
    /// `segment` is the one that serves `key`, and the CPU has the instruction set of `L`.
    #[inline(always)]
    unsafe fn locate_in<L: Lanes, T: Trace>(&self, segment: &Segment, key: u64, trace: &mut T) -> usize {
        // SAFETY: segments are sound: the window is one of `keys`.
        unsafe {
            let start = segment.window::<L>(key);
            self.compare::<L, T>(key, start as usize, trace)
        }
    }

    /// # Safety
    /// `table` is that of this line probe, and the CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn locate_by_table<L: Lanes, T: Trace>(
        &self,
        table: &FenceTable<'_>,
        key: u64,
        trace: &mut T,
    ) -> usize {
        // SAFETY: as the caller vouches; the table leads to the segment that serves the key.
        unsafe {
            match table.segment::<L>(key) {
                Some(at) => self.locate_in::<L, T>(self.led.get_unchecked(at), key, trace),
                None => self.locate_beyond(table, key, trace),
            }
        }
    }

    /// Apart from the others, who would save registers for its call.
    #[cold]
    #[inline(never)]
    fn locate_beyond<T: Trace>(&self, table: &FenceTable<'_>, key: u64, trace: &mut T) -> usize {
        let segment = &self.segments[table.beyond(self.segments, key)];
        // SAFETY: the scalar path needs nothing of the CPU.
        unsafe { self.locate_in::<Scalar, T>(segment, key, trace) }
    }
}

impl Lookup for LineProbe<'_> {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, trace: &mut T) -> usize {
        // SAFETY: as the caller vouches; the tree leads to the segment that serves the key.
        unsafe {
            match &self.router {
                Router::Table(table) => self.locate_by_table::<L, T>(table, key, trace),
                Router::Tree(tree) => {
                    let segment = self.segments.get_unchecked(tree.descend::<L>(key));
                    self.locate_in::<L, T>(segment, key, trace)
                }
            }
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
                *out = line_start(self.segments.get_unchecked(*out).window::<L>(*key));
                prefetch(self.keys.as_ptr().wrapping_add(*out));
            }
            self.settle_group::<L>(keys, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LineProbe;
    use crate::image::Sections;
    use crate::segment_train::train;

    /// Whether the line probe over these keys is one-sided.
    fn check(name: &str, key: impl Fn(u64) -> u64, expected: bool) {
        let keys: Vec<u64> = (0..20_000).map(key).collect();
        let segments = train(&keys, 4, 1);
        let image = LineProbe::image_of(&segments);
        let probe = LineProbe::open(&mut Sections::of(&image), &keys, segments.len()).expect("as trained");
        assert_eq!(probe.is_one_sided, expected, "{name}");
    }

    #[test]
    fn keys_of_one_top_bit_are_one_sided() {
        check("small keys", |at| at * at, true);
        check("large keys", |at| (1 << 63) + at * at, true);
        check("up to the largest one", |at| u64::MAX - (19_999 - at) * 3, true);
        check("keys of both", |at| (1 << 63) - 10_000 * 70 + at * 70, false);
        check("a few outliers", |at| if at < 19_979 { at * 7 } else { (1 << 63) + (at << 40) }, true);
        check("a cluster too large to leave out", |at| if at < 15_000 { at } else { (1 << 63) + at }, false);
    }
}
