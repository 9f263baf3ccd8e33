//! What a read sees: memtables and levels of segments, newest first, and the sequence it stops at.
//!
//! Invariants
//! 1. A version never changes; writers of versions (freezing, flushing, merging) hold the state lock.
//! 2. A commit lives whole in exactly one memtable, the active one of its time.
//! 3. A latest read loads the version before the sequence: it then sees a prefix of the commits, all up
//!    to that sequence which the version's memtables hold.
//! 4. Segments need no sequences: whoever holds a snapshot holds its version, and with it the memtables
//!    and segments that a flush or merge has replaced since.

use std::sync::Arc;

use varve_types::Result;

use crate::levels::Levels;
use crate::memtable::Memtable;

/// One state of the store.
pub struct Version {
    /// Receives writes.
    pub active: Arc<Memtable>,
    /// Waiting for their flush, newest first.
    pub frozen: Vec<Arc<Memtable>>,
    /// At most [`crate::limits::LEVELS_MAX`].
    pub levels: Levels,
}

impl Version {
    /// Memtables, newest first.
    #[inline]
    pub fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.active).chain(&self.frozen)
    }

    /// The value of `key` at `sequence`; no allocation.
    #[inline]
    pub fn get(&self, key: &[u8], key_hash: u64, sequence: u64) -> Result<Option<&[u8]>> {
        // An empty memtable still has a hash index, whose bucket would be a cache miss.
        for memtable in self.memtables().filter(|memtable| !memtable.is_empty()) {
            if let Some(value) = memtable.get(key, key_hash, sequence) {
                return Ok(value);
            }
        }
        for segment in self.levels.iter().filter_map(|level| level.of(key)) {
            if let Some(value) = segment.get(key, key_hash)? {
                return Ok(value);
            }
        }
        Ok(None)
    }
}

/// A consistent view that stays readable through writes, flushes and merges. Cheap; `Clone`.
///
/// It keeps the memtables and segments of its time alive, so drop it when done.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) version: Arc<Version>,
    pub(crate) sequence: u64,
}

impl Snapshot {
    /// Last commit in this view.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}
