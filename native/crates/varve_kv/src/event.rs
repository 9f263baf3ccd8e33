//! What the store tells while it works.

use varve_types::VarveError;

/// Background work of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// A frozen memtable becomes a segment.
    Flush,
    /// Several segments become one, or as many as their size asks for.
    Merge,
    /// Every block is read and checked.
    Verify,
}

/// One event; delivered on the thread that caused it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// `done` of `total` entries of the running job are written or checked.
    Progress {
        /// Which job.
        job: Job,
        /// Entries done.
        done: u64,
        /// Entries in all; an estimate while merging.
        total: u64,
    },
    /// A memtable became live segments.
    Flush {
        /// File numbers of the segments; none when every entry cancelled out.
        segments: Vec<u64>,
        /// Entries in them, tombstones included.
        entries: u64,
        /// Bytes of their files.
        bytes: u64,
        /// Wall time, in milliseconds.
        elapsed_ms: u64,
    },
    /// Segments became others, without common keys.
    Merge {
        /// File numbers of the inputs.
        inputs: Vec<u64>,
        /// File numbers of the outputs, in key order; none when every entry cancelled out.
        segments: Vec<u64>,
        /// Entries in the outputs.
        entries: u64,
        /// Bytes of their files.
        bytes: u64,
        /// Wall time, in milliseconds.
        elapsed_ms: u64,
    },
    /// External log only: store `catalogue` and drop every logged commit up to `folded_sequence` in one
    /// durable step, then call [`crate::Store::fold_committed`] with `ticket` (or `fold_failed`).
    Fold {
        /// Names this fold.
        ticket: u64,
        /// The new catalogue, opaque.
        catalogue: Vec<u8>,
        /// Every commit up to this one lives in segments from then on.
        folded_sequence: u64,
    },
    /// Background work failed; the data stays in the log and the memtable. Work is retried after the
    /// next write, `flush` or `compact`.
    BackgroundFailed {
        /// Which job.
        job: Job,
        /// Why.
        error: VarveError,
    },
    /// The store refuses writes from now on.
    Poisoned {
        /// Why.
        cause: String,
    },
}
