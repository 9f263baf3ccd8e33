//! Iterates a segment in key order, both ways.

use std::sync::Arc;

use varve_types::Result;

use super::Segment;
use super::block::Block;

/// Runs announced to the operating system at a time (256 blocks, 1 MiB).
const READ_AHEAD: usize = 256;

/// A position in a segment. The key is kept contiguous; the value is read in place.
pub struct SegIter {
    segment: Arc<Segment>,
    run: usize,
    block: Block,
    at: usize,
    valid: bool,
    key: Vec<u8>,
    prefix: usize,
    /// Runs from here to here were announced.
    announced: std::ops::Range<usize>,
}

impl SegIter {
    /// An iterator without a position.
    pub fn new(segment: Arc<Segment>) -> Self {
        let block = Block::default();
        Self { segment, run: 0, block, at: 0, valid: false, key: Vec::new(), prefix: 0, announced: 0..0 }
    }

    /// True on an entry.
    #[inline]
    pub fn valid(&self) -> bool {
        self.valid
    }

    /// The key; the caller checked `valid`.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value, `None` for a tombstone; the caller checked `valid`.
    #[inline]
    pub fn value(&self) -> Result<Option<&[u8]>> {
        let (_, bytes) = self.segment.run(self.run)?;
        Ok(self.segment.entry(self.run, &self.block, bytes, self.at)?.value)
    }

    /// Moves to the first entry at or after `key`.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.load(self.segment.locate(key))?;
        let (_, bytes) = self.segment.run(self.run)?;
        let at = self.block.lower_bound(bytes, key);
        self.at = at.ok_or_else(|| self.segment.damaged_block(self.segment.start_of(self.run)))?;
        if self.at < self.block.count() {
            return self.set_key();
        }
        self.enter_next_run()
    }

    /// Moves to the last entry at or before `key`, or the last of all for `None`.
    pub fn seek_back(&mut self, key: Option<&[u8]>) -> Result<()> {
        match key {
            None => {
                self.load(self.segment.runs() - 1)?;
                self.at = self.block.count() - 1;
                self.set_key()
            }
            Some(key) => {
                self.seek(key)?;
                if !self.valid {
                    return self.seek_back(None);
                }
                if self.key.as_slice() == key { Ok(()) } else { self.previous() }
            }
        }
    }

    /// Moves to the next entry.
    #[inline]
    pub fn next(&mut self) -> Result<()> {
        self.at += 1;
        if self.at < self.block.count() {
            return self.set_key();
        }
        self.enter_next_run()
    }

    /// Moves to the previous entry.
    #[inline]
    pub fn previous(&mut self) -> Result<()> {
        if self.at == 0 {
            if self.run == 0 {
                self.valid = false;
                return Ok(());
            }
            self.load(self.run - 1)?;
            self.at = self.block.count();
        }
        self.at -= 1;
        self.set_key()
    }

    /// The current block, its bytes and the position in it, for readers of whole blocks.
    #[inline]
    pub fn current(&self) -> Result<(&Block, &[u8], usize)> {
        let (_, bytes) = self.segment.run(self.run)?;
        Ok((&self.block, bytes, self.at))
    }

    /// Moves within the current block, or to the first entry of the next run when `at` is its count.
    pub fn jump(&mut self, at: usize) -> Result<()> {
        self.at = at;
        if at < self.block.count() { self.set_key() } else { self.enter_next_run() }
    }

    fn enter_next_run(&mut self) -> Result<()> {
        if self.run + 1 >= self.segment.runs() {
            self.valid = false;
            return Ok(());
        }
        self.load(self.run + 1)?;
        self.set_key()
    }

    fn load(&mut self, run: usize) -> Result<()> {
        self.valid = false;
        if !self.announced.contains(&run) {
            self.announce(run);
        }
        let (block, bytes) = self.segment.run(run)?;
        let prefix = block.prefix(bytes).unwrap_or_default();
        self.key.clear();
        self.key.extend_from_slice(prefix);
        (self.run, self.block, self.at, self.prefix) = (run, block, 0, prefix.len());
        Ok(())
    }

    /// The second consecutive window is announced ahead; the first access alone is not a scan.
    fn announce(&mut self, run: usize) {
        let forward = run == self.announced.end;
        let backward = run + 1 == self.announced.start;
        let ahead = if forward {
            run..run + READ_AHEAD
        } else if backward {
            (run + 1).saturating_sub(READ_AHEAD)..run + 1
        } else {
            run..run + 1
        };
        if forward || backward {
            self.segment.read_ahead(ahead.clone());
        }
        self.announced = ahead;
    }

    #[inline]
    fn set_key(&mut self) -> Result<()> {
        let (_, bytes) = self.segment.run(self.run)?;
        let entry = self.segment.entry(self.run, &self.block, bytes, self.at)?;
        self.key.truncate(self.prefix);
        self.key.extend_from_slice(entry.suffix);
        self.valid = true;
        Ok(())
    }
}
