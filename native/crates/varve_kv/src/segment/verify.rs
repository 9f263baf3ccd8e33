//! Checks a whole segment: every block, and every key through the filter and the index.

use std::path::Path;
use std::sync::Arc;

use varve_types::Result;

use super::Segment;
use super::builder::{Fallback, read_back_failed};
use crate::hash::hash;
use varve_files::Files;

/// Runs announced to the operating system at a time (1 MiB): where memory is short, a new segment has left the page
/// cache before it is read back, and each of its blocks would wait for the disk alone.
const READ_AHEAD: usize = 256;

/// A check in progress; done in chunks so that it never blocks other background work for long.
pub struct Verification {
    segment: Arc<Segment>,
    /// How to replace a learned index that fails.
    fallback: Option<Box<Fallback>>,
    run: usize,
    entries: u64,
    key: Vec<u8>,
}

impl Verification {
    /// Starts at the first block.
    pub(super) fn new(segment: Arc<Segment>, fallback: Option<Box<Fallback>>) -> Self {
        Self { segment, fallback, run: 0, entries: 0, key: Vec::new() }
    }

    /// A check of a live segment, which has no fallback.
    pub fn of(segment: Arc<Segment>) -> Self {
        segment.forget_checked();
        Self::new(segment, None)
    }

    /// Of the segment that is checked.
    pub fn path(&self) -> &Path {
        self.segment.path()
    }

    /// Entries checked.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Runs checked.
    pub fn runs(&self) -> usize {
        self.run
    }

    /// Checks up to `runs` more runs; true when all are checked.
    ///
    /// Error: `STORE_DAMAGED`, after which `skip` may pass the damaged run.
    pub fn step(&mut self, files: &dyn Files, runs: usize) -> Result<bool> {
        let total = self.segment.runs();
        for _ in 0..runs {
            if self.run >= total {
                break;
            }
            if self.run.is_multiple_of(READ_AHEAD) {
                self.segment.read_ahead(self.run..self.run + READ_AHEAD);
            }
            if self.check_run()? {
                self.run += 1;
            } else if let Some(fallback) = self.fallback.take() {
                self.segment = fallback.rebuild(files)?;
                (self.run, self.entries) = (0, 0);
            } else {
                let offset = self.segment.footer().index.offset;
                return Err(read_back_failed(self.segment.path(), offset));
            }
        }
        if self.run < total {
            return Ok(false);
        }
        if self.entries != self.segment.footer().entries && self.fallback.is_some() {
            return Err(read_back_failed(self.segment.path(), 0));
        }
        Ok(true)
    }

    /// Passes a damaged run.
    pub fn skip(&mut self) {
        self.run += 1;
    }

    /// The checked segment.
    pub fn into_segment(self) -> Arc<Segment> {
        self.segment
    }

    /// False when the filter or the index does not lead to a key of the run.
    fn check_run(&mut self) -> Result<bool> {
        let (block, bytes) = self.segment.run(self.run)?;
        let damaged = || self.segment.damaged_block(self.segment.start_of(self.run));
        let prefix = block.prefix(bytes).ok_or_else(damaged)?;
        for at in 0..block.count() {
            let entry = block.entry(bytes, at).ok_or_else(damaged)?;
            self.key.clear();
            self.key.extend_from_slice(prefix);
            self.key.extend_from_slice(entry.suffix);
            let key_hash = hash(&self.key);
            let found = self.segment.may_contain(&self.key, key_hash)
                && self.segment.locate(&self.key) == self.run
                && self.segment.get_in(self.run, &self.key, key_hash)?.is_some();
            if !found {
                return Ok(false);
            }
        }
        self.entries += block.count() as u64;
        Ok(true)
    }
}
