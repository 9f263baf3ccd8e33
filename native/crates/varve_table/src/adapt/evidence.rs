//! Evidence: all that a decision stands on. The log keeps it, so that a decision can be made again.
//!
//! Every number in it is whole: what is written and read again decides as before.

use serde::{Deserialize, Serialize};

use super::workload::Observed;
use crate::compression::{Layout, Profile};
use crate::ids::{ColumnId, SegmentId};

/// What decisions about a table are made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What scans did since the table was last adapted.
    pub observed: Observed,
    /// The segments of the table.
    pub segments: Vec<SegmentFacts>,
    /// The column by whose values the rows lie though nobody sorted them, such as the time at which they came.
    pub natural: Option<ColumnId>,
    /// What was tried on a sample of the rows.
    pub trials: Vec<Trial>,
    /// What was learned from what was done before.
    pub constants: Constants,
    /// Layouts that were tried and did not keep their promise, or were undone.
    pub barred: Vec<Layout>,
}

/// What is known of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentFacts {
    /// The segment.
    pub id: SegmentId,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// How it is laid out.
    pub layout: Layout,
}

/// A column of a sample, sorted in one way and kept in one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The sort key of the sample; empty for the order in which the rows lie.
    pub order: Vec<ColumnId>,
    /// The column.
    pub column: ColumnId,
    /// How it was kept.
    pub profile: Profile,
    /// Bytes that it took.
    pub bytes: u64,
    /// Picoseconds per row when all of it was read.
    pub read_ps: u64,
    /// Nanoseconds for a few neighbouring rows.
    pub seek_ns: u64,
}

/// What was learned from adaptations before, and what nobody knows better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constants {
    /// The observed workload is taken to come so many times again: the horizon within which a rewrite has to pay.
    pub horizon: u64,
    /// Nothing is done for less observed time than this.
    pub floor_ns: u64,
    /// Picoseconds of a rewrite per byte of a segment; follows the rewrites that were done.
    pub rewrite_ps_per_byte: u64,
    /// How much of a predicted saving is believed, in percent; falls when one was not kept.
    pub trust: u64,
    /// Bytes after for a hundred before, at most.
    pub bytes_percent_max: u64,
    /// Beginning to read a segment anywhere, in nanoseconds.
    pub begin_ns: u64,
}

impl Default for Constants {
    /// Where experience begins: not measured, but of the order that sorting, writing and verifying has. The price of a
    /// rewrite and the trust correct themselves.
    fn default() -> Self {
        Self {
            horizon: 16,
            floor_ns: 0,
            rewrite_ps_per_byte: 60_000,
            trust: 100,
            bytes_percent_max: 110,
            begin_ns: 150_000,
        }
    }
}

impl Constants {
    /// A rewrite of so many bytes took so long.
    pub(crate) fn rewrote(&mut self, bytes: u64, ns: u64) {
        if bytes > 0 {
            let seen = u64::try_from(u128::from(ns) * 1000 / u128::from(bytes)).unwrap_or(u64::MAX / 2);
            self.rewrite_ps_per_byte = (self.rewrite_ps_per_byte + seen) / 2;
        }
    }

    /// A saving was measured: so much of each hundred that was promised.
    pub(crate) fn kept(&mut self, percent: u64) {
        self.trust = if percent < 50 {
            (self.trust * percent.max(10) / 100).max(10)
        } else {
            (self.trust + 25).min(100)
        };
    }
}
