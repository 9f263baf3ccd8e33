//! Merges the memtables and levels of one snapshot into one ordered stream, both ways.
//!
//! Invariants
//! 1. Among sources that stand on the same key the newest wins, and all of them move on together.
//! 2. Forward, every source stands at or behind the current key; backward, at or before it.

use std::cmp::Ordering;
use std::ops::Bound;

use varve_types::Result;

use crate::error::Failure;
use crate::hash::head;
use crate::level_iter::LevelIter;
use crate::levels::Levels;
use crate::memtable::MemIter;
use crate::read_types::{Fields, Filled, Range};
use crate::version::Snapshot;

/// Iterates a range of one snapshot; owns everything it needs, may move between threads.
pub struct Cursor {
    merge: Merge,
    range: Range,
    left: u64,
    /// The merge stands on the next entry to give.
    positioned: bool,
    /// The entry that `next_entry` gave last has not been passed yet.
    given: bool,
    /// A source failed, so that nothing behind this place can be trusted; only a seek goes on.
    failed: Option<Failure>,
}

/// The sources of a merge, newest first, and the current one.
pub(crate) struct Merge {
    sources: Vec<Source>,
    current: Option<usize>,
    reverse: bool,
}

/// A key and its value; no value is a tombstone.
type Versioned<'a> = (&'a [u8], Option<&'a [u8]>);

enum Kind {
    Mem(MemIter),
    Level(Box<LevelIter>),
}

struct Source {
    kind: Kind,
    /// First 8 bytes of the current key; meaningless without one.
    head: u64,
    valid: bool,
}

impl Source {
    fn new(kind: Kind) -> Self {
        Self { kind, head: 0, valid: false }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match &self.kind {
            Kind::Mem(iter) => iter.key(),
            Kind::Level(iter) => iter.segment().key(),
        }
    }

    #[inline]
    fn value(&self) -> Result<Option<&[u8]>> {
        match &self.kind {
            Kind::Mem(iter) => Ok(iter.value()),
            Kind::Level(iter) => iter.segment().value(),
        }
    }

    #[inline]
    fn refresh(&mut self) {
        self.valid = match &self.kind {
            Kind::Mem(iter) => iter.valid(),
            Kind::Level(iter) => iter.valid(),
        };
        if self.valid {
            self.head = head(self.key());
        }
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        match &mut self.kind {
            Kind::Mem(iter) => iter.seek(key),
            Kind::Level(iter) => iter.seek(key)?,
        }
        self.refresh();
        Ok(())
    }

    fn seek_back(&mut self, key: Option<&[u8]>) -> Result<()> {
        match &mut self.kind {
            Kind::Mem(iter) => iter.seek_back(key),
            Kind::Level(iter) => iter.seek_back(key)?,
        }
        self.refresh();
        Ok(())
    }

    #[inline]
    fn step(&mut self, reverse: bool) -> Result<()> {
        match (&mut self.kind, reverse) {
            (Kind::Mem(iter), false) => iter.next(),
            (Kind::Mem(iter), true) => iter.previous(),
            (Kind::Level(iter), false) => iter.next()?,
            (Kind::Level(iter), true) => iter.previous()?,
        }
        self.refresh();
        Ok(())
    }
}

impl Merge {
    /// Over the sources of `snapshot`.
    pub fn new(snapshot: &Snapshot, reverse: bool) -> Self {
        let version = &snapshot.version;
        let memtables = version.memtables().filter(|memtable| !memtable.is_empty());
        let memtables = memtables.map(|memtable| memtable.clone().iter(snapshot.sequence));
        Self::over(memtables, &version.levels, reverse)
    }

    /// Over all memtables, newest first, and all levels.
    pub fn over(memtables: impl Iterator<Item = MemIter>, levels: &Levels, reverse: bool) -> Self {
        let levels = levels.iter().filter_map(|level| LevelIter::new(level.clone()));
        let levels = levels.map(|iter| Kind::Level(Box::new(iter)));
        let sources = memtables.map(Kind::Mem).chain(levels).map(Source::new).collect();
        Self { sources, current: None, reverse }
    }

    /// Moves every source to the first key at or after `key`.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.sources.iter_mut().try_for_each(|source| source.seek(key))?;
        self.choose();
        Ok(())
    }

    /// Moves every source to the last key at or before `key` (the last of all for `None`).
    pub fn seek_back(&mut self, key: Option<&[u8]>) -> Result<()> {
        self.sources.iter_mut().try_for_each(|source| source.seek_back(key))?;
        self.choose();
        Ok(())
    }

    /// The current entry; `None` at the end.
    #[inline]
    pub fn entry(&self) -> Result<Option<Versioned<'_>>> {
        let Some(at) = self.current else { return Ok(None) };
        let source = &self.sources[at];
        Ok(Some((source.key(), source.value()?)))
    }

    #[inline]
    fn key(&self) -> Option<&[u8]> {
        self.current.map(|at| self.sources[at].key())
    }

    /// Moves past the current key in every source.
    #[inline]
    pub fn step(&mut self) -> Result<()> {
        let Some(current) = self.current else { return Ok(()) };
        if self.sources.len() > 1 {
            let (newer, rest) = self.sources.split_at_mut(current);
            debug_assert!(newer.len() == current, "the current source is the newest on its key");
            if let Some((source, older)) = rest.split_first_mut() {
                for other in older {
                    if other.valid && other.head == source.head && other.key() == source.key() {
                        other.step(self.reverse)?;
                    }
                }
            }
        }
        self.sources[current].step(self.reverse)?;
        self.choose();
        Ok(())
    }

    /// The only valid source, if there is exactly one and it is a level.
    #[inline]
    fn lone_level(&mut self) -> Option<&mut LevelIter> {
        let current = self.current?;
        if self.sources.len() > 1 {
            let alone = self.sources.iter().enumerate().all(|(at, source)| at == current || !source.valid);
            if !alone {
                return None;
            }
        }
        match &mut self.sources[current].kind {
            Kind::Level(iter) => Some(iter),
            Kind::Mem(_) => None,
        }
    }

    /// After the current source was moved by itself.
    fn refresh(&mut self) {
        if let Some(current) = self.current {
            self.sources[current].refresh();
        }
        self.choose();
    }

    #[inline]
    fn choose(&mut self) {
        let mut best: Option<usize> = None;
        for (at, source) in self.sources.iter().enumerate() {
            if !source.valid {
                continue;
            }
            let better = best.is_none_or(|best| {
                let best = &self.sources[best];
                let order = source.head.cmp(&best.head).then_with(|| source.key().cmp(best.key()));
                order == if self.reverse { Ordering::Greater } else { Ordering::Less }
            });
            if better {
                best = Some(at);
            }
        }
        self.current = best;
    }
}

impl Cursor {
    pub(crate) fn new(snapshot: &Snapshot, range: Range) -> Self {
        let merge = Merge::new(snapshot, range.reverse);
        Self { merge, left: range.limit, range, positioned: false, given: false, failed: None }
    }

    /// Moves to the first entry at or after `key` in the cursor's direction; outside the range it
    /// moves to the nearer end of the range. Does not reset the limit.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        (self.positioned, self.given, self.failed) = (true, false, None);
        let before_range =
            if self.range.reverse { !self.range.admits_below(key) } else { !self.range.admits_above(key) };
        let moved = match (before_range, self.range.reverse) {
            (true, _) => self.rewind(),
            (false, true) => self.merge.seek_back(Some(key)),
            (false, false) => self.merge.seek(key),
        };
        moved.inspect_err(|error| self.failed = Some(Failure::of(error)))
    }

    /// The next entry, valid until the next call. After an error every call repeats it until a seek.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if !self.settle()? {
            return Ok(None);
        }
        self.left -= 1;
        self.given = true;
        match self.merge.entry()? {
            Some((key, Some(value))) => Ok(Some((key, value))),
            _ => Ok(None),
        }
    }

    /// Copies as many next entries as fit: bytes one after another, with one end per field in `ends`
    /// (two per entry for [`Fields::Both`]: end of key, end of value).
    ///
    /// Entries before a damaged place are given first; the next call answers the error.
    pub fn fill(&mut self, fields: Fields, bytes: &mut [u8], ends: &mut [u32]) -> Result<Filled> {
        let usable = bytes.len().min(i32::MAX as usize);
        let mut filled = Filled::default();
        match self.fill_from(fields, &mut bytes[..usable], ends, &mut filled) {
            Ok(()) => Ok(filled),
            Err(error) => {
                self.failed = Some(Failure::of(&error));
                if filled.entries > 0 { Ok(filled) } else { Err(error) }
            }
        }
    }

    fn fill_from(
        &mut self,
        fields: Fields,
        bytes: &mut [u8],
        ends: &mut [u32],
        filled: &mut Filled,
    ) -> Result<()> {
        let entries_max = ends.len() / fields.ends_per_entry();
        while filled.entries < entries_max {
            if !self.settle()? {
                filled.done = true;
                break;
            }
            if !self.range.reverse && self.fill_blocks(fields, bytes, ends, filled, entries_max)? {
                continue;
            }
            let Some((key, Some(value))) = self.merge.entry()? else { break };
            let (key, value) = match fields {
                Fields::Keys => (key, &[][..]),
                Fields::Values => (&[][..], value),
                Fields::Both => (key, value),
            };
            let needed = key.len() + value.len();
            let Some(out) = bytes.get_mut(filled.bytes..filled.bytes + needed) else {
                filled.needed = if filled.entries == 0 { needed } else { 0 };
                break;
            };
            out[..key.len()].copy_from_slice(key);
            out[key.len()..].copy_from_slice(value);
            let at = filled.entries * fields.ends_per_entry();
            if fields == Fields::Both {
                ends[at] = (filled.bytes + key.len()) as u32;
                ends[at + 1] = (filled.bytes + needed) as u32;
            } else {
                ends[at] = (filled.bytes + needed) as u32;
            }
            filled.bytes += needed;
            filled.entries += 1;
            self.left -= 1;
            self.merge.step()?;
        }
        Ok(())
    }

    /// Copies the rest of the current block at once when one level is all there is, its block has a
    /// fixed stride, and the whole rest lies inside the range. True when anything was copied.
    fn fill_blocks(
        &mut self,
        fields: Fields,
        bytes: &mut [u8],
        ends: &mut [u32],
        filled: &mut Filled,
        entries_max: usize,
    ) -> Result<bool> {
        let Some(iter) = self.merge.lone_level() else { return Ok(false) };
        let (block, page, from) = iter.segment().current()?;
        let Some((body, suffix, value)) = block.fixed_stride() else { return Ok(false) };
        let Some(prefix) = block.prefix(page) else { return Ok(false) };
        let key = prefix.len() + suffix;
        let (key_out, value_out) = match fields {
            Fields::Keys => (key, 0),
            Fields::Values => (0, value),
            Fields::Both => (key, value),
        };
        let room = (bytes.len() - filled.bytes) / (key_out + value_out).max(1);
        let most =
            room.min(entries_max - filled.entries).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut count = (block.count() - from).min(most);
        let stride = suffix + value;
        let inside = |at: usize, range: &Range| match &range.upper {
            Bound::Unbounded => true,
            _ => page.get(body + at * stride..body + at * stride + suffix).is_some_and(|suffix| {
                // Bounds are compared on the whole key, which is rare: only when the last one is outside.
                range.admits_below(&[prefix, suffix].concat())
            }),
        };
        if count > 0 && !inside(from + count - 1, &self.range) {
            let (mut low, mut high) = (0, count);
            while low < high {
                let middle = (low + high) / 2;
                if inside(from + middle, &self.range) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            count = low;
        }
        let Some(entries) = page.get(body + from * stride..body + (from + count) * stride) else {
            return Ok(false);
        };
        if count == 0 {
            return Ok(false);
        }
        let mut at = filled.bytes;
        let mut end_at = filled.entries * fields.ends_per_entry();
        if stride == 0 {
            return Ok(false);
        }
        for entry in entries.chunks_exact(stride) {
            if key_out > 0 {
                bytes[at..at + prefix.len()].copy_from_slice(prefix);
                bytes[at + prefix.len()..at + key].copy_from_slice(&entry[..suffix]);
                at += key;
            }
            if fields == Fields::Both {
                ends[end_at] = at as u32;
                end_at += 1;
            }
            bytes[at..at + value_out].copy_from_slice(&entry[suffix..suffix + value_out]);
            at += value_out;
            ends[end_at] = at as u32;
            end_at += 1;
        }
        filled.bytes = at;
        filled.entries += count;
        self.left -= count as u64;
        iter.jump(from + count)?;
        self.merge.refresh();
        Ok(true)
    }

    /// Stands on the next live entry inside the range; false when there is none.
    #[inline]
    fn settle(&mut self) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        if let Some(failure) = &self.failed {
            return Err(failure.to_error());
        }
        self.advance().inspect_err(|error| self.failed = Some(Failure::of(error)))
    }

    #[inline]
    fn advance(&mut self) -> Result<bool> {
        if !self.positioned {
            self.positioned = true;
            self.rewind()?;
        } else if self.given {
            self.merge.step()?;
        }
        self.given = false;
        loop {
            let Some(key) = self.merge.key() else { return Ok(false) };
            let inside =
                if self.range.reverse { self.range.admits_above(key) } else { self.range.admits_below(key) };
            if !inside {
                return Ok(false);
            }
            if matches!(self.merge.entry()?, Some((_, Some(_)))) {
                return Ok(true);
            }
            self.merge.step()?;
        }
    }

    /// Moves to the beginning of the range in the cursor's direction.
    fn rewind(&mut self) -> Result<()> {
        let (merge, reverse) = (&mut self.merge, self.range.reverse);
        let bound = if reverse { &self.range.upper } else { &self.range.lower };
        match (bound, reverse) {
            (Bound::Unbounded, false) => merge.seek(&[]),
            (Bound::Unbounded, true) => merge.seek_back(None),
            (Bound::Included(key), false) => merge.seek(key),
            (Bound::Included(key), true) => merge.seek_back(Some(key)),
            (Bound::Excluded(key), _) => {
                if reverse {
                    merge.seek_back(Some(key))?;
                } else {
                    merge.seek(key)?;
                }
                if merge.key() == Some(key.as_slice()) { merge.step() } else { Ok(()) }
            }
        }
    }
}
