//! Immutable sorted files: blocks, a filter, an index, all used from a memory map without decoding.
//!
//! Invariants
//! 1. A segment holds at most one entry per key; tombstones stay until no older segment exists.
//! 2. A point read touches one filter line, the index, and at most one run of blocks.
//! 3. The index borrows the map's bytes, whose address never changes; it is dropped before the map.
//! 4. A block's checksum is verified the first time it is touched after open, and again after
//!    [`Segment::forget_checked`].

pub mod block;
mod builder;
mod fences;
pub mod filter;
pub mod footer;
mod index;
mod iter;
pub mod lookup;
pub mod origin;
mod shadow;
mod verify;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub use builder::{SegmentBuilder, SegmentPlan};
pub use iter::SegIter;
pub use origin::{Origin, Span};
pub use shadow::{CandidateTrial, CurvePoint, SegmentCurve, SegmentTrial};
use varve_types::Result;
pub use verify::Verification;

use crate::IndexPolicy;
use crate::error::{damaged, foreign, io, newer_format};
use crate::files::{Access, Files, Map};
use crate::hash::{fingerprint, head};
use crate::limits::BLOCK_BYTES;
use crate::stats::SegmentStats;
use block::{Block, Entry, FixedBlock};
use footer::{BLOCKS_AT, Footer, Unreadable};
use index::BlockIndex;

/// After so many hits in a row the filter is not asked: a miss then costs one block in vain, which at most every
/// sixty-fourth single lookup can do. A group of a batch learns of its misses when all its keys are answered.
const SURE_OF_HITS: u32 = 64;

/// Sampled keys below which a trial spreads its questions evenly.
const SAMPLED_KEYS_MIN: usize = 32;

/// An open segment.
pub struct Segment {
    /// Before `map`, of which it borrows (invariant 3).
    index: BlockIndex<'static>,
    map: Map,
    path: Arc<Path>,
    footer: Footer,
    key_min: Vec<u8>,
    key_max: Vec<u8>,
    origin: Origin,
    heads: (u64, u64),
    /// One bit per block: its checksum was verified.
    checked: Box<[AtomicU64]>,
    /// Lookups in a row that found their key here, up to [`SURE_OF_HITS`]; only a hint.
    hits_in_row: AtomicU32,
    /// Telemetry of sampled lookups.
    pub counters: Counters,
}

/// Sums over the sampled lookups that reached a segment.
#[derive(Default)]
pub struct Counters {
    pub sampled: AtomicU64,
    pub ns: AtomicU64,
    pub lines: AtomicU64,
    pub false_positives: AtomicU64,
}

impl Segment {
    /// Opens the file of segment `id`; `bytes` is the length that the catalogue knows.
    ///
    /// Checks head, footer, filter, index and end keys; blocks are checked when touched.
    pub fn open(files: &dyn Files, path: Arc<Path>, id: u64, bytes: Option<u64>) -> Result<Self> {
        let file = files.open(&path, Access::Read).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => damaged(&path, 0, "the segment is missing"),
            _ => io("open", &path, error),
        })?;
        let length = file.len().map_err(|error| io("measure", &path, error))?;
        if let Some(expected) = bytes
            && expected != length
        {
            let what = format!("the file has {length} bytes instead of {expected}, seen");
            return Err(damaged(&path, length.min(expected), &what));
        }
        if (length as usize) < BLOCKS_AT + footer::FOOTER_BYTES {
            return Err(damaged(&path, length, "the file is too short for a segment, ends"));
        }
        let map = file.map(length as usize).map_err(|error| io("map", &path, error))?;
        map.advise_random();
        Self::over(map, path, id)
    }

    fn over(map: Map, path: Arc<Path>, id: u64) -> Result<Self> {
        let unreadable = |why| match why {
            Unreadable::Foreign => foreign(&path, "not a Varve segment"),
            Unreadable::Newer(format) => newer_format(&path, format, footer::SEGMENT_FORMAT),
            Unreadable::Damaged(offset, what) => damaged(&path, offset, what),
        };
        let head_id = footer::read_head(&map).map_err(unreadable)?;
        let footer = Footer::decode(&map).map_err(unreadable)?;
        if head_id != id || footer.id != id {
            return Err(damaged(&path, 0, "the file carries the number of another segment"));
        }
        // Read at once what is checked below: page by page, a cold disk takes five times as long to open the segment.
        map.advise_soon(footer.filter.offset as usize..map.len());
        let section = |section: &footer::Section, what| {
            section.of(&map).ok_or_else(|| damaged(&path, section.offset, what))
        };
        let filter = section(&footer.filter, "the filter fails its checksum")?;
        let image = section(&footer.index, "the index fails its checksum")?;
        let starts = section(&footer.starts, "the block starts fail their checksum")?;
        let keys = section(&footer.keys, "the end keys fail their checksum")?;
        let malformed = |what| damaged(&path, footer.index.offset, what);
        if filter.is_empty() || filter.len() % filter::FILTER_BLOCK != 0 {
            return Err(malformed("the filter is malformed"));
        }
        // SAFETY: the bytes stay where they are for as long as the segment lives, wherever `map` moves, because a
        // map owns them by pointer; and the index is dropped before them (invariant 3).
        let image: &'static [u8] = unsafe { std::slice::from_raw_parts(image.as_ptr(), image.len()) };
        let index = BlockIndex::open(footer.index_kind, image)
            .filter(|index| index.len() as u64 == footer.runs)
            .ok_or_else(|| malformed("the index is malformed"))?;
        let starts_fit = starts.is_empty() || Some(starts.len() as u64) == footer.runs.checked_mul(4);
        if !starts_fit || footer.runs == 0 {
            return Err(malformed("the block starts are malformed"));
        }
        let mut reader = crate::codec::Reader::new(keys);
        let (Some(key_min), Some(key_max)) = (reader.bytes(), reader.bytes()) else {
            return Err(malformed("the end keys are malformed"));
        };
        let origin = Origin::read(&mut reader, (key_min, key_max))
            .ok_or_else(|| malformed("the origin of the segment is malformed"))?;
        let (key_min, key_max) = (key_min.to_vec(), key_max.to_vec());
        Ok(Self {
            origin,
            heads: (head(&key_min), head(&key_max)),
            key_min,
            key_max,
            checked: (0..footer.blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            hits_in_row: AtomicU32::new(0),
            counters: Counters::default(),
            index,
            footer,
            path,
            map,
        })
    }

    /// The decoded footer.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// File number.
    pub fn id(&self) -> u64 {
        self.footer.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn file_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Smallest and largest key.
    pub fn key_range(&self) -> (&[u8], &[u8]) {
        (&self.key_min, &self.key_max)
    }

    /// The keys that it answers for, and what it was merged from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Runs of blocks: what the index counts.
    pub fn runs(&self) -> usize {
        self.footer.runs as usize
    }

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
            self.prefetch_run(run);
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

    /// Loads the first line of `run`: header and fingerprints.
    #[inline]
    pub fn prefetch_run(&self, run: usize) {
        let at = BLOCKS_AT + self.start_of(run) as usize * BLOCK_BYTES;
        crate::prefetch::read(self.map.as_ptr().wrapping_add(at));
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

    /// Sections that fail their checksum now: (offset, what).
    pub fn bad_sections(&self) -> Vec<(u64, &'static str)> {
        let footer = &self.footer;
        [
            (&footer.filter, "the filter fails its checksum"),
            (&footer.index, "the index fails its checksum"),
            (&footer.starts, "the block starts fail their checksum"),
            (&footer.keys, "the end keys fail their checksum"),
        ]
        .into_iter()
        .filter(|(section, _)| section.of(&self.map).is_none())
        .map(|(section, what)| (section.offset, what))
        .chain(Footer::decode(&self.map).is_err().then_some((self.map.len() as u64, "the footer fails")))
        .collect()
    }

    /// The whole file.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// `STORE_DAMAGED` for a block.
    #[cold]
    pub fn damaged_block(&self, block: u64) -> varve_types::VarveError {
        let offset = BLOCKS_AT as u64 + block * BLOCK_BYTES as u64;
        damaged(&self.path, offset, "a block fails its checksum or structure")
    }

    /// Builds and times indexes of `policies` beside the live one; `sampled` holds keys that were asked for lately.
    pub fn trial(&self, policies: &[IndexPolicy], sampled: &[Vec<u8>]) -> Result<SegmentTrial> {
        let near: Vec<Vec<u8>> =
            sampled.iter().filter(|key| **key >= self.key_min && **key <= self.key_max).cloned().collect();
        // A handful of keys does not tell a workload.
        let sampled = if near.len() >= SAMPLED_KEYS_MIN { &near[..] } else { &[] };
        let bytes = self.footer.index.bytes;
        let (follows_workload, candidates) =
            shadow::trial(&self.index, bytes, &self.key_min, policies, sampled)?;
        let (entries, separators) = (self.footer.entries, self.footer.runs);
        Ok(SegmentTrial { id: self.id(), entries, separators, follows_workload, candidates })
    }

    /// How an index maps the separators to positions; see [`shadow::curve`].
    pub fn curve(&self, policy: Option<IndexPolicy>, points_max: usize) -> Result<SegmentCurve> {
        let curve = shadow::curve(&self.index, &self.key_min, policy, points_max)?;
        Ok(SegmentCurve { id: self.id(), ..curve })
    }

    /// Sizes and telemetry; its level is for the caller to say.
    pub fn stats(&self) -> SegmentStats {
        SegmentStats {
            id: self.id(),
            entries: self.footer.entries,
            tombstones: self.footer.tombstones,
            blocks: self.footer.blocks,
            file_bytes: self.file_bytes(),
            filter_bytes: self.footer.filter.bytes,
            index_bytes: self.footer.index.bytes,
            index_kind: self.index.kind_name(),
            index_error_bound: self.footer.error_bound,
            hardness: self.footer.hardness,
            predicted_ns: self.footer.predicted_ns,
            lines_at_build: self.index.lines_at_build(),
            sampled: self.counters.sampled.load(Ordering::Relaxed),
            sampled_ns: self.counters.ns.load(Ordering::Relaxed),
            lines_walked: self.counters.lines.load(Ordering::Relaxed),
            false_positives: self.counters.false_positives.load(Ordering::Relaxed),
            key_min: self.key_min.clone(),
            key_max: self.key_max.clone(),
            ..SegmentStats::default()
        }
    }

    #[inline]
    fn filter(&self) -> &[u8] {
        &self.map[self.footer.filter.span()]
    }

    #[inline]
    fn is_checked(&self, block: u64) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::RealFiles;
    use crate::hash::hash;

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
