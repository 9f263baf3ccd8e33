//! Training of the line probe: cuts ascending keys into segments.
//!
//! Cells of `epsilon` keys bound the error by themselves; what is left to do is to cut where a segment would not tell
//! its knots apart, because one gap is much wider than the others, and behind runs of equal keys, so that keys
//! *between* a run and its successor are predicted to the end of the run, not to its beginning. A segment ends where a
//! new key begins, which is the largest that it serves and its last knot. Keys at both ends, whose windows would leave
//! the array, get segments of width 0.
//!
//! Chunks of [`CHUNK_KEYS`] keys are trained apart, on any number of threads, with the same result. Cost: some 0.3 ns
//! per key and thread, to look for runs; memory: the segments.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::segment::{BEFORE, CELLS, CODE_BITS, Segment, WIDTH_MAX, WINDOW_KEYS};

/// Keys that one thread takes at a time.
const CHUNK_KEYS: usize = 1 << 20;

/// Trains on ascending `keys`, at least [`WINDOW_KEYS`] and at most 2^32 - 1.
pub(crate) fn train(keys: &[u64], epsilon: u32, threads: usize) -> Vec<Segment> {
    let inner = BEFORE..keys.len() - BEFORE;
    let chunk_count = inner.len().div_ceil(CHUNK_KEYS);
    let next_chunk = AtomicUsize::new(0);
    let work = || {
        let mut trained = Vec::new();
        loop {
            let chunk = next_chunk.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunk_count {
                return trained;
            }
            let start = inner.start + chunk * CHUNK_KEYS;
            trained.push((start, train_chunk(keys, start..inner.end.min(start + CHUNK_KEYS), epsilon)));
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
    parts.sort_unstable_by_key(|(start, _)| *start);
    let mut segments =
        Vec::with_capacity(parts.iter().map(|(_, part)| part.segments.len()).sum::<usize>() + 6);
    // The first segment serves all keys up to the first one of the next; until that is known, up to the largest.
    segments.push(Segment::still(0, u64::MAX, 0));
    let mut at = inner.start;
    for (start, part) in parts {
        segments.extend(part.segments);
        at = part.end;
        if at < inner.end.min(start + CHUNK_KEYS) {
            break;
        }
    }
    segments.extend(last_segments(keys, at, run_keys(epsilon)));
    segments[0] = Segment::still(0, segments[1].first, 0);
    segments
}

/// So many equal keys end a segment.
fn run_keys(epsilon: u32) -> usize {
    epsilon.max(2) as usize
}

/// The segments of a chunk, and where they end: behind the chunk when equal keys cross its end, before it when the rest
/// is too near to the last key for a whole window.
struct Part {
    segments: Vec<Segment>,
    end: usize,
}

fn train_chunk(keys: &[u64], chunk: Range<usize>, epsilon: u32) -> Part {
    let (width, run) = ((epsilon.max(1) as usize).min(WIDTH_MAX), run_keys(epsilon));
    let mut segments = Vec::with_capacity(chunk.len() / (CELLS * width) + 1);
    let mut at = chunk.start;
    loop {
        // Equal keys belong to their first occurrence, whichever segment or chunk that is in.
        while at < chunk.end && keys[at] == keys[at - 1] {
            at += 1;
        }
        if at >= chunk.end {
            return Part { segments, end: at };
        }
        if keys.get(at + run - 1) == Some(&keys[at]) {
            // No key lies within a long run, and its first occurrence ends the segment before it, if there is one.
            let first = first_key(keys, at, run);
            if first < keys[at] {
                segments.push(Segment::still(first, keys[at], at - BEFORE));
            }
            at += run;
            continue;
        }
        let most = (CELLS * width).min(chunk.end - at);
        let most = long_run(&keys[at..at + most], run).unwrap_or(most);
        let Some((segment, length)) = longest(keys, at, first_key(keys, at, run), most) else {
            return Part { segments, end: at };
        };
        at += length;
        segments.push(segment);
    }
}

/// The first key of a segment at `at`. Keys *between* a long run and its successor are predicted to the end of the run.
fn first_key(keys: &[u64], at: usize, run: usize) -> u64 {
    let ends_long_run = at >= run && keys[at - run] == keys[at - 1];
    if ends_long_run { keys[at - 1] } else { keys[at] }
}

/// Where the first run of at least `run` equal keys starts.
fn long_run(keys: &[u64], run: usize) -> Option<usize> {
    let ends = keys.get(run - 1..)?;
    // A count rather than a search: it takes vectors, and long runs are rare.
    let runs = keys.iter().zip(ends).fold(0, |runs, (key, end)| runs + u64::from(key == end));
    if runs == 0 { None } else { keys.iter().zip(ends).position(|(key, end)| key == end) }
}

/// The longest segment from `at` that can tell its knots apart, and its keys, about `most` or fewer; `None` when its
/// windows would leave the keys.
fn longest(keys: &[u64], at: usize, first: u64, most: usize) -> Option<(Segment, usize)> {
    let width_max = (keys.len() - BEFORE - at) / CELLS;
    let mut length = most;
    loop {
        length = whole_runs(keys, at, length.min(width_max * CELLS));
        let width = length.div_ceil(CELLS);
        if width == 0 || width > width_max {
            return None;
        }
        let segment = Segment::over(first, at, width, |knot| keys[at + length.min(knot * width)]);
        let is_one_run = keys[at] == keys[at + length - 1];
        // Knots behind the end repeat its code.
        let tie = segment.tie().filter(|tie| tie * width < length && !is_one_run);
        let Some(tie) = tie else { return Some((segment, length)) };
        length = if segment.codes()[tie] == 0 {
            // One gap is too wide for all cells before it: only as far as the first knot has a code above 0.
            let reach = first.saturating_add((keys[at + width] - first).saturating_mul(1 << (CODE_BITS - 1)));
            keys[at..at + length - 1].partition_point(|key| *key < reach).max(1)
        } else {
            tie * width
        };
    }
}

/// The length of a segment from `at` that does not end within equal keys: those that cross its end are left to the next
/// one, unless there are no others.
fn whole_runs(keys: &[u64], at: usize, length: usize) -> usize {
    let end = at + length;
    if length == 0 || keys[end - 1] != keys[end] {
        return length;
    }
    let others = keys[at..end].partition_point(|key| *key < keys[end]);
    if others > 0 { others } else { length + keys[end..].iter().take_while(|key| **key == keys[at]).count() }
}

/// The segments from `at` on to the end, a window each.
fn last_segments(keys: &[u64], at: usize, run: usize) -> Vec<Segment> {
    let (last, last_start) = (keys.len() - 1, keys.len() - WINDOW_KEYS);
    let mut segments = Vec::new();
    let (mut at, mut first) = (at, first_key(keys, at, run));
    while at < last {
        let next = last.min(at + WINDOW_KEYS - 1);
        segments.push(Segment::still(first, keys[next], at.min(last_start)));
        (at, first) = (next, keys[next]);
    }
    segments.push(Segment::still(first, u64::MAX, last_start));
    segments
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
        check("even gaps", |_| 10, 1000..=1005);
        check("gaps of many sizes", |at| 1 << (at % 10), 1000..=1005);
        // A wide gap costs a segment before it and one for itself, wherever it lies.
        let wide = |at: usize| at % (20 * WHOLE) == 20 * WHOLE - 30;
        check("wide gaps, 50 of them", |at| if wide(at) { 1 << 40 } else { 1 }, 1000..=1200);
        // A segment tells some fifteen octaves apart: three of them for each round of forty.
        check("each gap twice the last, in turn", |at| 1 << (at % 40), 13_700..=13_900);
    }
}
