//! The runs of blocks of a segment, by number. A run is verified when it is first touched (invariant 4 of the module).

use std::sync::atomic::Ordering;

use varve_types::Result;

use super::Segment;
use super::block::{self, Block, Entry};
use super::footer::BLOCKS_AT;
use crate::error::damaged;
use crate::limits::BLOCK_BYTES;

impl Segment {
    /// Runs of blocks: what the index counts.
    pub fn runs(&self) -> usize {
        self.footer.runs as usize
    }

    /// The parsed header and the bytes of `run`, verified if this is the first touch.
    #[inline]
    pub fn run(&self, run: usize) -> Result<(Block, &[u8])> {
        let start = self.start_of(run);
        let at = BLOCKS_AT + start as usize * BLOCK_BYTES;
        let first = self.map.get(at..at + BLOCK_BYTES).filter(|_| start < self.footer.blocks);
        let first = first.ok_or_else(|| self.damaged_block(start))?;
        let block = Block::header(first).ok_or_else(|| self.damaged_block(start))?;
        let bytes = match block.blocks() {
            1 => first,
            blocks => {
                let within = start + blocks as u64 <= self.footer.blocks;
                within
                    .then(|| &self.map[at..at + blocks * BLOCK_BYTES])
                    .ok_or_else(|| self.damaged_block(start))?
            }
        };
        if !self.is_checked(start) {
            self.check(start, bytes)?;
        }
        Ok((block, bytes))
    }

    /// An entry of a run that `run` returned.
    #[inline]
    pub fn entry<'a>(&self, run: usize, block: &Block, bytes: &'a [u8], at: usize) -> Result<Entry<'a>> {
        block.entry(bytes, at).ok_or_else(|| self.damaged_block(self.start_of(run)))
    }

    /// First block of `run`.
    #[inline(always)]
    pub fn start_of(&self, run: usize) -> u64 {
        if self.footer.starts.bytes == 0 {
            return run as u64;
        }
        let at = self.footer.starts.offset as usize + 4 * run;
        u64::from(u32::from_le_bytes([self.map[at], self.map[at + 1], self.map[at + 2], self.map[at + 3]]))
    }

    /// Tells the system that the blocks of these runs are read next.
    pub fn read_ahead(&self, runs: std::ops::Range<usize>) {
        if runs.is_empty() {
            return;
        }
        let last = runs.end.min(self.runs()) - 1;
        let from = BLOCKS_AT + self.start_of(runs.start.min(last)) as usize * BLOCK_BYTES;
        let to = BLOCKS_AT + (self.start_of(last) as usize + 1) * BLOCK_BYTES;
        self.map.advise_soon(from..to);
    }

    /// Makes every block be verified again at its next touch.
    pub fn forget_checked(&self) {
        self.checked.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// `STORE_DAMAGED` for a block.
    #[cold]
    pub fn damaged_block(&self, block: u64) -> varve_types::VarveError {
        let offset = BLOCKS_AT as u64 + block * BLOCK_BYTES as u64;
        damaged(&self.path, offset, "a block fails its checksum or structure")
    }

    #[inline]
    pub(super) fn is_checked(&self, block: u64) -> bool {
        // Block starts may name blocks that are not there, in a file whose checksums are right all the same.
        let word = self.checked.get((block / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (block % 64) & 1 == 1)
    }

    #[cold]
    fn check(&self, start: u64, run: &[u8]) -> Result<()> {
        let stored = u32::from_le_bytes([run[0], run[1], run[2], run[3]]);
        if block::checksum(run, self.id(), start) != stored || Block::parse(run).is_none() {
            return Err(self.damaged_block(start));
        }
        self.checked[(start / 64) as usize].fetch_or(1 << (start % 64), Ordering::Relaxed);
        Ok(())
    }
}
