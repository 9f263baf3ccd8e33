//! Addresses of rows, and sets of them.
//!
//! A row in a segment is (segment, position); a hot row is its number in the table's sequence of hot rows. Addresses hold
//! as long as the snapshot that they were read from, and for a transaction that holds the writer: only commits move rows.

use std::collections::BTreeMap;

use roaring::{RoaringBitmap, RoaringTreemap};
use varve_types::{ErrorCode, Result, VarveError};

use crate::ids::SegmentId;

/// Addresses of hot rows have this bit.
const HOT: u64 = 1 << 63;

/// The address of a row as one number: the hidden column that UPDATE and DELETE read.
///
/// Hot rows have the top bit and their number below it; others the segment in bits 32 to 62 and the position below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowAddress(pub u64);

/// What a [`RowAddress`] leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A hot row, by its number in the table.
    Hot(u64),
    /// A row of a segment, by its position.
    Segment(SegmentId, u32),
}

impl RowAddress {
    /// The address of the first row of a segment; those of the others follow it.
    #[must_use]
    pub fn of_segment(segment: SegmentId) -> Self {
        Self(segment.0 << 32)
    }

    /// The address of a hot row.
    #[must_use]
    pub fn of_hot(row: u64) -> Self {
        Self(HOT | row)
    }

    /// Where the row is.
    #[must_use]
    pub fn place(self) -> Place {
        if self.0 & HOT == 0 {
            Place::Segment(SegmentId(self.0 >> 32), self.0 as u32)
        } else {
            Place::Hot(self.0 & !HOT)
        }
    }
}

/// A set of rows of one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowSet {
    /// Hot rows, by number.
    pub hot: RoaringTreemap,
    /// Positions by segment; no empty bitmaps.
    pub segments: BTreeMap<SegmentId, RoaringBitmap>,
}

impl RowSet {
    /// Adds a row; whether it was not there yet.
    pub fn insert(&mut self, address: RowAddress) -> bool {
        match address.place() {
            Place::Hot(row) => self.hot.insert(row),
            Place::Segment(segment, position) => self.segments.entry(segment).or_default().insert(position),
        }
    }

    /// About how many bytes it takes in memory. Cost: a step per 65,536 rows of the table.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.hot.serialized_size() + self.segments.values().map(RoaringBitmap::serialized_size).sum::<usize>()
    }

    /// How many rows it holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.hot.len() + self.segments.values().map(RoaringBitmap::len).sum::<u64>()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hot.is_empty() && self.segments.is_empty()
    }
}

impl Extend<RowAddress> for RowSet {
    fn extend<I: IntoIterator<Item = RowAddress>>(&mut self, addresses: I) {
        for address in addresses {
            self.insert(address);
        }
    }
}

impl FromIterator<RowAddress> for RowSet {
    fn from_iter<I: IntoIterator<Item = RowAddress>>(addresses: I) -> Self {
        let mut set = Self::default();
        set.extend(addresses);
        set
    }
}

/// The number of a new segment, if there is one left: addresses have 31 bits for it.
pub(crate) fn segment_id(next: u64) -> Result<SegmentId> {
    if next < 1 << 31 {
        return Ok(SegmentId(next));
    }
    Err(VarveError::new(
        ErrorCode::LimitExceeded,
        "the database has used up its 2,147,483,648 segment numbers",
        "export it and load it into a new one",
    ))
}

#[cfg(test)]
mod tests {
    use super::{Place, RowAddress, RowSet};
    use crate::ids::SegmentId;

    #[test]
    fn addresses_lead_back() {
        let last = SegmentId((1 << 31) - 1);
        for (address, place) in [
            (RowAddress::of_hot(0), Place::Hot(0)),
            (RowAddress::of_hot((1 << 63) - 1), Place::Hot((1 << 63) - 1)),
            (RowAddress::of_segment(SegmentId(1)), Place::Segment(SegmentId(1), 0)),
            (
                RowAddress(RowAddress::of_segment(last).0 + u64::from(u32::MAX)),
                Place::Segment(last, u32::MAX),
            ),
        ] {
            assert_eq!(address.place(), place);
        }
    }

    #[test]
    fn a_set_counts_each_row_once() {
        let first = RowAddress::of_segment(SegmentId(7));
        let set: RowSet =
            [first, RowAddress(first.0 + 1), first, RowAddress::of_hot(3)].into_iter().collect();
        assert_eq!(set.len(), 3);
        assert!(set.bytes() > 0);
        assert!(RowSet::default().is_empty() && !set.is_empty());
    }
}
