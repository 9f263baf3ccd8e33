//! Batched point reads: groups of keys walk the same phases together, and three groups follow each other, so that cache
//! misses overlap with one another and with the work in between.
//!
//! Of a group and source: hash and prefetch the memtables' buckets; ask the memtables and prefetch the filter lines; ask
//! the filters and the index; prefetch the predicted blocks' headers; match the fingerprints and prefetch the entries;
//! compare; copy. The oldest level holds nearly all keys: while one group asks for headers there, the group before it
//! asks for entries and the one before that compares, a key of each in turn.

use std::sync::Arc;

use varve_types::Result;

use crate::hash::hash;
use crate::levels::Level;
use crate::read_types::{MISSING, PackedKeys, PackedMany};
use crate::segment::Segment;
use crate::segment::lookup::Lookup;
use crate::version::Version;

/// Keys that walk together: enough to hide DRAM latency, few enough to stay in the first-level cache.
pub const GROUP: usize = 32;

/// The places of a full group.
const ALL: [u8; GROUP] = {
    let mut all = [0; GROUP];
    let mut at = 0;
    while at < GROUP {
        all[at] = at as u8;
        at += 1;
    }
    all
};

/// A set of open keys, of places or of lookups of a group: bit `i` stands for number `i`.
type Set = u32;

/// Looks up all `keys` and packs the values; see [`crate::Store::get_many_packed`].
pub fn get_many(
    version: &Version,
    sequence: u64,
    keys: PackedKeys<'_>,
    values: &mut [u8],
    ends: &mut [u32],
) -> Result<PackedMany> {
    let usable = values.len().min((MISSING - 1) as usize);
    let mut packer = Packer { values: &mut values[..usable], ends, done: PackedMany::default() };
    let mut flights = [Flight::new(), Flight::new(), Flight::new()];
    let [asking, probing, answering] = &mut flights;
    let (mut asking, mut probing, mut answering) = (asking, probing, answering);
    let mut begun = 0;
    while packer.done.count < keys.len() {
        asking.begin(&keys, begun);
        asking.walk(version, sequence)?;
        begun += asking.group.count;
        step(&mut asking.walk, &mut probing.walk, &mut answering.walk, &mut answering.group)?;
        answering.walk.clear();
        if !packer.pack(&answering.group) {
            break;
        }
        answering.group.count = 0;
        (asking, probing, answering) = (answering, asking, probing);
    }
    Ok(packer.done)
}

/// The next phase of three groups, a lookup of each in turn.
fn step<'k, 'a>(
    asking: &mut Walk<'k, 'a>,
    probing: &mut Walk<'k, 'a>,
    answering: &mut Walk<'k, 'a>,
    answers: &mut Group<'k, 'a>,
) -> Result<()> {
    let together = asking.count.min(probing.count).min(answering.count).min(GROUP);
    let mut missed = 0;
    let (ask, probe) = (&asking.lookups[..together], &mut probing.lookups[..together]);
    for (at, ((ask, probe), answer)) in ask.iter().zip(probe).zip(&answering.lookups[..together]).enumerate()
    {
        ask.ask();
        probe.probe();
        match answer.value() {
            Some(value) => answers.values[usize::from(answer.place) % GROUP] = Some(value),
            None => missed |= 1 << at,
        }
    }
    asking.ask_from(together);
    probing.probe_from(together);
    answering.answer_from(together, missed, answers)
}

/// Where the answers go.
struct Packer<'o> {
    values: &'o mut [u8],
    ends: &'o mut [u32],
    done: PackedMany,
}

impl Packer<'_> {
    /// False when a value does not fit.
    fn pack(&mut self, group: &Group<'_, '_>) -> bool {
        let Self { values, ends, done } = self;
        let ends = &mut ends[done.count..][..group.count];
        for (end, value) in ends.iter_mut().zip(&group.values) {
            let Some(value) = value else {
                *end = done.bytes as u32 | MISSING;
                done.count += 1;
                continue;
            };
            let Some(out) = values.get_mut(done.bytes..done.bytes + value.len()) else {
                done.needed = value.len();
                return false;
            };
            out.copy_from_slice(value);
            done.bytes += value.len();
            *end = done.bytes as u32;
            done.count += 1;
            done.found += 1;
        }
        true
    }
}

/// A group and its lookups in one level.
struct Flight<'k, 'a> {
    group: Group<'k, 'a>,
    walk: Walk<'k, 'a>,
}

impl<'k, 'a> Flight<'k, 'a> {
    fn new() -> Self {
        let group = Group {
            count: 0,
            keys: [&[]; GROUP],
            hashes: [0; GROUP],
            places: [0; GROUP],
            open: 0,
            values: [None; GROUP],
        };
        Self { group, walk: Walk::new() }
    }

    /// Takes the next keys, of which none may be left.
    fn begin(&mut self, keys: &PackedKeys<'k>, first: usize) {
        let group = &mut self.group;
        group.count = GROUP.min(keys.len() - first);
        let taken = &mut group.keys[..group.count];
        keys.read(first, taken);
        for (key, key_hash) in taken.iter().zip(&mut group.hashes) {
            *key_hash = hash(key);
        }
        group.places = ALL;
        group.values = [None; GROUP];
        group.open = group.count;
    }

    /// Asks everything but the oldest level, where the lookups of the keys that are left begin.
    fn walk(&mut self, version: &'a Version, sequence: u64) -> Result<()> {
        let Self { group, walk } = self;
        walk.clear();
        for memtable in version.memtables().filter(|memtable| !memtable.is_empty()) {
            group.hashes[..group.open].iter().for_each(|hash| memtable.prefetch(*hash));
            let mut answered = 0;
            for at in 0..group.open {
                if let Some(value) = memtable.get(group.keys[at], group.hashes[at], sequence) {
                    group.values[usize::from(group.places[at])] = value;
                    answered |= 1 << group.places[at];
                }
            }
            group.close(answered);
        }
        let mut levels = version.levels.iter().peekable();
        while let Some(level) = levels.next().filter(|_| group.open != 0) {
            walk.begin(level, group);
            if levels.peek().is_some() {
                walk.ask_from(0);
                walk.probe_from(0);
                walk.answer_from(0, 0, group)?;
                group.close(walk.answered());
                walk.clear();
            }
        }
        Ok(())
    }
}

/// Keys that walk together, and what is known of them.
struct Group<'k, 'a> {
    count: usize,
    /// Keys that no source has answered yet, dense: the first `open` ones.
    keys: [&'k [u8]; GROUP],
    hashes: [u64; GROUP],
    /// Where their answers belong in `values`.
    places: [u8; GROUP],
    open: usize,
    /// `None` for a tombstone and for a key without an answer.
    values: [Option<&'a [u8]>; GROUP],
}

impl Group<'_, '_> {
    /// All open keys.
    fn all(&self) -> Set {
        Set::MAX.checked_shr((GROUP - self.open) as u32).unwrap_or(0)
    }

    /// Leaves out the open keys whose `places` were answered.
    fn close(&mut self, places: Set) {
        let mut left = 0;
        for at in 0..self.open {
            (self.keys[left], self.hashes[left], self.places[left]) =
                (self.keys[at], self.hashes[at], self.places[at]);
            left += usize::from(places >> self.places[left] & 1 == 0);
        }
        self.open = left;
    }
}

/// The lookups of a group in one level, ordered by segment.
struct Walk<'k, 'a> {
    parts: [Option<Part<'a>>; GROUP],
    lookups: [Lookup<'k, 'a>; GROUP],
    count: usize,
    /// Bit `i` stands for lookup `i`.
    missed: Set,
}

/// What a segment is asked.
#[derive(Clone, Copy)]
struct Part<'a> {
    segment: &'a Segment,
    /// For which open keys.
    asked: Set,
    /// Those that the filter did not exclude.
    passed: Set,
}

impl<'k, 'a> Walk<'k, 'a> {
    fn new() -> Self {
        Self { parts: [None; GROUP], lookups: [Lookup::default(); GROUP], count: 0, missed: 0 }
    }

    /// Forgets the lookups.
    fn clear(&mut self) {
        (self.parts[0], self.count) = (None, 0);
    }

    /// Finds where the open keys would lie.
    fn begin(&mut self, level: &'a Level<Arc<Segment>>, group: &Group<'k, 'a>) {
        self.part(level, group);
        self.count = 0;
        for Part { segment, asked, .. } in self.parts.iter().map_while(|part| *part) {
            if !segment.is_sure_of_hits() {
                each(asked).for_each(|at| segment.prefetch_filter(group.hashes[at]));
            }
        }
        for part in self.parts.iter_mut().map_while(|part| part.as_mut()) {
            let Part { segment, asked, .. } = *part;
            if !segment.is_sure_of_hits() {
                part.passed = segment.may_contain_each(&group.keys, &group.hashes, asked);
            }
            if part.passed == group.all() {
                // The usual case: one segment, where all keys may be.
                let open = group.open;
                let (keys, hashes) = (&group.keys[..open], &group.hashes[..open]);
                segment.begin_each(keys, hashes, &group.places[..open], &mut self.lookups[..open]);
                self.count = open;
                return;
            }
            let (mut keys, mut hashes, mut places) = ([&[][..]; GROUP], [0; GROUP], [0; GROUP]);
            let mut count = 0;
            for at in each(part.passed) {
                (keys[count], hashes[count], places[count]) =
                    (group.keys[at], group.hashes[at], group.places[at]);
                count += 1;
            }
            let lookups = &mut self.lookups[self.count..][..count];
            segment.begin_each(&keys[..count], &hashes[..count], &places[..count], lookups);
            self.count += count;
        }
    }

    /// Parts the open keys by segment.
    fn part(&mut self, level: &'a Level<Arc<Segment>>, group: &Group<'_, 'a>) {
        let mut count = 0;
        if let [only] = level.segments() {
            self.parts[0] = Some(Part::of(only, group.all()));
            count = 1;
        } else {
            for at in 0..group.open {
                let Some(segment) = level.of(group.keys[at]) else { continue };
                let mut known = self.parts[..count].iter_mut().flatten();
                match known.find(|part| std::ptr::eq(part.segment, &**segment)) {
                    Some(part) => *part = Part::of(segment, part.asked | 1 << at),
                    None => {
                        self.parts[count] = Some(Part::of(segment, 1 << at));
                        count += 1;
                    }
                }
            }
        }
        if let Some(end) = self.parts.get_mut(count) {
            *end = None;
        }
    }

    fn ask_from(&self, from: usize) {
        self.lookups[..self.count].iter().skip(from).for_each(Lookup::ask);
    }

    fn probe_from(&mut self, from: usize) {
        self.lookups[..self.count].iter_mut().skip(from).for_each(Lookup::probe);
    }

    /// Answers the lookups from `from` on, and those before that were `missed` so far.
    fn answer_from(&mut self, from: usize, missed: Set, group: &mut Group<'k, 'a>) -> Result<()> {
        self.missed = missed;
        for (at, lookup) in self.lookups[..self.count].iter().enumerate().skip(from) {
            match lookup.value() {
                Some(value) => group.values[usize::from(lookup.place) % GROUP] = Some(value),
                None => self.missed |= 1 << at,
            }
        }
        let mut lookups = 0..0;
        for part in self.parts.iter().map_while(|part| *part) {
            lookups = lookups.end..lookups.end + part.passed.count_ones() as usize;
            // Another shape of block, or another key with the same fingerprint.
            for at in each(self.missed & set_of(&lookups)) {
                let lookup = &self.lookups[at];
                if let Some(value) = lookup.find(part.segment)? {
                    group.values[usize::from(lookup.place) % GROUP] = value;
                    self.missed &= !(1 << at);
                }
            }
            let found = set_of(&lookups) & !self.missed;
            part.segment.note_hits(found.count_ones(), part.asked.count_ones());
        }
        Ok(())
    }

    /// The places of the answers.
    fn answered(&self) -> Set {
        let lookups = self.lookups[..self.count].iter().enumerate();
        lookups.fold(0, |places, (at, lookup)| places | (!self.missed >> at & 1) << lookup.place)
    }
}

/// The set of these lookups.
fn set_of(lookups: &std::ops::Range<usize>) -> Set {
    let below = |end: usize| (1u64 << end) - 1;
    (below(lookups.end) & !below(lookups.start)) as Set
}

impl<'a> Part<'a> {
    fn of(segment: &'a Segment, asked: Set) -> Self {
        Self { segment, asked, passed: asked }
    }
}

/// The members of a set, ascending.
#[inline]
fn each(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        // Known to the compiler, which then leaves out the checks of indices.
        Some(at % GROUP)
    })
}
