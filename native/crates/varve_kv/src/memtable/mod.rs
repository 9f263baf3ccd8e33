//! The multi-version memtable: an arena of nodes, a hash index for point reads, and a skiplist for
//! order that is linked lazily.
//!
//! One writer appends nodes and publishes them in the hash index, which costs one copy and one or two
//! cache lines. The skiplist is brought up to date when somebody wants order (a cursor, a flush) or
//! when many nodes wait: sorting them first and linking with a finger is several times cheaper than a
//! random insertion per write.
//!
//! Invariants
//! 1. One writer at a time (the caller holds the store's writer lock); readers take no lock for point
//!    reads, and the order lock only while nodes wait to be linked.
//! 2. A node never changes after it is published, except for its two link fields, which only move to
//!    nodes that are already complete (`Release` store, `Acquire` load).
//! 3. Order is (key ascending, sequence descending, arena position descending): the newest first.
//! 4. Sequences never decrease along the arena.

mod arena;
mod iter;
mod order;

use std::sync::atomic::{AtomicU64, Ordering};

use arena::{Arena, NODE_BYTES_EXTRA};
pub use iter::MemIter;
use order::Order;

use crate::batch::Op;
use crate::hash::{hash, head};

/// Unlinked nodes after which the writer links them itself, so that no reader has to link many.
const PENDING_MAX: u64 = 8192;

/// Versions of one key that a point read walks before it uses the skiplist.
const WALK_MAX: u32 = 16;

/// A memtable; shared by `Arc`.
pub struct Memtable {
    arena: Arena,
    order: Order,
    entries: AtomicU64,
    last_sequence: AtomicU64,
}

impl Memtable {
    /// A memtable with room for `bytes` of nodes. Error: the address space is exhausted.
    pub fn new(bytes: usize) -> std::io::Result<Self> {
        Ok(Self {
            arena: Arena::new(bytes)?,
            order: Order::new(),
            entries: AtomicU64::new(0),
            last_sequence: AtomicU64::new(0),
        })
    }

    /// Upper bound of the arena bytes that operations with `payload` bytes of keys and values take.
    pub fn bytes_needed(ops: usize, payload: usize) -> usize {
        ops * NODE_BYTES_EXTRA + payload
    }

    /// True when `bytes` (from [`Memtable::bytes_needed`]) still fit.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.arena.used() + bytes <= self.arena.capacity()
    }

    /// Adds one operation. The caller is the only writer, checked `has_room`, and `sequence` is not
    /// below that of any earlier insertion.
    pub fn insert(&self, op: Op<'_>, sequence: u64) {
        self.arena.insert(op, sequence, hash(op.key));
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.note_sequence(sequence);
    }

    /// The memtable covers commits up to `sequence`, which may have been empty.
    pub fn note_sequence(&self, sequence: u64) {
        self.last_sequence.store(sequence, Ordering::Release);
    }

    /// To be called by the writer after a batch: links waiting nodes when there are many.
    pub fn settle(&self) {
        if self.entries() - self.order.linked() > PENDING_MAX {
            self.order.bring_up_to_date(&self.arena);
        }
    }

    /// The newest version of `key` at or before `sequence`: `Some(None)` is a tombstone.
    #[inline]
    pub fn get(&self, key: &[u8], key_hash: u64, sequence: u64) -> Option<Option<&[u8]>> {
        let mut node = self.arena.find(key, key_hash)?;
        let mut steps = 0;
        while node.sequence() > sequence {
            steps += 1;
            if steps > WALK_MAX {
                return self.get_in_order(key, sequence);
            }
            node = self.arena.node(node.older())?;
        }
        Some(node.value())
    }

    /// Hints the processor that `get` with this hash follows.
    #[inline]
    pub fn prefetch(&self, key_hash: u64) {
        self.arena.prefetch(key_hash);
    }

    /// Iterates what is visible at `sequence`.
    pub fn iter(self: std::sync::Arc<Self>, sequence: u64) -> MemIter {
        MemIter::new(self, sequence)
    }

    /// Versions in it.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Bytes of nodes.
    pub fn bytes(&self) -> usize {
        self.arena.used()
    }

    /// True when nothing was inserted.
    pub fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    /// The last sequence inserted; 0 when empty.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence.load(Ordering::Acquire)
    }

    fn get_in_order(&self, key: &[u8], sequence: u64) -> Option<Option<&[u8]>> {
        self.order.bring_up_to_date(&self.arena);
        let node = self.arena.node(self.order.seek(&self.arena, key, head(key), sequence))?;
        (node.key() == key).then(|| node.value())
    }
}

#[cfg(test)]
mod tests;
