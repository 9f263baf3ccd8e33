//! Keys of rows, sorted: the index of a hot chunk, and what a segment's key run is written from.

use std::ops::Range;

use super::{KeyRef, Keys};

/// Sorted keys and the positions of their rows. Rows of equal keys come in the order of their positions.
#[derive(Clone, Debug)]
pub enum SortedKeys {
    /// Keys that are numbers.
    Numbers {
        /// Ascending.
        keys: Vec<u64>,
        /// The row of each.
        rows: Vec<u32>,
    },
    /// Keys that are byte strings.
    Bytes {
        /// Where each begins in `text`, and the end of the last.
        offsets: Vec<u64>,
        /// Ascending, end to end.
        text: Vec<u8>,
        /// The row of each.
        rows: Vec<u32>,
    },
}

impl SortedKeys {
    /// The keys of `parts`, which are of consecutive rows from 0 on.
    ///
    /// Cost: a sort; numbers are copied, byte strings are copied once sorted.
    pub fn sort(parts: &[Keys]) -> Self {
        if parts.iter().all(|part| matches!(part.values, super::Values::Numbers(_))) {
            return Self::sort_numbers(parts);
        }
        let mut entries: Vec<(&[u8], u32)> = Vec::new();
        for_each(parts, |key, row| {
            if let KeyRef::Bytes(bytes) = key {
                entries.push((bytes, row));
            }
        });
        entries.sort_unstable();
        let mut offsets = Vec::with_capacity(entries.len() + 1);
        let mut text = Vec::with_capacity(entries.iter().map(|(bytes, _)| bytes.len()).sum());
        offsets.push(0);
        for (bytes, _) in &entries {
            text.extend_from_slice(bytes);
            offsets.push(text.len() as u64);
        }
        Self::Bytes { offsets, text, rows: entries.into_iter().map(|(_, row)| row).collect() }
    }

    fn sort_numbers(parts: &[Keys]) -> Self {
        let mut entries: Vec<(u64, u32)> = Vec::with_capacity(parts.iter().map(Keys::len).sum());
        for_each(parts, |key, row| {
            if let KeyRef::Number(number) = key {
                entries.push((number, row));
            }
        });
        entries.sort_unstable();
        let (keys, rows) = entries.into_iter().unzip();
        Self::Numbers { keys, rows }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, in the order of their keys.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        match self {
            Self::Numbers { rows, .. } | Self::Bytes { rows, .. } => rows,
        }
    }

    /// The key at a place of the order.
    #[must_use]
    pub fn key(&self, at: usize) -> KeyRef<'_> {
        match self {
            Self::Numbers { keys, .. } => KeyRef::Number(keys[at]),
            Self::Bytes { offsets, text, .. } => {
                KeyRef::Bytes(&text[offsets[at] as usize..offsets[at + 1] as usize])
            }
        }
    }

    /// The places of `key` in the order.
    #[must_use]
    pub fn find(&self, key: KeyRef<'_>) -> Range<usize> {
        let start = self.partition_point(|other| other < key);
        let mut end = start;
        while end < self.len() && self.key(end) == key {
            end += 1;
        }
        start..end
    }

    /// The places of the keys that are not below `from` and below `to`.
    #[must_use]
    pub fn range(&self, from: Option<KeyRef<'_>>, to: Option<KeyRef<'_>>) -> Range<usize> {
        let start = from.map_or(0, |key| self.partition_point(|other| other < key));
        let end = to.map_or(self.len(), |key| self.partition_point(|other| other < key));
        start..end.max(start)
    }

    fn partition_point(&self, is_below: impl Fn(KeyRef<'_>) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_below(self.key(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

fn for_each<'k>(parts: &'k [Keys], mut take: impl FnMut(KeyRef<'k>, u32)) {
    let mut first = 0;
    for part in parts {
        for row in 0..part.len() {
            if let Some(key) = part.get(row) {
                take(key, first + row as u32);
            }
        }
        first += part.len() as u32;
    }
}
