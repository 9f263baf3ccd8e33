//! Every documented limit of the store, in one place.

/// Longest key, in bytes. Empty keys are legal.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Longest value, in bytes (64 MiB). Empty values are legal.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Largest packed batch, in bytes (256 MiB): one batch is one commit and lives in one memtable.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// Levels, and so segments, that a read may have to visit.
pub const LEVELS_MAX: usize = 4;

/// Smallest size at which a new segment may be cut (one block).
pub const SEGMENT_BYTES_MIN: usize = BLOCK_BYTES;

/// Bytes of one segment block: the unit of checksum, prediction and disk read.
pub const BLOCK_BYTES: usize = 4096;

/// Smallest memtable the store accepts (64 KiB).
pub const MEMTABLE_BYTES_MIN: usize = 64 << 10;

/// Largest memtable the store accepts (1 GiB).
pub const MEMTABLE_BYTES_MAX: usize = 1 << 30;

/// Smallest size of a preallocated log file (16 KiB); a smaller option counts as this.
pub const LOG_FILE_BYTES_MIN: usize = 16 << 10;

/// One lookup in this many is timed and its lines counted.
pub const SAMPLE_EVERY: u32 = 1024;

/// Nanoseconds above which a sampled lookup was interrupted rather than slow; it counts as this many.
pub const SAMPLE_NS_MAX: u64 = 50_000;

/// Keys of sampled lookups that are kept for shadow trials.
pub const SAMPLED_KEYS_MAX: usize = 512;

/// Bytes of such a key that are kept: enough for its place in the order.
pub const SAMPLED_KEY_BYTES_MAX: usize = 128;

/// Policies of one shadow trial.
pub const TRIAL_POLICIES_MAX: usize = 16;
