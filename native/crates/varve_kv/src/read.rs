//! Batched point reads: groups of keys walk the same phases together, so that their cache misses overlap.
//!
//! Per group and source: hash and prefetch the memtables' buckets; ask the memtables and prefetch the
//! filter lines; ask the filters and the index and prefetch the predicted blocks' headers; match the
//! fingerprints and prefetch the entries; compare and copy.

use std::sync::Arc;

use varve_types::Result;

use crate::hash::hash;
use crate::levels::Level;
use crate::read_types::{MISSING, PackedKeys, PackedMany};
use crate::segment::Segment;
use crate::version::Version;

/// Keys that walk together: enough to hide DRAM latency, few enough to stay in the first-level cache.
const GROUP: usize = 32;

/// A set of keys of a group: bit `i` stands for key `i`.
type Set = u32;

/// The keys that walk together, and what is known of them.
struct Group<'k, 'a> {
    keys: [&'k [u8]; GROUP],
    hashes: [u64; GROUP],
    /// Keys that no source has answered yet.
    open: Set,
    /// The values of all other keys; `None` for a tombstone.
    values: [Option<&'a [u8]>; GROUP],
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
    let mut group = Group { keys: [&[]; GROUP], hashes: [0; GROUP], open: 0, values: [None; GROUP] };
    for from in (0..keys.len()).step_by(GROUP) {
        let count = GROUP.min(keys.len() - from);
        for (at, (key, key_hash)) in group.keys.iter_mut().zip(&mut group.hashes).take(count).enumerate() {
            *key = keys.get(from + at);
            *key_hash = hash(key);
        }
        group.open = Set::MAX >> (GROUP - count);
        look_up(version, sequence, &mut group)?;
        for (at, value) in group.values.iter().take(count).enumerate() {
            let Some(value) = value.filter(|_| group.open >> at & 1 == 0) else {
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

fn look_up<'a>(version: &'a Version, sequence: u64, group: &mut Group<'_, 'a>) -> Result<()> {
    for memtable in version.memtables().filter(|memtable| !memtable.is_empty()) {
        members(group.open).for_each(|at| memtable.prefetch(group.hashes[at]));
        for at in members(group.open) {
            if let Some(value) = memtable.get(group.keys[at], group.hashes[at], sequence) {
                group.answer(at, value);
            }
        }
    }
    for level in version.levels.iter() {
        if group.open != 0 {
            look_in_level(level, group)?;
        }
    }
    Ok(())
}

/// The segments of a level that a group asks, and which of its keys each is asked for.
struct Parts<'a> {
    segments: [&'a Segment; GROUP],
    asked: [Set; GROUP],
    count: usize,
}

impl<'a> Parts<'a> {
    /// `None` when the level is empty.
    fn of(level: &'a Level<Arc<Segment>>, group: &Group<'_, '_>) -> Option<Self> {
        let first = level.segments().first()?;
        let mut parts = Self { segments: [first; GROUP], asked: [0; GROUP], count: 0 };
        if level.segments().len() == 1 {
            parts.asked[0] = group.open;
            parts.count = 1;
            return Some(parts);
        }
        for at in members(group.open) {
            let Some(segment) = level.of(group.keys[at]) else { continue };
            let known = parts.iter().position(|(other, _)| std::ptr::eq(other, &**segment));
            let part = known.unwrap_or(parts.count);
            parts.segments[part] = segment;
            parts.asked[part] |= 1 << at;
            parts.count = parts.count.max(part + 1);
        }
        Some(parts)
    }

    fn iter(&self) -> impl Iterator<Item = (&'a Segment, Set)> {
        self.segments.iter().copied().zip(self.asked).take(self.count)
    }
}

fn look_in_level<'a>(level: &'a Level<Arc<Segment>>, group: &mut Group<'_, 'a>) -> Result<()> {
    let Some(parts) = Parts::of(level, group) else { return Ok(()) };
    for (segment, asked) in parts.iter().filter(|(segment, _)| !segment.is_sure_of_hits()) {
        members(asked).for_each(|at| segment.prefetch_filter(group.hashes[at]));
    }
    let (mut places, mut keys, mut runs) = ([0; GROUP], [&[][..]; GROUP], [0; GROUP]);
    let mut segments = parts.segments;
    let mut count = 0;
    for (segment, asked) in parts.iter() {
        let sure = segment.is_sure_of_hits();
        let passed = if sure { asked } else { segment.may_contain_each(&group.keys, &group.hashes, asked) };
        let from = count;
        for at in members(passed) {
            (places[count], keys[count], segments[count]) = (at, group.keys[at], segment);
            count += 1;
        }
        segment.locate_batch(&keys[from..count], &mut runs[from..count]);
        runs[from..count].iter().for_each(|&run| segment.prefetch_run(run));
    }
    let lookups = || places.iter().zip(&segments).zip(&runs).take(count);
    let mut firsts = [0; GROUP];
    for (((&at, segment), &run), first) in lookups().zip(&mut firsts) {
        *first = segment.probe(run, group.hashes[at])?;
    }
    for (((&at, segment), &run), &first) in lookups().zip(&firsts) {
        if let Some(value) = segment.get_from(first, run, group.keys[at], group.hashes[at])? {
            group.answer(at, value);
        }
    }
    for (segment, asked) in parts.iter() {
        segment.note_hits((asked & !group.open).count_ones(), asked.count_ones());
    }
    Ok(())
}

impl<'a> Group<'_, 'a> {
    #[inline]
    fn answer(&mut self, at: usize, value: Option<&'a [u8]>) {
        self.values[at] = value;
        self.open &= !(1 << at);
    }
}

/// The members of a set, ascending.
#[inline]
fn members(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        // Known to the compiler, which then leaves out the checks of indices.
        Some(at % GROUP)
    })
}
