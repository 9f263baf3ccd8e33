//! The replay: before a build returns, the arithmetic of the lookup runs on every key and every gap.
//!
//! A query falls either on a key or into the gap below it; for both the answer is the position of that key, so the
//! domain splits into ranges `(keys[i - 1], keys[i]]` with answer `i`. Routing and prediction are monotone in the
//! key (counts of smaller words; products of non-negative numbers, rounded), so the two ends of a range bound
//! everything between them. The replay checks
//!
//! - line probe: for every `i`, the lines walked from the predictions of `keys[i - 1] + 1` and `keys[i]`, and for
//!   every segment that table and routing tree lead its first and last query to it;
//! - trees: for every line, the answers at both ends of the range of queries that the tree sends to it.
//!
//! A kind that fails is not used: the build falls back to the S+ tree and reports why.

use varve_types::Isa;

use crate::index::View;
use crate::kind::{GROUP, Lookup};
use crate::lanes::{LINE_KEYS, Lanes, with_lanes};
use crate::line_probe::{LineProbe, WINDOW_KEYS, predict, window_start};

/// Lines walked beyond the predicted one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Walked {
    sum: u64,
    count: u64,
    pub(crate) max: u32,
}

impl Walked {
    pub(crate) fn mean(&self) -> f32 {
        if self.count == 0 { 0.0 } else { (self.sum as f64 / self.count as f64) as f32 }
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
        self.max = self.max.max(other.max);
    }
}

/// Lines that a query may walk. A key is off by `epsilon` from its cone and its line by as much from the origin of
/// the cone; a run of fewer than `epsilon` equal keys may lie before it. Rounding and partial lines add the rest.
fn walked_limit(epsilon: u32) -> u32 {
    (3 * epsilon + 2).saturating_sub(LINE_KEYS as u32) / LINE_KEYS as u32 + 2
}

/// Replays the arithmetic of `view` on all of `keys`; the message of a failure goes into the report.
pub(crate) fn replay(view: &View<'_>, keys: &[u64], epsilon: u32, threads: usize) -> Result<Walked, String> {
    match view {
        View::Affine(_) => Ok(Walked::default()), // its fit compared every key
        View::LineProbe(probe) => replay_line_probe(probe, epsilon, threads),
        View::SplusTree(_) | View::SparseFences(_) => replay_tree(view, keys, threads),
    }
}

/// Splits `0 .. count` over threads and merges what they find.
fn in_parallel(
    count: usize,
    threads: usize,
    work: impl Fn(std::ops::Range<usize>) -> Result<Walked, String> + Sync,
) -> Result<Walked, String> {
    let share = count.div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let helpers: Vec<_> = (share..count)
            .step_by(share)
            .map(|from| scope.spawn(move || work(from..count.min(from + share))))
            .collect();
        let mut walked = work(0..share.min(count))?;
        for helper in helpers {
            walked.merge(helper.join().map_err(|_| "the replay panicked".to_owned())??);
        }
        Ok(walked)
    })
}

fn replay_line_probe(probe: &LineProbe<'_>, epsilon: u32, threads: usize) -> Result<Walked, String> {
    let limit = walked_limit(epsilon);
    let isa = Isa::detect();
    let walked = in_parallel(probe.segment_count(), threads, |segments| {
        let mut walked = Walked::default();
        // The answer for queries just above the first key of the segment.
        let mut from = probe.keys.partition_point(|key| *key <= probe.first(segments.start));
        for segment in segments {
            check_routing(probe, segment, isa)?;
            let last_query = last_query(probe, segment);
            let to = advance(probe.keys, from, |key| key < last_query);
            // SAFETY: the CPU has the instruction set that was detected.
            walked.merge(unsafe {
                with_lanes!(
                    isa,
                    replay_segment(probe: &LineProbe<'_>, segment: usize, from: usize, to: usize) -> Walked
                )
            });
            from = advance(probe.keys, to, |key| key <= last_query);
        }
        Ok(walked)
    })?;
    if walked.max > limit {
        return Err(format!("a lookup would walk {} lines, the limit is {limit}", walked.max));
    }
    Ok(walked)
}

/// The largest query that a segment serves: the first key of the next segment.
fn last_query(probe: &LineProbe<'_>, segment: usize) -> u64 {
    if segment + 1 < probe.segment_count() { probe.first(segment + 1) } else { u64::MAX }
}

/// The first position from `at` on whose key is not `before`. Cost: the logarithm of the distance.
fn advance(keys: &[u64], at: usize, before: impl Fn(u64) -> bool) -> usize {
    let mut step = 1;
    while at + step <= keys.len() && before(keys[at + step - 1]) {
        step *= 2;
    }
    let from = at + step / 2;
    from + keys[from..keys.len().min(at + step)].partition_point(|key| before(*key))
}

/// The segment must get exactly the queries above its first key, up to the first key of the next.
fn check_routing(probe: &LineProbe<'_>, segment: usize, isa: Isa) -> Result<(), String> {
    #[inline(always)]
    unsafe fn route<L: Lanes>(probe: &LineProbe<'_>, key: u64) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { probe.route::<L>(key) }
    }
    let routed = |key: u64| {
        // SAFETY: the CPU has the instruction set that was detected.
        unsafe { with_lanes!(isa, route(probe: &LineProbe<'_>, key: u64) -> usize) }
    };
    let (first, last) = (probe.first(segment), last_query(probe, segment));
    // A segment without queries of its own (its successor starts at the same key) is never routed to.
    let served = first == last || (first < last && routed(first + 1) == segment && routed(last) == segment);
    let lowest = segment > 0 || (routed(0) == 0 && routed(first) == 0);
    // Predictions are monotone only on a line that does not fall.
    if served && lowest && probe.slope(segment) >= 0.0 {
        Ok(())
    } else {
        Err(format!("PLA segment {segment} does not get its own queries"))
    }
}

/// Replays all queries that `segment` serves; their answers run from `from` to `to`.
#[inline(always)]
unsafe fn replay_segment<L: Lanes>(probe: &LineProbe<'_>, segment: usize, from: usize, to: usize) -> Walked {
    let keys = probe.keys;
    let (first, slope) = (probe.first(segment), probe.slope(segment));
    let (base, next_base) = (probe.base(segment), probe.base(segment + 1));
    let last_query = last_query(probe, segment);
    let key_count = keys.len() as u32;
    let lines_from = |key: u64, answer: usize| {
        let predicted = predict(key.saturating_sub(first), slope, base, next_base);
        lines_walked(window_start(predicted, key_count), answer as u32, key_count)
    };
    let mut walked = Walked::default();
    let mut check = |low: u64, high: u64, answer: usize| {
        if low < high {
            let lines = lines_from(high, answer);
            walked.max = walked.max.max(lines).max(lines_from(low + 1, answer));
            walked.sum += u64::from(lines);
            walked.count += 1;
        }
    };

    // At its borders a segment may share the range of a key with its neighbours.
    let high_at = |answer: usize| keys.get(answer).map_or(last_query, |key| last_query.min(*key));
    check(first, high_at(from), from);
    if to > from {
        check(keys[to - 1], high_at(to), to);
    }
    if segment == 0 {
        // Below all segments the distance is cut to 0: one prediction for all.
        walked.max = walked.max.max(lines_from(0, 0));
    }

    // Inside, each key has its range to itself, and one prediction serves the key and the gap above it: the queries
    // of a gap are predicted between the keys at its ends. Blocks of eight keep the compiler in vectors.
    let line = Line { first, slope, base, next_base };
    let near = to > from && line.is_near(keys[to - 1]);
    let mut stripe = Stripe { starts: [0; STRIPE_KEYS + 1] };
    for answer in (from + 1..to).step_by(STRIPE_KEYS) {
        let keys = &keys[answer - 1..to.min(answer + STRIPE_KEYS)];
        if near {
            // SAFETY: just asked.
            unsafe { stripe.predict_near(&line, keys, key_count) };
        } else {
            stripe.predict(&line, keys, key_count);
        }
        walked.merge(stripe.walked(keys, answer as u32, key_count));
    }
    walked
}

/// A PLA segment as [`predict`] takes it.
struct Line {
    first: u64,
    slope: f32,
    base: u32,
    next_base: u32,
}

impl Line {
    /// Whether [`Self::predict_near`] may be asked for keys up to `last`.
    fn is_near(&self, last: u64) -> bool {
        let slope_is_near = self.slope.is_finite() && self.slope >= 0.0;
        slope_is_near
            && last - self.first < MANTISSA
            && self.next_base.wrapping_sub(self.base) <= i32::MAX as u32
    }

    /// [`predict`] by operations that exist as vectors: the same numbers, for distances below 2^52 and a room below
    /// 2^31.
    ///
    /// # Safety
    /// [`Self::is_near`] holds for a key that is not below `key`.
    #[inline(always)]
    unsafe fn predict_near(&self, key: u64) -> u32 {
        // Such a distance becomes the low bits of a number with the exponent of 2^52.
        let bits = (key - self.first) | (MANTISSA as f64).to_bits();
        let rise = (f64::from_bits(bits) - MANTISSA as f64) * f64::from(self.slope);
        let room = f64::from(self.next_base.wrapping_sub(self.base));
        // SAFETY: between 0 and a room below 2^31; a finite product is no NaN.
        let whole = unsafe { (if rise < room { rise } else { room }).to_int_unchecked::<i32>() };
        self.base.wrapping_add(whole as u32)
    }
}

const MANTISSA: u64 = 1 << 52;

/// Keys that are predicted at once: enough for the vectors, few enough for registers and the nearest cache.
const STRIPE_KEYS: usize = 64;

/// Where the windows of consecutive keys start. The loops below are kept apart and plain, so that they become vectors.
struct Stripe {
    starts: [u32; STRIPE_KEYS + 1],
}

impl Stripe {
    #[inline(always)]
    fn predict(&mut self, line: &Line, keys: &[u64], key_count: u32) {
        for (start, key) in self.starts.iter_mut().zip(keys) {
            let predicted = predict(*key - line.first, line.slope, line.base, line.next_base);
            *start = window_start(predicted, key_count);
        }
    }

    /// # Safety
    /// [`Line::is_near`] holds for the last of `keys`.
    #[inline(always)]
    unsafe fn predict_near(&mut self, line: &Line, keys: &[u64], key_count: u32) {
        for (start, key) in self.starts.iter_mut().zip(keys) {
            // SAFETY: as the caller vouches.
            *start = window_start(unsafe { line.predict_near(*key) }, key_count);
        }
    }

    /// What queries walk that fall on the second of `keys`, whose position is `answer`, on those behind it, and into
    /// the gaps below them. A repeated key has no range; its mask turns whatever is computed for it to nothing.
    #[inline(always)]
    fn walked(&self, keys: &[u64], answer: u32, key_count: u32) -> Walked {
        let (previous, own) = (&keys[..keys.len() - 1], &keys[1..]);
        let (gaps, starts) = (&self.starts[..own.len()], &self.starts[1..=own.len()]);
        let (mut sum, mut count, mut max) = (0, 0, 0);
        for lane in 0..own.len() {
            let answer = answer + lane as u32;
            let fresh = u32::from(own[lane] != previous[lane]);
            let at_key = lines_walked(starts[lane], answer, key_count) * fresh;
            let in_gap = lines_walked(gaps[lane], answer, key_count) * fresh;
            sum += at_key;
            count += fresh;
            max = at_key.max(in_gap).max(max);
        }
        Walked { sum: sum.into(), count: count.into(), max }
    }
}

/// Lines visited beyond the window at `start` until `answer` is proven, as the walks count them.
#[inline(always)]
fn lines_walked(start: u32, answer: u32, key_count: u32) -> u32 {
    const LINE: u32 = LINE_KEYS as u32;
    let end = start + WINDOW_KEYS as u32;
    let left = (start.wrapping_sub(answer) / LINE + 1).min(start.div_ceil(LINE));
    let right = (answer.wrapping_sub(end) / LINE + 1).min((key_count - end).div_ceil(LINE));
    if answer <= start {
        left
    } else if answer >= end {
        right
    } else {
        0
    }
}

fn replay_tree(view: &View<'_>, keys: &[u64], threads: usize) -> Result<Walked, String> {
    let isa = Isa::detect();
    let lines = keys.len().div_ceil(LINE_KEYS);
    in_parallel(lines, threads, |range| {
        for from in range.clone().step_by(GROUP) {
            for above in [0, 1] {
                let (mut queries, mut found) = ([0; GROUP], [0; GROUP]);
                let group = GROUP.min(range.end - from);
                for (query, line) in queries.iter_mut().zip(from..from + group) {
                    *query = keys[line * LINE_KEYS].saturating_add(above);
                }
                let (queries, found) = (&queries[..group], &mut found[..group]);
                // SAFETY: the CPU has the instruction set that was detected.
                unsafe {
                    with_lanes!(isa, locate_group(view: &View<'_>, queries: &[u64], found: &mut [usize]))
                };
                if let Some((query, _)) =
                    queries.iter().zip(found).find(|(query, at)| !is_lower_bound(keys, **query, **at))
                {
                    return Err(format!("the tree misplaces key {query}"));
                }
            }
        }
        Ok(Walked::default())
    })
}

#[inline(always)]
unsafe fn locate_group<L: Lanes>(view: &View<'_>, queries: &[u64], found: &mut [usize]) {
    // SAFETY: as the caller vouches.
    unsafe { view.locate_group::<L>(queries, found) }
}

/// The certificate of a lower bound: what is before is below, what is there is not.
fn is_lower_bound(keys: &[u64], key: u64, at: usize) -> bool {
    at <= keys.len() && (at == 0 || keys[at - 1] < key) && keys.get(at).is_none_or(|k| *k >= key)
}
