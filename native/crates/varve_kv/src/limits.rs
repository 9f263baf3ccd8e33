//! Every documented limit of the store, in one place.

/// Longest key, in bytes. Empty keys are legal.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Longest value, in bytes (64 MiB). Empty values are legal.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Largest packed batch, in bytes (256 MiB): one batch is one commit and lives in one memtable.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// Segments that a read may have to visit.
pub const SEGMENTS_MAX: usize = 4;

/// Bytes of one segment block: the unit of checksum, prediction and disk read.
pub const BLOCK_BYTES: usize = 4096;

/// Smallest memtable the store accepts (64 KiB).
pub const MEMTABLE_BYTES_MIN: usize = 64 << 10;

/// Largest memtable the store accepts (1 GiB).
pub const MEMTABLE_BYTES_MAX: usize = 1 << 30;

/// One lookup in this many is timed and its lines counted.
pub const SAMPLE_EVERY: u32 = 1024;
