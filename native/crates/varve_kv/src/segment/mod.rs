//! Immutable sorted files: blocks, a filter, an index, all used from a memory map without decoding.
//!
//! `builder` writes a segment, `open` checks a file and makes it one, `get` answers for a key, `lookup` for a batch,
//! `iter` in order; `runs` hands out the blocks to all of them, and `verify` reads everything.
//!
//! Invariants
//! 1. A segment holds at most one entry per key; tombstones stay until no older segment exists.
//! 2. A point read touches one filter line, the index, and at most one run of blocks.
//! 3. Index and signposts borrow the map's bytes, whose address never changes; they are dropped before the map.
//! 4. A block's checksum is verified the first time it is touched after open, and again after
//!    [`Segment::forget_checked`].

pub mod block;
mod builder;
mod fences;
pub mod filter;
pub mod footer;
mod get;
mod index;
mod iter;
pub mod lookup;
mod open;
pub mod origin;
mod runs;
mod shadow;
mod signpost;
mod verify;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub use builder::{SegmentBuilder, SegmentPlan};
pub use iter::SegIter;
pub use origin::{Origin, Span};
pub use shadow::{CandidateTrial, CurvePoint, SegmentCurve, SegmentTrial};
use varve_types::Result;
pub use verify::Verification;

use crate::IndexPolicy;
use crate::stats::SegmentStats;
use footer::Footer;
use index::BlockIndex;
use signpost::SIGNPOST_BYTES;
use varve_files::Map;

/// Sampled keys below which a trial spreads its questions evenly.
const SAMPLED_KEYS_MIN: usize = 32;

/// An open segment.
pub struct Segment {
    /// Before `map`, of which they borrow (invariant 3).
    index: BlockIndex<'static>,
    signposts: &'static [[u8; SIGNPOST_BYTES]],
    map: Map,
    path: Arc<Path>,
    footer: Footer,
    key_min: Vec<u8>,
    key_max: Vec<u8>,
    origin: Origin,
    heads: (u64, u64),
    /// One bit per block: its checksum was verified.
    checked: Box<[AtomicU64]>,
    /// Lookups in a row that found their key here, up to `SURE_OF_HITS`; only a hint.
    hits_in_row: AtomicU32,
    /// Telemetry of sampled lookups.
    pub counters: Counters,
}

/// Sums over the sampled lookups that reached a segment.
#[derive(Default)]
pub struct Counters {
    pub sampled: AtomicU64,
    pub ns: AtomicU64,
    pub lines: AtomicU64,
    pub false_positives: AtomicU64,
}

impl Segment {
    /// The decoded footer.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// File number.
    pub fn id(&self) -> u64 {
        self.footer.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn file_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Smallest and largest key.
    pub fn key_range(&self) -> (&[u8], &[u8]) {
        (&self.key_min, &self.key_max)
    }

    /// The keys that it answers for, and what it was merged from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The whole file.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Builds and times indexes of `policies` beside the live one; `sampled` holds keys that were asked for lately.
    pub fn trial(&self, policies: &[IndexPolicy], sampled: &[Vec<u8>]) -> Result<SegmentTrial> {
        let near: Vec<Vec<u8>> =
            sampled.iter().filter(|key| **key >= self.key_min && **key <= self.key_max).cloned().collect();
        // A handful of keys does not tell a workload.
        let sampled = if near.len() >= SAMPLED_KEYS_MIN { &near[..] } else { &[] };
        let bytes = self.footer.index.bytes;
        let (follows_workload, candidates) =
            shadow::trial(&self.index, bytes, &self.key_min, policies, sampled)?;
        let (entries, separators) = (self.footer.entries, self.footer.runs);
        Ok(SegmentTrial { id: self.id(), entries, separators, follows_workload, candidates })
    }

    /// How an index maps the separators to positions; see [`shadow::curve`].
    pub fn curve(&self, policy: Option<IndexPolicy>, points_max: usize) -> Result<SegmentCurve> {
        let curve = shadow::curve(&self.index, &self.key_min, policy, points_max)?;
        Ok(SegmentCurve { id: self.id(), ..curve })
    }

    /// Sizes and telemetry; its level is for the caller to say.
    pub fn stats(&self) -> SegmentStats {
        SegmentStats {
            id: self.id(),
            entries: self.footer.entries,
            tombstones: self.footer.tombstones,
            blocks: self.footer.blocks,
            file_bytes: self.file_bytes(),
            filter_bytes: self.footer.filter.bytes,
            index_bytes: self.footer.index.bytes,
            index_kind: self.index.kind_name(),
            index_error_bound: self.footer.error_bound,
            hardness: self.footer.hardness,
            predicted_ns: self.footer.predicted_ns,
            lines_at_build: self.index.lines_at_build(),
            sampled: self.counters.sampled.load(Ordering::Relaxed),
            sampled_ns: self.counters.ns.load(Ordering::Relaxed),
            lines_walked: self.counters.lines.load(Ordering::Relaxed),
            false_positives: self.counters.false_positives.load(Ordering::Relaxed),
            key_min: self.key_min.clone(),
            key_max: self.key_max.clone(),
            ..SegmentStats::default()
        }
    }
}
