//! Writes a segment file from ascending entries, then reads it back and checks everything.
//!
//! Invariants
//! 1. Memory is bounded: one write buffer, signposts and filter until they are written, the separators, and what
//!    becomes of them.
//! 2. A finished segment was synced, mapped, and every key in it found through the filter and the
//!    index that reads will use. If a learned index fails that, plain fences take its place.

use std::path::Path;
use std::sync::Arc;

use varve_types::Result;

use super::block::{BlockBuilder, write_large};
use super::fences::FencesBuilder;
use super::filter::FilterBuilder;
use super::footer::{BLOCKS_AT, FOOTER_BYTES, Footer, Section, head_page};
use super::index::{self, BuiltIndex};
use super::origin::{Origin, Span};
use super::signpost::{SIGNPOST_BYTES, signpost};
use super::verify::Verification;
use super::{Segment, block};
use crate::IndexPolicy;
use crate::error::{damaged, failed_sync, io};
use crate::hash::{fingerprint, hash};
use crate::limits::BLOCK_BYTES;
use varve_files::{Access, File, Files};

/// Bytes written at once, at a multiple of this, and the unit of write-back: a huge page. Linux then keeps the page
/// cache of a new segment in huge pages (ext4 from 6.16, XFS), and a map of them costs a point read one walk of the
/// page tables less, a quarter of its time.
const CHUNK: usize = 2 << 20;

/// What a new segment is.
#[derive(Clone, Debug)]
pub struct SegmentPlan {
    /// File number.
    pub id: u64,
    /// Commits that it covers.
    pub sequences: (u64, u64),
    /// At most this many entries will come.
    pub entries_max: u64,
    /// Filter bits per key.
    pub filter_bits: u32,
    /// Which index to build.
    pub policy: IndexPolicy,
    /// The choice of an index may depend on measured time.
    pub has_clock: bool,
}

/// A segment being written.
pub struct SegmentBuilder {
    plan: SegmentPlan,
    path: Arc<Path>,
    file: Box<dyn File>,
    /// Bytes not written yet; they belong at `offset`.
    buffer: Vec<u8>,
    offset: u64,
    block: BlockBuilder,
    /// First block of each run, kept only from the first large run on.
    starts: Vec<u32>,
    has_large: bool,
    separators: FencesBuilder,
    /// One for each run.
    signposts: Vec<u8>,
    filter: FilterBuilder,
    footer: Footer,
    last_key: Vec<u8>,
    /// Last key of the previous run.
    run_end: Vec<u8>,
    first_key: Option<Vec<u8>>,
    origin: Option<Origin>,
    /// Bytes behind the filter that were written already.
    tail_bytes: usize,
}

impl SegmentBuilder {
    /// Creates the file.
    pub fn create(files: &dyn Files, path: Arc<Path>, plan: SegmentPlan) -> Result<Self> {
        let file = files.open(&path, Access::Create).map_err(|error| io("create", &path, error))?;
        let footer = Footer {
            id: plan.id,
            sequence_from: plan.sequences.0,
            sequence_to: plan.sequences.1,
            ..Footer::default()
        };
        Ok(Self {
            path,
            file,
            buffer: head_page(plan.id),
            offset: 0,
            block: BlockBuilder::default(),
            starts: Vec::new(),
            has_large: false,
            separators: FencesBuilder::default(),
            signposts: Vec::new(),
            filter: FilterBuilder::new(plan.entries_max, plan.filter_bits),
            footer,
            last_key: Vec::new(),
            run_end: Vec::new(),
            first_key: None,
            origin: None,
            tail_bytes: 0,
            plan,
        })
    }

    /// Adds the next entry; `None` is a tombstone. Keys ascend strictly.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        debug_assert!(self.first_key.is_none() || key > self.last_key.as_slice());
        let key_hash = hash(key);
        self.filter.add(key_hash);
        self.footer.entries += 1;
        self.footer.tombstones += u64::from(value.is_none());
        let value_bytes = value.map_or(0, <[u8]>::len);
        self.footer.raw_bytes += (key.len() + value_bytes) as u64;
        if self.first_key.is_none() {
            self.first_key = Some(key.to_vec());
        }
        if BlockBuilder::is_large(key.len(), value_bytes) {
            self.finish_block()?;
            self.begin_run(key);
            let at = self.footer.blocks;
            self.footer.blocks += write_large(&mut self.buffer, key, value, self.plan.id, at) as u64;
            self.signposts.extend([0; SIGNPOST_BYTES]);
            self.has_large = true;
            self.end_run(key);
            self.write_full_chunks()?;
        } else {
            if !self.block.is_empty() && !self.block.add(key, value, fingerprint(key_hash)) {
                self.finish_block()?;
            } else if !self.block.is_empty() {
                self.remember(key);
                return Ok(());
            }
            self.begin_run(key);
            let added = self.block.add(key, value, fingerprint(key_hash));
            assert!(added, "an entry that is not large fits an empty block");
        }
        self.remember(key);
        Ok(())
    }

    /// Entries added.
    pub fn entries(&self) -> u64 {
        self.footer.entries
    }

    /// Bytes of the finished blocks.
    pub fn bytes(&self) -> u64 {
        self.footer.blocks * BLOCK_BYTES as u64
    }

    /// The file.
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Writes everything behind the blocks, syncs, and maps the file for its verification. The span of
    /// `origin` holds every key added; without one, the segment answers for its own keys.
    pub fn finish(mut self, files: &dyn Files, origin: Option<Origin>) -> Result<Verification> {
        self.origin = origin;
        self.finish_block()?;
        let built = index::build(&self.separators, self.plan.policy, self.plan.has_clock)?;
        self.write(self.buffer.len())?;
        let sections_at = BLOCKS_AT as u64 + self.footer.blocks * BLOCK_BYTES as u64;
        debug_assert_eq!(self.offset, sections_at);
        self.buffer = Vec::new();
        self.footer.signposts = self.write_section(&self.signposts, sections_at)?;
        self.signposts = Vec::new();
        let filter = self.write_filter()?;
        let segment = self.write_tail(files, filter, &built)?;
        drop(built);
        let fallback = Fallback { builder: self, filter };
        Ok(Verification::new(segment, Some(Box::new(fallback))))
    }

    /// Writes the filter, the largest section, and gives its memory back.
    fn write_filter(&mut self) -> Result<Section> {
        let image = std::mem::replace(&mut self.filter, FilterBuilder::new(0, 1)).finish();
        let signposts = &self.footer.signposts;
        self.write_section(&image, signposts.offset + signposts.bytes)
    }

    fn write_section(&self, bytes: &[u8], offset: u64) -> Result<Section> {
        self.file.write_at(bytes, offset).map_err(|error| io("write", &self.path, error))?;
        Ok(Section { offset, bytes: bytes.len() as u64, crc: crc32c::crc32c(bytes) })
    }

    /// Writes the index, the block starts, the end keys and the footer, syncs, and opens the segment.
    fn write_tail(&mut self, files: &dyn Files, filter: Section, built: &BuiltIndex) -> Result<Arc<Segment>> {
        let tail_at = (filter.offset + filter.bytes).next_multiple_of(64);
        let starts: Vec<u8> = match self.has_large {
            true => self.starts.iter().flat_map(|start| start.to_le_bytes()).collect(),
            false => Vec::new(),
        };
        let ends = (self.first_key.as_deref().unwrap_or_default(), &*self.last_key);
        let own = || Origin { span: Span::of_keys(ends), inputs: Vec::new() };
        let mut keys = crate::codec::Writer::default();
        keys.bytes(ends.0).bytes(ends.1);
        self.origin.clone().unwrap_or_else(own).write(&mut keys);
        let mut tail = Vec::new();
        let mut place = |bytes: &[u8]| {
            tail.resize(tail.len().next_multiple_of(64), 0);
            let offset = tail_at + tail.len() as u64;
            tail.extend_from_slice(bytes);
            Section { offset, bytes: bytes.len() as u64, crc: crc32c::crc32c(bytes) }
        };
        let footer = Footer {
            runs: self.separators.len() as u64,
            index_kind: built.kind,
            filter,
            index: place(&built.image),
            starts: place(&starts),
            keys: place(&keys.bytes),
            error_bound: built.error_bound,
            hardness: built.hardness,
            predicted_ns: built.predicted_ns,
            ..self.footer.clone()
        };
        // Never shorter than an earlier attempt, whose end would stay behind the footer.
        let tail_bytes = (tail.len() + FOOTER_BYTES).next_multiple_of(64).max(self.tail_bytes);
        self.tail_bytes = tail_bytes;
        tail.resize(tail_bytes - FOOTER_BYTES, 0);
        tail.extend(footer.encode());
        let path = &self.path;
        self.file.write_at(&tail, tail_at).map_err(|error| io("write", path, error))?;
        self.file.sync_data().map_err(|error| failed_sync(path, error))?;
        let bytes = tail_at + tail.len() as u64;
        Segment::open(files, self.path.clone(), self.plan.id, Some(bytes)).map(Arc::new)
    }

    fn remember(&mut self, key: &[u8]) {
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
    }

    fn begin_run(&mut self, first: &[u8]) {
        let run = self.separators.len();
        self.separators.add(if run == 0 { first } else { shortest_between(&self.run_end, first) });
        self.starts.push(self.footer.blocks as u32);
    }

    fn end_run(&mut self, last: &[u8]) {
        self.run_end.clear();
        self.run_end.extend_from_slice(last);
    }

    fn finish_block(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.run_end.clear();
        self.run_end.extend_from_slice(self.block.last_key());
        self.block.finish(&mut self.buffer, self.plan.id, self.footer.blocks);
        self.signposts.extend(signpost(&self.buffer[self.buffer.len() - BLOCK_BYTES..]));
        self.footer.blocks += 1;
        self.write_full_chunks()
    }

    fn write_full_chunks(&mut self) -> Result<()> {
        match self.buffer.len() / CHUNK {
            0 => Ok(()),
            chunks => self.write(chunks * CHUNK),
        }
    }

    /// Writes the first `bytes` of the buffer.
    fn write(&mut self, bytes: usize) -> Result<()> {
        let path = &self.path;
        self.file.write_at(&self.buffer[..bytes], self.offset).map_err(|error| io("write", path, error))?;
        self.file.start_writeback(self.offset, bytes as u64);
        self.offset += bytes as u64;
        self.buffer.drain(..bytes);
        Ok(())
    }
}

/// Rewrites what stands behind the filter, with plain fences.
pub struct Fallback {
    builder: SegmentBuilder,
    filter: Section,
}

impl Fallback {
    /// Writes, syncs and maps again.
    pub fn rebuild(mut self, files: &dyn Files) -> Result<Arc<Segment>> {
        let built = index::build_fences(&self.builder.separators);
        self.builder.write_tail(files, self.filter, &built)
    }
}

/// The shortest prefix of `first` that is larger than `previous`.
fn shortest_between<'a>(previous: &[u8], first: &'a [u8]) -> &'a [u8] {
    &first[..(block::common(previous, first) + 1).min(first.len())]
}

/// The error of a segment whose read-back does not match what was written.
pub fn read_back_failed(path: &Path, offset: u64) -> varve_types::VarveError {
    damaged(path, offset, "a new segment reads back differently than it was written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use varve_files::RealFiles;

    /// Story: plain fences are smaller than most learned indexes, and the file kept the end of the first attempt
    /// behind the new footer, so that the fallback could not be opened.
    ///
    /// A learned index that leads keys astray never goes live: the read-back finds it, and plain fences replace it.
    #[test]
    fn a_lying_index_is_replaced() {
        let path: Arc<Path> =
            std::env::temp_dir().join(format!("varve-lying-index-{}", std::process::id())).into();
        let (sequences, policy) = ((1, 1), IndexPolicy::Auto);
        let plan =
            SegmentPlan { id: 1, sequences, entries_max: 2000, filter_bits: 10, policy, has_clock: false };
        let mut builder = SegmentBuilder::create(&RealFiles, path.clone(), plan).unwrap();
        for n in 0..2000u64 {
            builder.add(&(n * n).to_be_bytes(), Some(&[1; 90])).unwrap();
        }
        builder.finish_block().unwrap();
        let mut lies = FencesBuilder::default();
        (0..builder.separators.len() as u64).for_each(|n| lies.add(&(n * 1000).to_be_bytes()));
        let lying = index::build(&lies, policy, false).unwrap();
        builder.write(builder.buffer.len()).unwrap();
        let sections_at = BLOCKS_AT as u64 + builder.footer.blocks * BLOCK_BYTES as u64;
        builder.footer.signposts.offset = sections_at;
        let filter = builder.write_filter().unwrap();
        let segment = builder.write_tail(&RealFiles, filter, &lying).unwrap();
        assert_ne!(segment.stats().index_kind, "binary-search");
        let fallback = Fallback { builder, filter };
        let mut check = Verification::new(segment, Some(Box::new(fallback)));
        while !check.step(&RealFiles, 16).unwrap() {}
        let segment = check.into_segment();
        assert_eq!(segment.stats().index_kind, "binary-search");
        for n in 0..2000u64 {
            let key = (n * n).to_be_bytes();
            assert!(matches!(segment.get(&key, hash(&key)), Ok(Some(Some(_)))), "{n}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
