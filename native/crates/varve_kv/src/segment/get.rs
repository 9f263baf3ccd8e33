//! Looks one key up in a segment: filter, index, block. `lookup` does it for a batch.

use std::sync::atomic::Ordering;

use varve_types::Result;

use super::block::FixedBlock;
use super::footer::BLOCKS_AT;
use super::signpost::Signpost;
use super::{Segment, filter};
use crate::hash::{fingerprint, head};
use crate::limits::BLOCK_BYTES;

/// After so many hits in a row the filter is not asked: a miss then costs one block in vain, which at most every
/// sixty-fourth single lookup can do. A group of a batch learns of its misses when all its keys are answered.
const SURE_OF_HITS: u32 = 64;

impl Segment {
    /// The entry of `key`: `Some(None)` is a tombstone.
    ///
    /// After a hit another one is expected: the block is predicted, and its first line asked for, before the filter
    /// has answered, so that two cache misses overlap. A lookup that hits then takes an eighth less; one that misses
    /// would take twice as long, so misses do not expect.
    #[inline]
    pub fn get(&self, key: &[u8], key_hash: u64) -> Result<Option<Option<&[u8]>>> {
        let hits = self.hits_in_row.load(Ordering::Relaxed);
        let found = if hits == 0 {
            match self.may_contain(key, key_hash) {
                true => self.get_in(self.locate(key), key, key_hash)?,
                false => None,
            }
        } else {
            let sure = hits >= SURE_OF_HITS;
            if !sure {
                self.prefetch_filter(key_hash);
            }
            let run = self.locate(key);
            self.ask_ahead(run, key_hash);
            match sure || self.may_contain(key, key_hash) {
                true => self.get_in(run, key, key_hash)?,
                false => None,
            }
        };
        self.note_hits(u32::from(found.is_some()), 1);
        Ok(found)
    }

    /// Whether the filter need not be asked.
    #[inline]
    pub fn is_sure_of_hits(&self) -> bool {
        self.hits_in_row.load(Ordering::Relaxed) >= SURE_OF_HITS
    }

    /// Of `asked` lookups, `found` hit.
    #[inline]
    pub fn note_hits(&self, found: u32, asked: u32) {
        let before = self.hits_in_row.load(Ordering::Relaxed);
        let after = if found == asked { (before + asked).min(SURE_OF_HITS) } else { 0 };
        if after != before {
            self.hits_in_row.store(after, Ordering::Relaxed);
        }
    }

    /// False when the key range or the filter excludes `key`.
    #[inline]
    pub fn may_contain(&self, key: &[u8], key_hash: u64) -> bool {
        self.spans(key) && filter::may_contain(self.filter(), key_hash)
    }

    /// As `may_contain`, for the members of `asked`: bit `i` stands for key `i`.
    #[inline]
    pub fn may_contain_each(&self, keys: &[&[u8]; 32], hashes: &[u64; 32], asked: u32) -> u32 {
        let mut left = asked;
        let mut spanned = 0;
        while left != 0 {
            let at = left.trailing_zeros() % 32;
            spanned |= u32::from(self.spans(keys[at as usize])) << at;
            left &= left - 1;
        }
        filter::may_contain_each(self.filter(), hashes, spanned)
    }

    /// Whether `key` lies between the smallest and the largest key.
    #[inline]
    fn spans(&self, key: &[u8]) -> bool {
        let (key_head, (low, high)) = (head(key), self.heads);
        (key_head > low || (key_head == low && key >= self.key_min.as_slice()))
            && (key_head < high || (key_head == high && key <= self.key_max.as_slice()))
    }

    /// Loads the filter line of a key.
    #[inline]
    pub fn prefetch_filter(&self, key_hash: u64) {
        filter::prefetch(self.filter(), key_hash);
    }

    /// The only run that can hold `key`.
    #[inline]
    pub fn locate(&self, key: &[u8]) -> usize {
        self.index.find(key).min(self.runs() - 1)
    }

    /// As `locate`, with the lines of separators compared.
    pub fn locate_traced(&self, key: &[u8]) -> (usize, u32) {
        let (run, lines) = self.index.find_traced(key);
        (run.min(self.runs() - 1), lines)
    }

    /// Looks `key` up in `run`.
    #[inline]
    pub fn get_in(&self, run: usize, key: &[u8], key_hash: u64) -> Result<Option<Option<&[u8]>>> {
        let print = fingerprint(key_hash);
        if let Some(block) = self.fixed(run)
            && let Some(value) = block.value_at(block.probe(print), key)
        {
            return Ok(Some(Some(value)));
        }
        // Another shape, or another key with the same fingerprint.
        let (block, bytes) = self.run(run)?;
        match block.find_from(block.first_match(bytes, print), bytes, key, print) {
            Some(found) => Ok(found.map(|entry| entry.value)),
            None => Err(self.damaged_block(self.start_of(run))),
        }
    }

    /// Asks for the lines of `run` that a lookup in it needs: header and fingerprints, and the entry itself when the
    /// run was read before, because then its signpost is in memory as well.
    #[inline(always)]
    fn ask_ahead(&self, run: usize, key_hash: u64) {
        let start = self.start_of(run);
        let block = self.map.as_ptr().wrapping_add(BLOCKS_AT + start as usize * BLOCK_BYTES);
        crate::prefetch::read(block);
        if self.is_checked(start)
            && let Some(signpost) = self.signposts.get(run)
        {
            Signpost::of(signpost).follow(fingerprint(key_hash), block);
        }
    }

    /// The block of `run` when it is verified and of the usual shape.
    #[inline(always)]
    fn fixed(&self, run: usize) -> Option<FixedBlock<'_>> {
        let start = self.start_of(run);
        if !self.is_checked(start) {
            return None;
        }
        let at = BLOCKS_AT + start as usize * BLOCK_BYTES;
        FixedBlock::of(self.map.get(at..)?.first_chunk()?)
    }

    #[inline]
    fn filter(&self) -> &[u8] {
        &self.map[self.footer.filter.span()]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use crate::IndexPolicy;
    use crate::hash::hash;
    use crate::segment::{SegmentBuilder, SegmentPlan};
    use varve_files::RealFiles;

    /// After many hits the filter is left out: misses must still be answered, and the first one brings it back.
    #[test]
    fn a_miss_after_many_hits() {
        let path: Arc<Path> =
            std::env::temp_dir().join(format!("varve-many-hits-{}", std::process::id())).into();
        let (sequences, policy) = ((1, 1), IndexPolicy::Auto);
        let plan =
            SegmentPlan { id: 1, sequences, entries_max: 500, filter_bits: 10, policy, has_clock: false };
        let mut builder = SegmentBuilder::create(&RealFiles, path.clone(), plan).unwrap();
        for n in 0..500u64 {
            builder.add(&(2 * n).to_be_bytes(), (n % 7 != 0).then_some(&[1; 90])).unwrap();
        }
        let mut check = builder.finish(&RealFiles, None).unwrap();
        while !check.step(&RealFiles, 16).unwrap() {}
        let segment = check.into_segment();
        let get = |key: u64| {
            let key = key.to_be_bytes();
            segment.get(&key, hash(&key)).unwrap()
        };
        for round in 0..3 {
            for n in 0..500 {
                assert_eq!(get(2 * n).unwrap().is_some(), n % 7 != 0, "round {round}, key {n}");
            }
            assert!(segment.is_sure_of_hits());
            for missing in [2 * round + 1, 5000, u64::MAX] {
                assert_eq!(get(missing), None);
                assert!(!segment.is_sure_of_hits());
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
