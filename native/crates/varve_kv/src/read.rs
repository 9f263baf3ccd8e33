//! Batched point reads: groups of keys walk the same phases together, so that their cache misses overlap.
//!
//! Per group and source: hash and prefetch the memtables' buckets; ask the memtables and prefetch the
//! filter lines; ask the filters and the index and prefetch the predicted blocks' headers; match the
//! fingerprints and prefetch the entries; compare and copy.

use varve_types::Result;

use crate::hash::hash;
use crate::read_types::{MISSING, PackedKeys, PackedMany};
use crate::segment::Segment;
use crate::version::Version;

/// Keys that walk together: enough to hide DRAM latency, few enough to stay in the first-level cache.
const GROUP: usize = 32;

/// What is known of a key.
#[derive(Clone, Copy)]
enum State<'a> {
    Open,
    Known(Option<&'a [u8]>),
}

/// Looks up all `keys` and packs the values; see [`crate::Store::get_many_packed`].
pub fn get_many(
    version: &Version,
    sequence: u64,
    keys: PackedKeys<'_>,
    values: &mut [u8],
    ends: &mut [u32],
) -> Result<PackedMany> {
    let usable = values.len().min((MISSING - 1) as usize);
    let values = &mut values[..usable];
    let mut done = PackedMany::default();
    let mut hashes = [0u64; GROUP];
    for from in (0..keys.len()).step_by(GROUP) {
        let count = GROUP.min(keys.len() - from);
        let mut states = [State::Open; GROUP];
        look_up(version, sequence, &keys, from, &mut hashes[..count], &mut states[..count])?;
        for state in &states[..count] {
            let State::Known(Some(value)) = state else {
                ends[done.count] = done.bytes as u32 | MISSING;
                done.count += 1;
                continue;
            };
            let Some(out) = values.get_mut(done.bytes..done.bytes + value.len()) else {
                done.needed = value.len();
                return Ok(done);
            };
            out.copy_from_slice(value);
            done.bytes += value.len();
            ends[done.count] = done.bytes as u32;
            done.count += 1;
            done.found += 1;
        }
    }
    Ok(done)
}

fn look_up<'a>(
    version: &'a Version,
    sequence: u64,
    keys: &PackedKeys<'_>,
    from: usize,
    hashes: &mut [u64],
    states: &mut [State<'a>],
) -> Result<()> {
    for (at, key_hash) in hashes.iter_mut().enumerate() {
        *key_hash = hash(keys.get(from + at));
    }
    for memtable in version.memtables().filter(|memtable| !memtable.is_empty()) {
        hashes.iter().for_each(|&key_hash| memtable.prefetch(key_hash));
        for (at, state) in states.iter_mut().enumerate() {
            if matches!(state, State::Open)
                && let Some(value) = memtable.get(keys.get(from + at), hashes[at], sequence)
            {
                *state = State::Known(value);
            }
        }
    }
    for segment in &version.segments {
        look_in_segment(segment, keys, from, hashes, states)?;
    }
    Ok(())
}

fn look_in_segment<'a>(
    segment: &'a Segment,
    keys: &PackedKeys<'_>,
    from: usize,
    hashes: &[u64],
    states: &mut [State<'a>],
) -> Result<()> {
    for (state, &key_hash) in states.iter().zip(hashes) {
        if matches!(state, State::Open) {
            segment.prefetch_filter(key_hash);
        }
    }
    // Keys that the filter lets through: position in the group, key, predicted run.
    let (mut places, mut asked, mut runs) = ([0usize; GROUP], [&[][..]; GROUP], [0usize; GROUP]);
    let mut count = 0;
    for (at, state) in states.iter().enumerate() {
        let key = keys.get(from + at);
        if matches!(state, State::Open) && segment.may_contain(key, hashes[at]) {
            (places[count], asked[count]) = (at, key);
            count += 1;
        }
    }
    let (places, asked, runs) = (&places[..count], &asked[..count], &mut runs[..count]);
    segment.locate_batch(asked, runs);
    runs.iter().for_each(|&run| segment.prefetch_run(run));
    for (&at, &run) in places.iter().zip(runs.iter()) {
        segment.prefetch_entry(run, hashes[at]);
    }
    for ((&at, &key), &run) in places.iter().zip(asked).zip(runs.iter()) {
        if let Some(value) = segment.get_in(run, key, hashes[at])? {
            states[at] = State::Known(value);
        }
    }
    Ok(())
}
