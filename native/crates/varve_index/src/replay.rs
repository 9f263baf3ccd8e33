//! The replay: before a build returns, the arithmetic of the lookup runs on every key and every gap.
//!
//! A query falls either on a key or into the gap below it; for both the answer is the position of that key, so the
//! domain splits into ranges `(keys[i - 1], keys[i]]` with answer `i`. Routing and prediction are monotone in the
//! key (counts of smaller words; products of non-negative numbers, rounded), so the two ends of a range bound
//! everything between them. The replay checks
//!
//! - line probe: for every `i`, the lines walked from the predictions of `keys[i - 1] + 1` and `keys[i]`, and for
//!   every segment that the table or tree leads its first and last query to it;
//! - trees: for every line, the answers at both ends of the range of queries that the tree sends to it.
//!
//! A kind that fails is not used: the build falls back to the S+ tree and reports why.

use std::ops::RangeInclusive;

use varve_types::Isa;

use crate::index::View;
use crate::kind::{GROUP, Lookup};
use crate::lanes::{LINE_KEYS, Lanes, with_lanes};
use crate::line_probe::LineProbe;
use crate::segment::{BEFORE, CELLS, Segment, WINDOW_KEYS};

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

/// Lines that a query may walk. A key is off by the width of its cell, `epsilon` at most, and a run of fewer equal keys
/// may lie before it. Rounding and partial lines add the rest.
fn walked_limit(epsilon: u32) -> u32 {
    (2 * epsilon + 2).saturating_sub(LINE_KEYS as u32) / LINE_KEYS as u32 + 2
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
    let walked = in_parallel(probe.segments().len(), threads, |segments| {
        let mut walked = Walked::default();
        let mut from = None;
        for segment in segments {
            let Some(queries) = queries(probe, segment) else { continue };
            check_routing(probe, segment, &queries, isa)?;
            let start = from.unwrap_or_else(|| probe.keys.partition_point(|key| key < queries.start()));
            let (segment, keys) = (&probe.segments()[segment], probe.keys);
            let answers = start..=advance(keys, start, |key| key < *queries.end());
            from = Some(advance(keys, *answers.end(), |key| key <= *queries.end()));
            let served = &Served { segment, keys, queries, answers };
            // SAFETY: the CPU has the instruction set that was detected.
            walked.merge(unsafe { with_lanes!(isa, replay_served(served: &Served<'_>) -> Walked) });
        }
        Ok(walked)
    })?;
    if walked.max > limit {
        return Err(format!("a lookup would walk {} lines, the limit is {limit}", walked.max));
    }
    Ok(walked)
}

/// The queries that a segment serves, if any.
fn queries(probe: &LineProbe<'_>, segment: usize) -> Option<RangeInclusive<u64>> {
    let first = if segment == 0 { 0 } else { probe.last_query(segment - 1).checked_add(1)? };
    let last = probe.last_query(segment);
    (first <= last).then_some(first..=last)
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

/// The segment must get exactly its queries, and predictions must not fall in it.
fn check_routing(
    probe: &LineProbe<'_>,
    segment: usize,
    queries: &RangeInclusive<u64>,
    isa: Isa,
) -> Result<(), String> {
    #[inline(always)]
    unsafe fn route<L: Lanes>(probe: &LineProbe<'_>, key: u64) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { probe.route::<L>(key) }
    }
    let is_served = |key: u64| {
        // SAFETY: the CPU has the instruction set that was detected.
        segment == unsafe { with_lanes!(isa, route(probe: &LineProbe<'_>, key: u64) -> usize) }
    };
    let is_monotone = probe.segments()[segment].codes().is_sorted();
    if is_served(*queries.start()) && is_served(*queries.end()) && is_monotone {
        Ok(())
    } else {
        Err(format!("segment {segment} does not get its own queries"))
    }
}

/// A segment, the queries that it gets, and their answers.
struct Served<'a> {
    segment: &'a Segment,
    keys: &'a [u64],
    queries: RangeInclusive<u64>,
    answers: RangeInclusive<usize>,
}

impl Served<'_> {
    /// The queries whose answer is `answer`, if any.
    fn queries_of(&self, answer: usize) -> Option<(u64, u64)> {
        let above = answer.checked_sub(1).map_or(Some(0), |below| self.keys[below].checked_add(1))?;
        let first = above.max(*self.queries.start());
        let last = self.keys.get(answer).map_or(u64::MAX, |key| *key).min(*self.queries.end());
        (first <= last).then_some((first, last))
    }
}

/// Replays all queries that a segment serves.
#[inline(always)]
unsafe fn replay_served<L: Lanes>(served: &Served<'_>) -> Walked {
    let key_count = served.keys.len() as u32;
    let (from, to) = (*served.answers.start(), *served.answers.end());
    let mut walked = Walked::default();
    // At its borders a segment may share the range of a key with its neighbours.
    for answer in [from, to].into_iter().take(1 + usize::from(to > from)) {
        let Some((first, last)) = served.queries_of(answer) else { continue };
        let lines = |query: u64| {
            // SAFETY: segments of an open index are sound; as the caller vouches.
            let start = unsafe { served.segment.window::<L>(query) };
            lines_walked(start, answer as u32, key_count)
        };
        walked.max = walked.max.max(lines(first)).max(lines(last));
        walked.sum += u64::from(lines(last));
        walked.count += 1;
    }
    // Inside, each key has its range to itself, and one prediction serves the key and the gap above it: the queries
    // of a gap are predicted between the keys at its ends.
    if to > from {
        // SAFETY: as the caller vouches.
        walked.merge(unsafe { replay_inside::<L>(served, from, to) });
    }
    walked
}

/// Replays the keys behind `from` and before `to`, and the gaps below them, cell by cell.
#[inline(always)]
unsafe fn replay_inside<L: Lanes>(served: &Served<'_>, from: usize, to: usize) -> Walked {
    let (segment, keys) = (served.segment, served.keys);
    let key_count = keys.len() as u32;
    let mut walked = Walked::default();
    let mut stripe = Stripe { starts: [0; STRIPE_KEYS + 1] };
    // SAFETY: as in `replay_served`.
    stripe.starts[0] = unsafe { segment.window::<L>(keys[from]) };
    let mut at = from + 1;
    for cell in 0..CELLS {
        let (low, high) = (segment.codes()[cell], segment.codes()[cell + 1]);
        let end = to.min(cell_end(segment, keys, at, cell));
        let cell = Cell { segment, knot: cell as u32 + 1, low: low.into(), high: high.into() };
        while at < end {
            let count = STRIPE_KEYS.min(end - at);
            // SAFETY: codes ascend with the keys; those before `at` are not above `low`, those before `end` not above
            // `high`.
            unsafe { stripe.predict(&cell, &keys[at..at + count]) };
            walked.merge(stripe.walked(&keys[at - 1..at + count], at as u32, key_count));
            stripe.starts[0] = stripe.starts[count];
            at += count;
        }
    }
    walked
}

/// The first position from `at` on whose key is behind the cell.
fn cell_end(segment: &Segment, keys: &[u64], at: usize, cell: usize) -> usize {
    let high = segment.codes()[cell + 1];
    let is_within = |key: u64| segment.is_within(key, high);
    // Where the knot was in training.
    let knot = segment.windows().start + BEFORE + (cell + 1) * usize::from(segment.width) + 1;
    let is_knot = knot > at && knot < keys.len() && is_within(keys[knot - 1]) && !is_within(keys[knot]);
    if is_knot { knot } else { advance(keys, at, is_within) }
}

/// A cell, as [`Segment::at`] takes it.
struct Cell<'a> {
    segment: &'a Segment,
    /// That at its end.
    knot: u32,
    low: i32,
    high: i32,
}

/// Keys that are predicted at once: enough for the vectors, few enough for registers and the nearest cache.
const STRIPE_KEYS: usize = 64;

/// Where the windows of consecutive keys start, behind that of the key before them. The loops below are kept apart and
/// plain, so that they become vectors.
struct Stripe {
    starts: [u32; STRIPE_KEYS + 1],
}

impl Stripe {
    /// # Safety
    /// All `keys` are in the cell.
    #[inline(always)]
    unsafe fn predict(&mut self, cell: &Cell<'_>, keys: &[u64]) {
        let mut codes = [0; STRIPE_KEYS];
        for (code, key) in codes.iter_mut().zip(keys) {
            *code = cell.segment.code(*key);
        }
        for (start, code) in self.starts[1..=keys.len()].iter_mut().zip(codes) {
            // SAFETY: as the caller vouches.
            *start = unsafe { cell.segment.at(cell.knot, cell.low, cell.high, code) };
        }
    }

    /// What queries walk that fall on the keys behind the first of `keys`, of which the second has the position
    /// `answer`, and into the gaps below them. A repeated key has no range; its mask turns whatever is computed for it
    /// to nothing.
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

#[cfg(test)]
mod tests {
    use super::replay;
    use crate::image::{Header, Sections};
    use crate::index::View;
    use crate::kind::Kind;
    use crate::line_probe::LineProbe;
    use crate::segment::Segment;
    use crate::segment_train::train;

    const EPSILON: u32 = 16;

    /// Trains, changes the segments, and replays.
    fn check(name: &str, change: impl FnOnce(&mut Vec<Segment>), passes: bool) {
        let keys: Vec<u64> = (0..40_000u64).map(|at| 1000 + at * at + at % 7).collect();
        let mut segments = train(&keys, EPSILON, 1);
        change(&mut segments);
        let image = LineProbe::image_of(&segments);
        let header = Header { segment_count: segments.len() as u64, ..Header::default() };
        let kind = Kind::LineProbe { epsilon: EPSILON };
        let view = View::open_in(kind, &header, &mut Sections::of(&image), &keys);
        let replayed =
            view.map_err(|error| error.to_string()).and_then(|view| replay(&view, &keys, EPSILON, 2));
        assert_eq!(replayed.is_ok(), passes, "{name}: {replayed:?}");
    }

    #[test]
    fn a_wrong_segment_does_not_pass() {
        check("as trained", |_| (), true);
        check("a base moved far", |segments| segments[40].lead += 100, false);
        check("the last base moved", |segments| segments.last_mut().expect("many").lead -= 100, false);
        check("wide cells", |segments| segments[7].width *= 4, false);
        check("no width", |segments| segments[90].width = 0, false);
        check("a segment left out", |segments| _ = segments.remove(30), false);
        check("the first one left out", |segments| drop(segments.drain(..2)), false);
        check("two swapped", |segments| segments.swap(50, 51), false);
        check("a first key of another", |segments| segments[20].first = segments[25].first, false);
    }
}
