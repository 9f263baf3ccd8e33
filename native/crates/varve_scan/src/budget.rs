//! The memory that a plan may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use varve_types::{ErrorCode, Result, VarveError};

/// Bytes that all plans of one engine hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes that are charged to a budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Nothing yet.
    pub(crate) fn charge(self: &Arc<Self>) -> Charge {
        Charge { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Charge {
    /// Charges `bytes` in all, more or less than before.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<()> {
        let budget = &self.budget;
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            let before = budget.used.fetch_add(more, Ordering::Relaxed);
            self.bytes = bytes;
            if before.saturating_add(more) > budget.limit {
                return Err(VarveError::new(
                    ErrorCode::MemoryExceeded,
                    format!("the query needs more than the {} bytes that queries may hold", budget.limit),
                    "filter or group first, take fewer columns, or open the database with a larger memoryBytes",
                ));
            }
        } else {
            budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Charges so many bytes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        self.set(self.bytes.saturating_add(bytes))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
