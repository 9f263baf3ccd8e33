//! What the store tells about itself, as plain objects. Counts and bytes are whole numbers below 2^53.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use varve_kv as kv;

/// Sizes, counters and telemetry; counters start at open.
#[napi(object)]
pub struct StoreStats {
    /// Last commit that reads see.
    pub sequence: f64,
    /// Every commit up to this one lives in segments.
    pub folded_sequence: f64,
    /// Last commit known to be on disk (native log).
    pub synced_sequence: f64,
    /// Bytes used in memtables.
    pub memtable_bytes: f64,
    /// Entries in memtables, versions and tombstones included.
    pub memtable_entries: f64,
    /// Memtables waiting for their flush.
    pub frozen_memtables: f64,
    /// Bytes of log files on disk.
    pub log_bytes: f64,
    /// Bytes of batches waiting in the log's queue.
    pub queued_bytes: f64,
    /// Commits since open.
    pub commits: f64,
    /// Group commits since open.
    pub groups: f64,
    /// `fdatasync` calls of the log since open.
    pub syncs: f64,
    /// Flushes since open.
    pub flushes: f64,
    /// Merges since open.
    pub merges: f64,
    /// Entries written by flushes and merges since open.
    pub entries_written: f64,
    /// Nanoseconds that they took, waiting included.
    pub writing_ns: f64,
    /// Bytes written by flushes and merges since open.
    pub segment_bytes_written: f64,
    /// Point reads since open.
    pub lookups: f64,
    /// Point reads that were sampled.
    pub sampled_lookups: f64,
    /// Nanoseconds that the sampled reads took in all; one above 50 us counts as that.
    pub sampled_ns: f64,
    /// Sum of their squares.
    pub sampled_ns_squared: f64,
    /// Of `sampledNs`, nanoseconds in memtables and all segments but the oldest.
    pub sampled_delta_ns: f64,
    /// Live segments: newest level first, each level in key order.
    pub segments: Vec<SegmentStats>,
    /// Why writes are refused, when they are.
    pub poisoned: Option<String>,
}

/// One live segment.
#[napi(object)]
pub struct SegmentStats {
    /// File number.
    pub id: f64,
    /// From 0 for the newest. Segments of one level have no keys in common: a read visits one of them.
    pub level: f64,
    /// Entries, tombstones included.
    pub entries: f64,
    /// Tombstones among them.
    pub tombstones: f64,
    /// 4 KiB blocks.
    pub blocks: f64,
    /// Bytes of the file.
    pub file_bytes: f64,
    /// Bytes of its filter.
    pub filter_bytes: f64,
    /// Bytes of its index.
    pub index_bytes: f64,
    /// Kind of its index; `binary-search` when no learned one could be verified.
    pub index_kind: String,
    /// Error bound of a line probe, in separators; 0 when exact.
    pub index_error_bound: f64,
    /// Model segments per million separators at the reference error bound.
    pub hardness: f64,
    /// Time of one index lookup measured at build, in nanoseconds; 0 when nothing was timed.
    pub predicted_ns: f64,
    /// Mean lines of separators that a lookup compares, counted at build.
    pub lines_at_build: f64,
    /// Sampled lookups that reached this segment.
    pub sampled_lookups: f64,
    /// Nanoseconds that they spent in it.
    pub sampled_ns: f64,
    /// Lines of separators that they compared.
    pub sampled_lines: f64,
    /// Sampled lookups that the filter let through in vain.
    pub false_positives: f64,
    /// Smallest key.
    pub key_min: Uint8Array,
    /// Largest key.
    pub key_max: Uint8Array,
}

/// What `verify` checked.
#[napi(object)]
pub struct VerifyReport {
    /// Segments read.
    pub segments: f64,
    /// Blocks read.
    pub blocks: f64,
    /// Entries whose filter and index answers were checked.
    pub entries: f64,
    /// Log records read.
    pub log_records: f64,
    /// Every damage found; empty when all is well.
    pub damage: Vec<Damage>,
}

/// One damaged place.
#[napi(object)]
pub struct Damage {
    /// File name inside the directory.
    pub file: String,
    /// Byte offset.
    pub offset: f64,
    /// What is wrong.
    pub what: String,
}

/// What `repair` found, saved and lost.
#[napi(object)]
pub struct RepairReport {
    /// Damaged places.
    pub damage: Vec<Damage>,
    /// Commits that are gone, as inclusive pairs.
    pub lost_sequences: Vec<Vec<f64>>,
    /// Keys in these inclusive ranges may be gone or older than they were.
    pub lost_keys: Vec<Vec<Uint8Array>>,
    /// Entries of segments kept.
    pub kept_entries: f64,
    /// Commits of the log kept.
    pub kept_commits: f64,
}

impl From<kv::Stats> for StoreStats {
    fn from(stats: kv::Stats) -> Self {
        Self {
            sequence: stats.sequence as f64,
            folded_sequence: stats.folded_sequence as f64,
            synced_sequence: stats.synced_sequence as f64,
            memtable_bytes: stats.memtable_bytes as f64,
            memtable_entries: stats.memtable_entries as f64,
            frozen_memtables: stats.frozen_memtables as f64,
            log_bytes: stats.log_bytes as f64,
            queued_bytes: stats.queued_bytes as f64,
            commits: stats.commits as f64,
            groups: stats.groups as f64,
            syncs: stats.syncs as f64,
            flushes: stats.flushes as f64,
            merges: stats.merges as f64,
            entries_written: stats.entries_written as f64,
            writing_ns: stats.writing_ns as f64,
            segment_bytes_written: stats.segment_bytes_written as f64,
            lookups: stats.reads.lookups as f64,
            sampled_lookups: stats.reads.sampled as f64,
            sampled_ns: stats.reads.sampled_ns as f64,
            sampled_ns_squared: stats.reads.sampled_ns_squared as f64,
            sampled_delta_ns: stats.reads.delta_ns as f64,
            segments: stats.segments.into_iter().map(SegmentStats::from).collect(),
            poisoned: stats.poisoned,
        }
    }
}

impl From<kv::SegmentStats> for SegmentStats {
    fn from(segment: kv::SegmentStats) -> Self {
        Self {
            id: segment.id as f64,
            level: segment.level as f64,
            entries: segment.entries as f64,
            tombstones: segment.tombstones as f64,
            blocks: segment.blocks as f64,
            file_bytes: segment.file_bytes as f64,
            filter_bytes: segment.filter_bytes as f64,
            index_bytes: segment.index_bytes as f64,
            index_kind: segment.index_kind.to_owned(),
            index_error_bound: segment.index_error_bound as f64,
            hardness: segment.hardness,
            predicted_ns: segment.predicted_ns,
            lines_at_build: segment.lines_at_build,
            sampled_lookups: segment.sampled as f64,
            sampled_ns: segment.sampled_ns as f64,
            sampled_lines: segment.lines_walked as f64,
            false_positives: segment.false_positives as f64,
            key_min: Uint8Array::new(segment.key_min),
            key_max: Uint8Array::new(segment.key_max),
        }
    }
}

impl From<kv::VerifyReport> for VerifyReport {
    fn from(report: kv::VerifyReport) -> Self {
        Self {
            segments: report.segments as f64,
            blocks: report.blocks as f64,
            entries: report.entries as f64,
            log_records: report.log_records as f64,
            damage: report.damage.into_iter().map(Damage::from).collect(),
        }
    }
}

impl From<kv::Damage> for Damage {
    fn from(damage: kv::Damage) -> Self {
        Self { file: damage.file, offset: damage.offset as f64, what: damage.what }
    }
}

impl From<kv::RepairReport> for RepairReport {
    fn from(report: kv::RepairReport) -> Self {
        let lost_keys = report.lost_keys.into_iter();
        Self {
            damage: report.damage.into_iter().map(Damage::from).collect(),
            lost_sequences: report
                .lost_sequences
                .into_iter()
                .map(|(first, last)| vec![first as f64, last as f64])
                .collect(),
            lost_keys: lost_keys
                .map(|(low, high)| vec![Uint8Array::new(low), Uint8Array::new(high)])
                .collect(),
            kept_entries: report.kept_entries as f64,
            kept_commits: report.kept_commits as f64,
        }
    }
}
