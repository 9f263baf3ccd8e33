//! A lookup of a batch in one segment, in phases: between them its cache misses overlap with those of others.

use varve_types::Result;

use super::Segment;
use super::block::FixedBlock;
use super::footer::BLOCKS_AT;
use crate::hash::fingerprint;
use crate::limits::BLOCK_BYTES;
use crate::read::GROUP;

/// A key and what is known of where it lies.
#[derive(Clone, Copy, Default)]
pub struct Lookup<'k, 'a> {
    /// The key.
    pub key: &'k [u8],
    /// Its hash.
    pub key_hash: u64,
    /// The run's only block, when it was verified and, from `probe` on, is of the usual shape.
    block: Option<&'a [u8; BLOCK_BYTES]>,
    run: u32,
    /// The entry that is compared first.
    first: u16,
    /// Where its answer belongs among those of its group.
    pub place: u8,
}

impl Segment {
    /// Begins a lookup of each of `keys`, a group at most: finds its run, while the cache misses of all overlap.
    #[inline(always)]
    pub fn begin_each<'k, 'a>(
        &'a self,
        keys: &[&'k [u8]],
        hashes: &[u64],
        places: &[u8],
        lookups: &mut [Lookup<'k, 'a>],
    ) {
        let mut runs = [0; GROUP];
        let runs = &mut runs[..keys.len()];
        self.index.find_batch(keys, runs);
        let blocks = self.map.get(BLOCKS_AT..).unwrap_or(&[]).as_chunks::<BLOCK_BYTES>().0;
        let last = self.runs() - 1;
        let has_starts = self.footer.starts.bytes != 0;
        for ((((lookup, key), key_hash), place), run) in
            lookups.iter_mut().zip(keys).zip(hashes).zip(places).zip(runs)
        {
            let run = last.min(*run);
            let start = if has_starts { self.start_of(run) } else { run as u64 };
            let block = blocks.get(start as usize).filter(|_| self.is_checked(start));
            *lookup = Lookup { key, key_hash: *key_hash, block, run: run as u32, first: 0, place: *place };
        }
    }
}

impl<'a> Lookup<'_, 'a> {
    /// Asks for the first line: header and fingerprints.
    #[inline(always)]
    pub fn ask(&self) {
        if let Some(block) = self.block {
            crate::prefetch::read(block.as_ptr());
        }
    }

    /// Finds the entry that is compared first, and asks for its lines.
    #[inline(always)]
    pub fn probe(&mut self) {
        match self.block.and_then(FixedBlock::of) {
            Some(block) => self.first = block.probe(fingerprint(self.key_hash)) as u16,
            None => self.block = None,
        }
    }

    /// The value of the entry that is compared first, if it is that of the key.
    #[inline(always)]
    pub fn value(&self) -> Option<&'a [u8]> {
        FixedBlock::again(self.block?).value_at(usize::from(self.first), self.key)
    }

    /// The entry of the key, when `value` has none: `Some(None)` is a tombstone.
    #[cold]
    #[inline(never)]
    pub fn find(&self, segment: &'a Segment) -> Result<Option<Option<&'a [u8]>>> {
        let block = self.block.map(FixedBlock::again);
        match block.and_then(|block| {
            block.value_behind(usize::from(self.first), self.key, fingerprint(self.key_hash))
        }) {
            Some(value) => Ok(Some(Some(value))),
            None => segment.get_in(self.run as usize, self.key, self.key_hash),
        }
    }
}
