//! How far a statement has come: what its scans have read of what they will have to.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one statement; they only grow.
#[derive(Debug, Default)]
pub struct Progress {
    rows_total: AtomicU64,
    rows_scanned: AtomicU64,
    bytes_scanned: AtomicU64,
}

impl Progress {
    /// Rows that the scans that have begun will look at.
    #[must_use]
    pub fn rows_total(&self) -> u64 {
        self.rows_total.load(Ordering::Relaxed)
    }

    /// Rows that were looked at or skipped.
    #[must_use]
    pub fn rows_scanned(&self) -> u64 {
        self.rows_scanned.load(Ordering::Relaxed)
    }

    /// Bytes that were read, in memory form.
    #[must_use]
    pub fn bytes_scanned(&self) -> u64 {
        self.bytes_scanned.load(Ordering::Relaxed)
    }

    /// A scan will look at so many more rows.
    pub fn expect_rows(&self, rows: u64) {
        self.rows_total.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many more rows were looked at or skipped, and so many bytes read.
    pub fn scanned(&self, rows: u64, bytes: u64) {
        self.rows_scanned.fetch_add(rows, Ordering::Relaxed);
        self.bytes_scanned.fetch_add(bytes, Ordering::Relaxed);
    }
}
