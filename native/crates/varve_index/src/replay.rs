//! The replay: before a build returns, the arithmetic of the lookup runs on every key and every gap.
//!
//! A query falls either on a key or into the gap below it; for both the answer is the position of that key, so the
//! domain splits into ranges `(keys[i - 1], keys[i]]` with answer `i`. Routing and prediction are monotone in the
//! key (counts of smaller words; products of non-negative numbers, rounded), so the two ends of a range bound
//! everything between them. The replay checks
//!
//! - line probe: for every `i`, the lines walked from the predictions of `keys[i - 1] + 1` and `keys[i]`, and for
//!   every segment that the routing tree leads its first and last query to it;
//! - trees: for every line, the answers at both ends of the range of queries that the tree sends to it.
//!
//! A kind that fails is not used: the build falls back to the S+ tree and reports why.

use crate::index::View;
use crate::kind::{GROUP, Lookup};
use crate::lanes::{Isa, LINE_KEYS, Lanes, with_lanes};
use crate::line_probe::{LineProbe, predict, start_line};

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

/// Lines that a query between two keys, or on one, may walk: its key is off by `epsilon`, a run of equal keys
/// shorter than `epsilon` may lie between, and each end may fall just outside its line.
fn walked_limit(epsilon: u32) -> u32 {
    (2 * epsilon + 2) / LINE_KEYS as u32 + 2
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
    if probe.base(0) != 0 || probe.base(probe.segment_count()) as usize != probe.keys.len() {
        return Err("the segments do not cover the keys".to_owned());
    }
    let walked = in_parallel(probe.segment_count(), threads, |segments| {
        let mut walked = Walked::default();
        for segment in segments {
            check_routing(probe, segment, isa)?;
            // SAFETY: the CPU has the instruction set that was detected.
            walked.merge(unsafe {
                with_lanes!(isa, replay_segment(probe: &LineProbe<'_>, segment: usize) -> Walked)
            });
        }
        Ok(walked)
    })?;
    if walked.max > limit {
        return Err(format!("a lookup would walk {} lines, the limit is {limit}", walked.max));
    }
    Ok(walked)
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
    let first = probe.first(segment);
    let next = if segment + 1 < probe.segment_count() { probe.first(segment + 1) } else { u64::MAX };
    let ordered =
        first <= next && probe.base(segment) <= probe.base(segment + 1) && probe.slope(segment) >= 0.0;
    // A segment without queries of its own (its successor starts at the same key) is never routed to.
    let served = first == next || (routed(first + 1) == segment && routed(next) == segment);
    if ordered && served {
        Ok(())
    } else {
        Err(format!("PLA segment {segment} does not get its own queries"))
    }
}

#[inline(always)]
unsafe fn replay_segment<L: Lanes>(probe: &LineProbe<'_>, segment: usize) -> Walked {
    let keys = probe.keys;
    let (first, slope) = (probe.first(segment), probe.slope(segment));
    let (base, next_base) = (probe.base(segment), probe.base(segment + 1));
    let last_query = if segment + 1 < probe.segment_count() { probe.first(segment + 1) } else { u64::MAX };
    let lines_from = |key: u64, answer: usize| {
        let start = start_line(predict(key.saturating_sub(first), slope, base, next_base), keys.len());
        lines_walked(start as u32, answer as u32, keys.len())
    };
    let mut walked = Walked::default();

    // At its borders a segment may share the range of a key with its neighbour.
    for answer in [base as usize, next_base as usize] {
        let above = if answer == 0 { first } else { keys[answer - 1].max(first) };
        let last = keys.get(answer).map_or(last_query, |key| last_query.min(*key));
        if above < last {
            let lines = lines_from(last, answer);
            walked.max = walked.max.max(lines).max(lines_from(above + 1, answer));
            walked.sum += u64::from(lines);
            walked.count += 1;
        }
        if next_base == base {
            return walked;
        }
    }

    // Inside, each key has its range to itself. Blocks of eight keep the compiler in vectors.
    let mut answer = base as usize + 1;
    while answer + LINE_KEYS <= next_base as usize {
        let (own, previous) = (&keys[answer..answer + LINE_KEYS], &keys[answer - 1..answer - 1 + LINE_KEYS]);
        let (mut sum, mut count, mut max) = (0, 0, 0);
        for lane in 0..LINE_KEYS {
            let fresh = u32::from(own[lane] != previous[lane]);
            // A repeated key has no range; its mask turns whatever is computed for it to nothing.
            let at_key = lines_from(own[lane], answer + lane) * fresh;
            let in_gap = lines_from(previous[lane].wrapping_add(1), answer + lane) * fresh;
            sum += at_key;
            count += fresh;
            max = at_key.max(in_gap).max(max);
        }
        walked.sum += u64::from(sum);
        walked.count += u64::from(count);
        walked.max = walked.max.max(max);
        answer += LINE_KEYS;
    }
    for answer in answer..next_base as usize {
        if keys[answer] != keys[answer - 1] {
            let lines = lines_from(keys[answer], answer);
            walked.max = walked.max.max(lines).max(lines_from(keys[answer - 1] + 1, answer));
            walked.sum += u64::from(lines);
            walked.count += 1;
        }
    }
    walked
}

/// Lines visited beyond `start` until `answer` is proven: to the right up to the line of the answer, to the left up
/// to the line of the key before it.
#[inline(always)]
fn lines_walked(start: u32, answer: u32, key_count: usize) -> u32 {
    let line = answer / LINE_KEYS as u32;
    let line = line.min(((key_count - 1) / LINE_KEYS) as u32);
    let line_before = answer.saturating_sub(1) / LINE_KEYS as u32;
    line.saturating_sub(start).max(start.saturating_sub(line_before))
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
