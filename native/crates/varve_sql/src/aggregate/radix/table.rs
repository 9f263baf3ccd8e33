//! Group numbers of rows, by hash.

use super::rows::with_rows;

/// A slot holds the upper half of the hash, which says where it is looked for, and in the lower half the group's number and
/// one; 0 is empty.
const EMPTY: u64 = 0;

const SLOTS_MIN: usize = 1024;

/// Numbers rows from 0 upwards, as they come; equal rows have one number.
pub(super) struct RowTable {
    width: usize,
    /// The row of each group.
    rows: Vec<u32>,
    /// How many groups there are.
    len: usize,
    slots: Vec<u64>,
}

impl RowTable {
    /// For rows of `width` words; it grows when there are more than `groups` groups.
    pub(super) fn new(width: usize, groups: usize) -> Self {
        let slots = (2 * groups).next_power_of_two().max(SLOTS_MIN);
        Self { width, rows: Vec::with_capacity(groups * width), len: 0, slots: vec![EMPTY; slots] }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The rows of all groups in the order of their numbers.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        4 * self.rows.capacity() + 8 * self.slots.len()
    }

    /// Forgets all groups and keeps its room.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.len = 0;
        self.slots.fill(EMPTY);
    }

    /// The group of each row, by the rows' hashes.
    pub(super) fn number(&mut self, rows: &[u32], hashes: &[u64], groups: &mut Vec<usize>) {
        groups.clear();
        groups.reserve(hashes.len());
        with_rows!(rows, self.width, Self::number_each, self, hashes, groups);
    }

    fn number_each<'r>(
        rows: impl Iterator<Item = &'r [u32]>,
        own: &mut Self,
        hashes: &[u64],
        groups: &mut Vec<usize>,
    ) {
        for (row, hash) in rows.zip(hashes) {
            if 2 * (own.len + 1) > own.slots.len() {
                own.grow();
            }
            groups.push(own.find_or_add(row, *hash));
        }
    }

    #[inline(always)]
    fn find_or_add(&mut self, row: &[u32], hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> 32) as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                let group = self.len;
                self.len += 1;
                self.slots[at] = hash >> 32 << 32 | (group as u64 + 1);
                self.rows.extend_from_slice(row);
                return group;
            }
            let group = slot as u32 as usize - 1;
            if slot >> 32 == hash >> 32 && self.row(group) == row {
                return group;
            }
            at = (at + 1) & mask;
        }
    }

    fn row(&self, group: usize) -> &[u32] {
        &self.rows[group * self.width..(group + 1) * self.width]
    }

    fn grow(&mut self) {
        let size = 2 * self.slots.len();
        let slots = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
        for slot in slots.into_iter().filter(|slot| *slot != EMPTY) {
            let mut at = (slot >> 32) as usize & (size - 1);
            while self.slots[at] != EMPTY {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = slot;
        }
    }
}
