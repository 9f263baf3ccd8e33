//! The kinds of index, and the one trait that all of them answer.

use std::fmt;

use crate::lanes::Lanes;

/// How an index finds a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Keys at a constant distance: `(key - base) / stride`, exact, no memory at all.
    Affine,
    /// Pieces of the curve key → position with a bounded error, one cache line each; the keys around the predicted
    /// position are compared, and from there on lines are walked.
    LineProbe {
        /// Largest distance, in positions, between a key and its prediction.
        epsilon: u32,
    },
    /// A static B+ tree of 64-byte nodes over every line of keys: one byte per key.
    SplusTree,
    /// An S+ tree over every 64th key, then a scan of the block: 0.14 bytes per key.
    SparseFences,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Affine => out.write_str("affine"),
            Self::LineProbe { epsilon } => write!(out, "line probe (error bound {epsilon})"),
            Self::SplusTree => out.write_str("S+ tree"),
            Self::SparseFences => out.write_str("sparse fences"),
        }
    }
}

/// Lookups that are in flight together in one batch: enough to hide memory latency, few enough for the registers
/// and the L1 cache.
pub(crate) const GROUP: usize = 32;

/// Counts lines of keys visited beyond the predicted one; `()` compiles to nothing.
pub(crate) trait Trace {
    fn walked(&mut self, lines: usize);
}

impl Trace for () {
    #[inline(always)]
    fn walked(&mut self, _lines: usize) {}
}

impl Trace for u32 {
    #[inline(always)]
    fn walked(&mut self, lines: usize) {
        *self += lines as u32;
    }
}

/// A lookup over sorted keys. Both calls answer `keys.partition_point(|k| *k < key)`.
pub(crate) trait Lookup {
    /// # Safety
    /// The CPU has the instruction set of `L`.
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, trace: &mut T) -> usize;

    /// At most [`GROUP`] lookups, their cache misses overlapped; `keys` and `out` are equally long.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]);
}
