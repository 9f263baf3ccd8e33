//! Iterates the versions of a memtable that one sequence sees, in key order, both ways.

use std::sync::Arc;

use super::Memtable;
use crate::hash::head;

/// A position in a memtable; visits each visible key once, with its newest visible version.
pub struct MemIter {
    table: Arc<Memtable>,
    sequence: u64,
    at: u32,
}

impl MemIter {
    pub(super) fn new(table: Arc<Memtable>, sequence: u64) -> Self {
        table.order.bring_up_to_date(&table.arena);
        Self { table, sequence, at: 0 }
    }

    /// True on an entry.
    #[inline]
    pub fn valid(&self) -> bool {
        self.at != 0
    }

    /// The key; the caller checked `valid`.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.table.arena.at(self.at).key()
    }

    /// The value, `None` for a tombstone; the caller checked `valid`.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        self.table.arena.at(self.at).value()
    }

    /// Moves to the first entry at or after `key`.
    pub fn seek(&mut self, key: &[u8]) {
        let (arena, order) = (&self.table.arena, &self.table.order);
        self.at = self.visible_from(order.seek(arena, key, head(key), u64::MAX));
    }

    /// Moves to the last entry at or before `key`, or the last of all for `None`.
    pub fn seek_back(&mut self, key: Option<&[u8]>) {
        if let Some(key) = key {
            self.seek(key);
            if self.valid() && self.key() == key {
                return;
            }
        }
        self.at = self.visible_before(key);
    }

    /// Moves to the next key.
    #[inline]
    pub fn next(&mut self) {
        let (arena, order) = (&self.table.arena, &self.table.order);
        let node = arena.at(self.at);
        let (key, key_head) = (node.key(), node.head());
        let mut next = order.next(arena, self.at, 0);
        while let Some(node) = arena.node(next) {
            if node.head() != key_head || node.key() != key {
                break;
            }
            next = order.next(arena, next, 0);
        }
        self.at = self.visible_from(next);
    }

    /// Moves to the previous key.
    pub fn previous(&mut self) {
        let key = self.table.arena.at(self.at).key();
        self.at = self.visible_before(Some(key));
    }

    /// The first visible node at or behind `at`, which is the first version of its key.
    #[inline]
    fn visible_from(&self, mut at: u32) -> u32 {
        let (arena, order) = (&self.table.arena, &self.table.order);
        while let Some(node) = arena.node(at) {
            if node.sequence() <= self.sequence {
                break;
            }
            at = order.next(arena, at, 0);
        }
        at
    }

    /// The visible version of the last key below `key`.
    fn visible_before(&self, key: Option<&[u8]>) -> u32 {
        let (arena, order) = (&self.table.arena, &self.table.order);
        let mut bound = key.map(|key| (key, head(key)));
        loop {
            let oldest = order.seek_before(arena, bound);
            let Some(node) = arena.node(oldest) else { return 0 };
            if node.sequence() <= self.sequence {
                return order.seek(arena, node.key(), node.head(), self.sequence);
            }
            bound = Some((node.key(), node.head()));
        }
    }
}
