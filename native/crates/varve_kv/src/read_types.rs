//! What reads take and give: answers, packed keys, packed results, ranges.

use std::ops::Bound;

use varve_types::Result;

use crate::error::argument;

/// The answer of [`crate::Store::get_into`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such key.
    Missing,
    /// The value was copied to the start of the buffer; its length in bytes.
    Value(usize),
    /// The buffer is too small and untouched; the length of the value in bytes.
    TooSmall(usize),
}

/// Keys one after another: key `i` spans `ends[i - 1]..ends[i]` of `bytes` (`0..ends[0]` for the first).
#[derive(Clone, Copy, Debug)]
pub struct PackedKeys<'a> {
    bytes: &'a [u8],
    ends: &'a [u32],
}

impl<'a> PackedKeys<'a> {
    /// Checks that the ends ascend within `bytes`. Error: `ARGUMENT_INVALID`.
    pub fn new(bytes: &'a [u8], ends: &'a [u32]) -> Result<Self> {
        let mut previous = 0;
        for (at, &end) in ends.iter().enumerate() {
            if end < previous || end as usize > bytes.len() {
                return Err(argument(format!("end {at} of the packed keys is out of order or range")));
            }
            previous = end;
        }
        Ok(Self { bytes, ends })
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there is no key.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All keys in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Writes the keys from `first` on to all of `into`.
    #[inline]
    pub(crate) fn read(&self, first: usize, into: &mut [&'a [u8]]) {
        let mut start = if first == 0 { 0 } else { self.ends[first - 1] as usize };
        for (key, &end) in into.iter_mut().zip(&self.ends[first..]) {
            *key = &self.bytes[start..end as usize];
            start = end as usize;
        }
    }

    /// Key `at`.
    #[inline]
    pub fn get(&self, at: usize) -> &'a [u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }
}

/// Set in `ends[i]` of [`crate::Store::get_many_packed`] when key `i` is missing.
pub const MISSING: u32 = 1 << 31;

/// How far [`crate::Store::get_many_packed`] came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedMany {
    /// Keys answered; fewer than asked when the next value did not fit.
    pub count: usize,
    /// How many of them exist.
    pub found: usize,
    /// Bytes of `values` used.
    pub bytes: usize,
    /// Bytes that the next value needs when the buffer ended early, else 0.
    pub needed: usize,
}

/// A range of keys in byte order.
#[derive(Clone, Debug)]
pub struct Range {
    /// Where the range begins.
    pub lower: Bound<Vec<u8>>,
    /// Where it ends.
    pub upper: Bound<Vec<u8>>,
    /// Yields descending keys.
    pub reverse: bool,
    /// Entries at most; `u64::MAX` for all.
    pub limit: u64,
}

impl Default for Range {
    fn default() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false, limit: u64::MAX }
    }
}

impl Range {
    /// True when `key` lies within both bounds.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.admits_above(key) && self.admits_below(key)
    }

    /// True when `key` satisfies the lower bound.
    #[inline]
    pub(crate) fn admits_above(&self, key: &[u8]) -> bool {
        match &self.lower {
            Bound::Included(lower) => key >= lower.as_slice(),
            Bound::Excluded(lower) => key > lower.as_slice(),
            Bound::Unbounded => true,
        }
    }

    /// True when `key` satisfies the upper bound.
    #[inline]
    pub(crate) fn admits_below(&self, key: &[u8]) -> bool {
        match &self.upper {
            Bound::Included(upper) => key <= upper.as_slice(),
            Bound::Excluded(upper) => key < upper.as_slice(),
            Bound::Unbounded => true,
        }
    }
}

/// Which parts of an entry [`crate::Cursor::fill`] copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Keys: one end per entry.
    Keys,
    /// Values: one end per entry.
    Values,
    /// Key then value: two ends per entry.
    Both,
}

impl Fields {
    /// Ends written per entry.
    pub fn ends_per_entry(self) -> usize {
        if self == Self::Both { 2 } else { 1 }
    }
}

/// What [`crate::Cursor::fill`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Entries written.
    pub entries: usize,
    /// Bytes written.
    pub bytes: usize,
    /// True when the range or the limit is exhausted.
    pub done: bool,
    /// Bytes that the next entry needs when not one fitted, else 0.
    pub needed: usize,
}
