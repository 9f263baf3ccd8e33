//! What the store tells about itself: sizes, work, and the telemetry of the self-tuning loop.

use std::path::Path;

use varve_types::VarveError;

/// A point-in-time report; counters start at open.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Last commit that reads see.
    pub sequence: u64,
    /// Every commit up to this one lives in segments.
    pub folded_sequence: u64,
    /// Last commit known to be on disk (native log).
    pub synced_sequence: u64,
    /// Bytes used in the active and the frozen memtables.
    pub memtable_bytes: u64,
    /// Entries in them, versions and tombstones included.
    pub memtable_entries: u64,
    /// Memtables waiting for their flush.
    pub frozen_memtables: u64,
    /// Bytes of log files on disk.
    pub log_bytes: u64,
    /// Bytes of batches waiting in the log's queue.
    pub queued_bytes: u64,
    /// Commits since open.
    pub commits: u64,
    /// Group commits since open: one record in the log each.
    pub groups: u64,
    /// `fdatasync` calls of the log since open.
    pub syncs: u64,
    /// Flushes since open.
    pub flushes: u64,
    /// Merges since open.
    pub merges: u64,
    /// Entries written by flushes and merges since open.
    pub entries_written: u64,
    /// Nanoseconds that the flushes and merges took, waiting included.
    pub writing_ns: u64,
    /// Bytes written by flushes and merges since open.
    pub segment_bytes_written: u64,
    /// Sampled reads, one in [`crate::limits::SAMPLE_EVERY`].
    pub reads: ReadStats,
    /// Live segments: newest level first, each level in key order.
    pub segments: Vec<SegmentStats>,
    /// Why writes are refused, when they are.
    pub poisoned: Option<String>,
}

/// Sums over sampled point reads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadStats {
    /// Point reads since open, sampled or not.
    pub lookups: u64,
    /// Sampled ones.
    pub sampled: u64,
    /// Nanoseconds that the sampled ones took in all. One that took longer than
    /// [`crate::limits::SAMPLE_NS_MAX`] was interrupted, and counts as that.
    pub sampled_ns: u64,
    /// Sum of their squares, for the variance.
    pub sampled_ns_squared: u64,
    /// Of `sampled_ns`, nanoseconds in memtables and all levels but the oldest: the delta.
    pub delta_ns: u64,
    /// Sampled reads answered by a memtable.
    pub from_memtable: u64,
    /// Sampled reads answered by a segment.
    pub from_segment: u64,
    /// Sampled reads that found nothing.
    pub missing: u64,
}

/// One live segment.
#[derive(Clone, Debug, Default)]
pub struct SegmentStats {
    /// File number.
    pub id: u64,
    /// Its level, from 0 for the newest. Segments of one level have no keys in common, and a read visits one of them.
    pub level: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// 4 KiB blocks.
    pub blocks: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of its filter.
    pub filter_bytes: u64,
    /// Bytes of its index.
    pub index_bytes: u64,
    /// Kind of its index, in the names of `IndexKind`; `binary-search` when no learned one could be verified.
    pub index_kind: &'static str,
    /// Error bound of a line probe, in separators; 0 when exact.
    pub index_error_bound: u64,
    /// Model segments per million separators at the reference error bound: how hard the keys are to learn.
    pub hardness: f64,
    /// Time of one index lookup measured at build, in nanoseconds; 0 when nothing was timed.
    pub predicted_ns: f64,
    /// Mean lines of separators that a lookup compares, counted at build.
    pub lines_at_build: f64,
    /// Sampled lookups that reached this segment.
    pub sampled: u64,
    /// Nanoseconds that they spent in it.
    pub sampled_ns: u64,
    /// Lines of separators that they compared.
    pub lines_walked: u64,
    /// Sampled lookups that the filter let through in vain.
    pub false_positives: u64,
    /// Smallest key.
    pub key_min: Vec<u8>,
    /// Largest key.
    pub key_max: Vec<u8>,
}

/// What `verify` checked.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Segments read.
    pub segments: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Entries whose filter and index answers were checked.
    pub entries: u64,
    /// Log records read.
    pub log_records: u64,
    /// Every damage found; empty when all is well.
    pub damage: Vec<Damage>,
}

/// One damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// File name inside the directory.
    pub file: String,
    /// Byte offset.
    pub offset: u64,
    /// What is wrong; the place is not said again.
    pub what: String,
}

impl Damage {
    /// The place that an error names: a message is `PATH, offset N: what`, or `PATH: what` for a file as a whole.
    pub(crate) fn of(error: &VarveError) -> Self {
        let (place, what) = error.message().rsplit_once(": ").unwrap_or(("", error.message()));
        let split = place.rsplit_once(", offset ").and_then(|(path, at)| Some((path, at.parse().ok()?)));
        let (path, offset) = split.unwrap_or((place, 0));
        let file = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        Self { file: file.unwrap_or_default(), offset, what: what.to_owned() }
    }
}

/// What [`crate::repair`] found, saved and lost.
#[derive(Clone, Debug, Default)]
pub struct RepairReport {
    /// Damaged places.
    pub damage: Vec<Damage>,
    /// Commits that are gone, inclusive.
    pub lost_sequences: Vec<(u64, u64)>,
    /// Keys in these inclusive ranges may be gone or older than they were.
    pub lost_keys: Vec<(Vec<u8>, Vec<u8>)>,
    /// Entries of segments kept.
    pub kept_entries: u64,
    /// Commits of the log kept.
    pub kept_commits: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{damaged, foreign};

    #[test]
    fn damage_says_its_place_once() {
        let path = Path::new("/data: old, offset 3/segment-7.vseg");
        let rows = [
            (damaged(path, 0, "the index is malformed"), 0, "the index is malformed"),
            (damaged(path, 8192, "cut to 512 bytes"), 8192, "cut to 512 bytes"),
            (foreign(path, "not a Varve segment"), 0, "not a Varve segment"),
        ];
        for (error, offset, what) in rows {
            let file = "segment-7.vseg".to_owned();
            assert_eq!(Damage::of(&error), Damage { file, offset, what: what.to_owned() }, "{error}");
        }
    }
}
