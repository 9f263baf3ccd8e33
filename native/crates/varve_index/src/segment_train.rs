//! Training of the line probe: cuts ascending keys into segments.
//!
//! Cells of `epsilon` keys bound the error by themselves; what is left to do is to cut where a segment would not tell
//! its knots apart, because one gap is much wider than the others, and behind runs of equal keys, so that keys
//! *between* a run and its successor are predicted to the end of the run, not to its beginning.
//!
//! Chunks of [`CHUNK_KEYS`] keys are trained apart, on any number of threads, with the same result. Cost: some 0.3 ns
//! per key and thread, to look for runs; memory: the segments.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::segment::{CELLS, CODE_BITS, Segment, WIDTH_MAX};

/// Keys that one thread takes at a time.
const CHUNK_KEYS: usize = 1 << 20;

/// Trains on ascending `keys`, at least one and at most 2^32 - 1.
pub(crate) fn train(keys: &[u64], epsilon: u32, threads: usize) -> Vec<Segment> {
    let chunk_count = keys.len().div_ceil(CHUNK_KEYS);
    let next_chunk = AtomicUsize::new(0);
    let work = || {
        let mut trained = Vec::new();
        loop {
            let chunk = next_chunk.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunk_count {
                return trained;
            }
            trained.push((chunk, train_chunk(keys, chunk * CHUNK_KEYS, epsilon)));
        }
    };
    let mut parts = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(chunk_count)).map(|_| scope.spawn(work)).collect();
        let mut parts = work();
        for helper in helpers {
            parts.extend(helper.join().expect("training does not panic"));
        }
        parts
    });
    parts.sort_unstable_by_key(|(chunk, _)| *chunk);
    let mut segments = Vec::with_capacity(parts.iter().map(|(_, part)| part.len()).sum::<usize>() + 2);
    // Keys below the first one belong to the beginning; with their own segment no lookup has to ask whether a key is
    // below the first key of its segment.
    if keys[0] > 0 {
        segments.push(Segment::over(0, 0, 1, |_| 0));
    }
    segments.extend(parts.into_iter().flat_map(|(_, part)| part));
    // Keys above the last one belong at the end, even when that is far behind the last first occurrence.
    let last = keys[keys.len() - 1];
    if ends_long_run(keys, keys.len(), run_keys(epsilon)) {
        segments.push(Segment::over(last, keys.len(), 1, |_| last));
    }
    segments
}

/// So many equal keys end a segment.
fn run_keys(epsilon: u32) -> usize {
    epsilon.max(2) as usize
}

fn train_chunk(keys: &[u64], start: usize, epsilon: u32) -> Vec<Segment> {
    let end = keys.len().min(start + CHUNK_KEYS);
    let (width, run) = ((epsilon.max(1) as usize).min(WIDTH_MAX), run_keys(epsilon));
    let mut segments = Vec::with_capacity((end - start) / (CELLS * width) + 1);
    let mut at = start;
    loop {
        // Equal keys belong to their first occurrence, whichever segment or chunk that is in.
        while at > 0 && at < end && keys[at] == keys[at - 1] {
            at += 1;
        }
        if at == end {
            return segments;
        }
        let first = if ends_long_run(keys, at, run) { keys[at - 1] } else { keys[at] };
        let most = (CELLS * width).min(end - at);
        let most = long_run(&keys[at..at + most], run).map_or(most, |start| start.max(1));
        let segment = longest(keys, at, first, most);
        at += segment.1;
        segments.push(segment.0);
    }
}

/// Whether `run` equal keys or more end just before `at`.
fn ends_long_run(keys: &[u64], at: usize, run: usize) -> bool {
    at >= run && keys[at - run] == keys[at - 1]
}

/// Where the first run of at least `run` equal keys starts.
fn long_run(keys: &[u64], run: usize) -> Option<usize> {
    let ends = keys.get(run - 1..)?;
    // A count rather than a search: it takes vectors, and long runs are rare.
    let runs = keys.iter().zip(ends).fold(0, |runs, (key, end)| runs + u64::from(key == end));
    if runs == 0 { None } else { keys.iter().zip(ends).position(|(key, end)| key == end) }
}

/// The longest segment from `at` that can tell its knots apart, and its keys, at most `most`.
fn longest(keys: &[u64], at: usize, first: u64, most: usize) -> (Segment, usize) {
    let mut length = most;
    loop {
        let width = length.div_ceil(CELLS);
        let last = keys.len() - 1;
        let segment = Segment::over(first, at, width, |knot| keys[last.min(at + length.min(knot * width))]);
        // Knots behind the end repeat its code.
        let tie = segment.tie().filter(|tie| tie * width < length && length > 1);
        let Some(tie) = tie else { return (segment, length) };
        length = if segment.codes()[tie] == 0 {
            // One gap is too wide for all cells before it: only as far as the first knot has a code above 0.
            let reach = first.saturating_add((keys[at + width] - first).saturating_mul(1 << (CODE_BITS - 1)));
            keys[at..at + length - 1].partition_point(|key| *key < reach).max(1)
        } else {
            tie * width
        };
    }
}

#[cfg(test)]
mod tests {
    use super::train;
    use crate::segment::CELLS;

    const EPSILON: u32 = 8;
    const WHOLE: usize = CELLS * EPSILON as usize;

    /// Segments over 1000 whole ones, between which `gap` lies before every key but the first.
    fn check(name: &str, gap: impl Fn(usize) -> u64, expected: std::ops::RangeInclusive<usize>) {
        let keys: Vec<u64> = (0..1000 * WHOLE)
            .scan(0, |key, at| {
                *key += if at == 0 { 0 } else { gap(at) };
                Some(*key)
            })
            .collect();
        let segments = train(&keys, EPSILON, 1).len();
        assert!(expected.contains(&segments), "{name}: {segments}");
    }

    #[test]
    fn segments_are_whole_where_gaps_allow() {
        check("even gaps", |_| 10, 1000..=1001);
        check("gaps of many sizes", |at| 1 << (at % 10), 1000..=1001);
        // A wide gap costs a segment before it and one for itself, wherever it lies.
        let wide = |at: usize| at % (20 * WHOLE) == 20 * WHOLE - 30;
        check("wide gaps, 50 of them", |at| if wide(at) { 1 << 40 } else { 1 }, 1000..=1200);
        // A segment tells some fifteen octaves apart: three of them for each round of forty.
        check("each gap twice the last, in turn", |at| 1 << (at % 40), 13_700..=13_900);
    }
}
