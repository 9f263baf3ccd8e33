//! The index of byte strings: which block of a sorted run holds a key, from the first keys of the blocks alone.
//!
//! The first keys ("separators") are cut into 8-byte big-endian heads, zero-padded, so that a numeric index can
//! model them. Real keys share long beginnings, so heads alone fail; therefore
//! - bytes that all separators of a node share are stripped before its heads are taken;
//! - a run of more than [`RUN_MAX`] separators with one head becomes an entry that redirects to a child node, which
//!   models their next bytes, down to [`DEPTH_MAX`] levels; deeper runs are searched by their separators.
//!
//! The first separator is not stored: keys below the second one belong to the first block, whatever it begins with.
//! The image holds the others, so a prediction is confirmed without touching the run: a lookup
//! reads exactly one block afterwards. Heads alone decide unless the key shares one with a separator.
//!
//! Invariants: zero-padded heads keep the order of the strings up to ties, and ties are decided by whole separators;
//! a separator that ends within its head precedes all longer ones of that head and is never moved into a child.
//!
//! Source: B. Spector et al., "Bounding the last mile: efficient learned string indexing" (RSS, 2021).

mod build;
mod open;

use varve_types::{Isa, Result, strip_bytes};

pub use build::StrIndexBuilder;

use crate::image::{Header, Sections};
use crate::index::View;
use crate::kind::{GROUP, Kind, Lookup, Trace};
use crate::lanes::{Lanes, prefetch, with_lanes};

/// The number of byte-string images in the header.
const KIND_STRINGS: u32 = 16;
/// Separators with one head that are still compared one by one.
const RUN_MAX: usize = 16;
/// Levels of nodes.
const DEPTH_MAX: usize = 3;
/// Marks an entry as a child node.
const CHILD: u32 = 1 << 31;

/// The shortest prefix of `first` that is above `previous`, the last key of the block before: a separator that costs
/// less memory and finds the same block.
///
/// `previous < first`; when not, all of `first` is returned.
pub fn shortest_separator<'k>(previous: &[u8], first: &'k [u8]) -> &'k [u8] {
    let shared = previous.iter().zip(first).take_while(|(a, b)| a == b).count();
    &first[..first.len().min(shared + 1)]
}

/// What an index of byte strings is and what its build found.
#[derive(Clone, Debug, PartialEq)]
pub struct StrReport {
    /// Separators indexed, that is blocks.
    pub separator_count: usize,
    /// Bytes of the image, separators included.
    pub bytes: usize,
    /// Bytes that all separators share.
    pub prefix_bytes: usize,
    /// Nodes: 1 when no run had to be redirected.
    pub node_count: usize,
    /// The kind of the root's index over heads.
    pub kind: Kind,
    /// Segments in all nodes.
    pub segment_count: usize,
    /// Lines of heads walked beyond the predicted one in the root, on average.
    pub walked_mean: f32,
    /// Nanoseconds per lookup of a head in the root's trial; 0 when nothing was timed.
    pub predicted_ns: f32,
    /// Why an S+ tree stands in for what was wanted; `None` when nothing went wrong, and after `open`.
    pub fallback: Option<String>,
}

impl StrReport {
    /// Segments per million separators.
    pub fn segments_per_million(&self) -> f64 {
        crate::report::per_key(self.segment_count as f64 * 1e6, self.separator_count)
    }
}

/// An index over separators, read in place.
///
/// It borrows the image and owns a few words per node (one node for most data). To keep it beside a memory map in
/// one struct, give it the map's bytes with a longer lifetime and drop it before the map.
#[derive(Debug)]
pub struct StrIndex<'a> {
    nodes: Vec<Node<'a>>,
    separators: Separators<'a>,
    prefix: &'a [u8],
    header: Header,
    image_bytes: usize,
    isa: Isa,
}

/// The separators but the first one, without their common prefix. They count from 0 here, so that the number of
/// them that are not above a key is its block.
#[derive(Clone, Copy, Debug)]
struct Separators<'a> {
    /// Two `u32` per word: where each separator begins in `text`, and the end of the last one.
    offsets: &'a [u64],
    text: &'a [u8],
}

impl<'a> Separators<'a> {
    fn offset(&self, at: usize) -> usize {
        self.offsets.get(at / 2).map_or(0, |pair| (pair >> (at % 2 * 32)) as u32 as usize)
    }

    /// Empty when `at` is no separator.
    fn get(&self, at: usize) -> &'a [u8] {
        self.text.get(self.offset(at)..self.offset(at + 1)).unwrap_or(&[])
    }
}

/// Separators `start .. end`, which agree in their first `depth` bytes.
#[derive(Debug)]
struct Node<'a> {
    start: u32,
    end: u32,
    depth: usize,
    /// What all of them share beyond `depth`.
    shared: &'a [u8],
    /// Heads of the entries, ascending.
    heads: &'a [u64],
    /// Two `u32` per word and entry: a position, or a child node with [`CHILD`] set. Empty when entry `e` is
    /// separator `start + e`.
    targets: &'a [u64],
    index: View<'a>,
}

/// Where a lookup stands after a node.
enum Step {
    /// This many separators are not above the key.
    Found(usize),
    /// The same question in a child node.
    Child(usize),
}

impl Node<'_> {
    fn target(&self, entry: usize) -> u32 {
        if self.targets.is_empty() {
            self.start + entry as u32
        } else {
            self.targets.get(entry / 2).map_or(self.end, |pair| (pair >> (entry % 2 * 32)) as u32)
        }
    }

    /// Where the heads begin.
    fn head_at(&self) -> usize {
        self.depth + self.shared.len()
    }

    /// The head of `key` in this node; `Err` with the answer when the key leaves the shared bytes.
    #[inline(always)]
    fn head(&self, key: &[u8]) -> std::result::Result<u64, usize> {
        let own = key.get(self.depth..).unwrap_or(&[]);
        match strip_bytes(own, self.shared) {
            Some(rest) => Ok(head_of(rest)),
            None if own < self.shared => Err(self.start as usize),
            None => Err(self.end as usize),
        }
    }
}

/// The first eight bytes as a big-endian number; missing ones are zero.
#[inline(always)]
fn head_of(bytes: &[u8]) -> u64 {
    if let Some(head) = bytes.first_chunk::<8>() {
        return u64::from_be_bytes(*head);
    }
    let unused = 64 - 8 * bytes.len() as u32;
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            // Four to seven bytes: two halves that overlap in equal bits.
            u64::from(u32::from_be_bytes(*first)) << 32 | u64::from(u32::from_be_bytes(*last)) << unused
        }
        _ => bytes.iter().enumerate().fold(0, |head, (at, byte)| head | u64::from(*byte) << (56 - 8 * at)),
    }
}

impl<'a> StrIndex<'a> {
    /// Opens an image of [`StrIndexBuilder::finish`].
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when the checksum or a length is wrong or the image is not 8-byte aligned in memory (64 is
    /// faster). `STORE_NEWER_FORMAT`.
    ///
    /// Cost: one checksum, one pass over the offsets, one small allocation for the nodes.
    pub fn open(image: &'a [u8]) -> Result<Self> {
        let header = Header::read(image)?;
        let index = Self::from_sections(header, Sections::of(image), image.len())?;
        Ok(index)
    }

    /// The number of separators, that is of blocks.
    pub fn len(&self) -> usize {
        self.header.key_count as usize
    }

    /// The largest answer.
    fn last(&self) -> usize {
        self.len().saturating_sub(1)
    }

    /// Whether there are no separators.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Separator `at`, in two parts: what all separators share, and its own bytes. `None` for the first separator,
    /// on which no answer depends, and beyond the last.
    pub fn separator(&self, at: usize) -> Option<(&'a [u8], &'a [u8])> {
        (1..self.len()).contains(&at).then(|| (self.prefix, self.separators.get(at - 1)))
    }

    /// The last separator that is not above `key`; 0 when all are above it, and when there are none.
    ///
    /// Cost: one numeric lookup per level of nodes and at most one short run of comparisons; no allocation.
    #[inline]
    pub fn find(&self, key: &[u8]) -> usize {
        #[inline(always)]
        unsafe fn locate<L: Lanes>(index: &StrIndex<'_>, key: &[u8]) -> usize {
            // SAFETY: as the caller vouches.
            unsafe { index.upper_bound::<L, ()>(key, &mut ()) }
        }
        let index = self;
        // SAFETY: `isa` is available.
        unsafe { with_lanes!(self.isa, locate(index: &StrIndex<'_>, key: &[u8]) -> usize) }
    }

    /// [`Self::find`], with the lines of heads walked beyond the predicted ones, to be compared with
    /// [`StrReport::walked_mean`]. For one lookup in a thousand.
    pub fn find_traced(&self, key: &[u8]) -> (usize, u32) {
        #[inline(always)]
        unsafe fn locate<L: Lanes>(index: &StrIndex<'_>, key: &[u8]) -> (usize, u32) {
            let mut walked = 0;
            // SAFETY: as the caller vouches.
            let found = unsafe { index.upper_bound::<L, u32>(key, &mut walked) };
            (found, walked)
        }
        let index = self;
        // SAFETY: `isa` is available.
        unsafe { with_lanes!(self.isa, locate(index: &StrIndex<'_>, key: &[u8]) -> (usize, u32)) }
    }

    /// The block that the model of the root node expects `key` in, before anything is compared; `None` when this kind
    /// predicts nothing. It shows how far a model is off; lookups do not come here.
    pub fn predict(&self, key: &[u8]) -> Option<usize> {
        let root = self.nodes.first()?;
        let Ok(stripped) = self.strip(key) else { return Some(self.beyond_prefix(key)) };
        match root.head(stripped) {
            Ok(head) => root.index.predict(head).map(|entry| self.position_of(root, entry)),
            Err(answer) => Some(answer),
        }
    }

    /// [`Self::find`] of each of `keys`, into `out`; the root's cache misses of 32 keys at a time overlap.
    ///
    /// # Panics
    /// When `keys` and `out` are not equally long.
    pub fn find_batch(&self, keys: &[&[u8]], out: &mut [usize]) {
        #[inline(always)]
        unsafe fn locate<L: Lanes>(index: &StrIndex<'_>, keys: &[&[u8]], out: &mut [usize]) {
            for (keys, out) in keys.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
                // SAFETY: as the caller vouches.
                unsafe { index.find_group::<L>(keys, out) };
            }
        }
        assert_eq!(keys.len(), out.len(), "one answer per key");
        let index = self;
        // SAFETY: `isa` is available.
        unsafe { with_lanes!(self.isa, locate(index: &StrIndex<'_>, keys: &[&[u8]], out: &mut [usize])) }
    }

    /// The number of stored separators that are not above `key`, which is the block of the key.
    #[inline(always)]
    unsafe fn upper_bound<L: Lanes, T: Trace>(&self, key: &[u8], trace: &mut T) -> usize {
        match self.strip(key) {
            // SAFETY: as the caller vouches.
            Ok(key) => unsafe { self.descend::<L, T>(0, key, trace) },
            Err(()) => self.beyond_prefix(key),
        }
    }

    /// The answer for a stripped key that lies in node `at`.
    #[inline(always)]
    unsafe fn descend<L: Lanes, T: Trace>(&self, mut at: usize, key: &[u8], trace: &mut T) -> usize {
        // A lying image could redirect in circles; an honest one has no more levels than this.
        for _ in 0..DEPTH_MAX {
            let Some(node) = self.nodes.get(at) else { break };
            let head = match node.head(key) {
                Ok(head) => head,
                Err(answer) => return answer,
            };
            // SAFETY: as the caller vouches.
            let entry = unsafe { node.index.locate::<L, T>(head, trace) };
            match self.settle(node, entry, head, key) {
                Step::Found(answer) => return answer,
                Step::Child(child) => at = child,
            }
        }
        0
    }

    /// Heads decide nearly every lookup, without a branch. Keys whose head does not decide, because they leave the
    /// shared bytes or share their head with a separator, are settled afterwards.
    #[inline(always)]
    unsafe fn find_group<L: Lanes>(&self, keys: &[&[u8]], out: &mut [usize]) {
        let Some(root) = self.nodes.first() else { return out.fill(0) };
        let (mut heads, mut entries) = ([0; GROUP], [0; GROUP]);
        let (heads, entries) = (&mut heads[..keys.len()], &mut entries[..keys.len()]);
        // Bit `i` stands for key `i`.
        let mut undecided = 0u32;
        for ((at, key), head) in keys.iter().enumerate().zip(heads.iter_mut()) {
            match self.strip(key).ok().and_then(|key| root.head(key).ok()) {
                Some(own) => *head = own,
                None => undecided |= 1 << at,
            }
        }
        // SAFETY: as the caller vouches.
        unsafe { root.index.locate_group::<L>(heads, entries) };
        for (((at, out), entry), head) in out.iter_mut().enumerate().zip(entries.iter()).zip(heads.iter()) {
            undecided |= u32::from(root.heads.get(*entry) == Some(head)) << at;
            *out = (root.start as usize + *entry).min(self.last());
        }
        if !root.targets.is_empty() {
            undecided = u32::MAX >> (GROUP - keys.len());
        }
        let mut ahead = undecided;
        while ahead != 0 {
            let separator = root.start as usize + entries[ahead.trailing_zeros() as usize];
            prefetch(self.separators.offsets.as_ptr().wrapping_add(separator / 2));
            ahead &= ahead - 1;
        }
        while undecided != 0 {
            let at = undecided.trailing_zeros() as usize;
            undecided &= undecided - 1;
            // SAFETY: as the caller vouches.
            out[at] = unsafe { self.settle_in_group::<L>(root, entries[at], heads[at], keys[at]) };
        }
    }

    /// The answer for a key whose head was found at `entry` of the root, unless the key leaves the shared bytes.
    #[inline(always)]
    unsafe fn settle_in_group<L: Lanes>(
        &self,
        root: &Node<'_>,
        entry: usize,
        head: u64,
        key: &[u8],
    ) -> usize {
        let Ok(stripped) = self.strip(key) else { return self.beyond_prefix(key) };
        let step = match root.head(stripped) {
            Ok(_) => self.settle(root, entry, head, stripped),
            Err(answer) => Step::Found(answer),
        };
        match step {
            Step::Found(answer) => answer,
            // SAFETY: as the caller vouches.
            Step::Child(child) => unsafe { self.descend::<L, ()>(child, stripped, &mut ()) },
        }
    }

    /// The key without the common prefix; `Err` when it does not have it.
    #[inline(always)]
    fn strip<'k>(&self, key: &'k [u8]) -> std::result::Result<&'k [u8], ()> {
        strip_bytes(key, self.prefix).ok_or(())
    }

    /// The answer for a key without the common prefix: all separators lie on one side of it.
    #[cold]
    fn beyond_prefix(&self, key: &[u8]) -> usize {
        if key < self.prefix { 0 } else { self.last() }
    }

    /// Decides ties: `entry` is the first one of `node` whose head is not below `head`.
    #[inline(always)]
    fn settle(&self, node: &Node<'_>, entry: usize, head: u64, key: &[u8]) -> Step {
        let is_tie = |entry: usize| node.heads.get(entry) == Some(&head);
        let mut entry = entry;
        let mut compared = 0;
        while is_tie(entry) {
            let target = node.target(entry);
            if target & CHILD != 0 {
                return self.enter((target & !CHILD) as usize, key);
            }
            if compared > RUN_MAX {
                entry = self.search_run(node, entry, head, key);
                break;
            }
            if !self.is_not_above(target as usize, node.head_at(), key) {
                break;
            }
            entry += 1;
            compared += 1;
        }
        Step::Found(self.position_of(node, entry))
    }

    /// A key that ends before the child's bytes begin is above none of its separators.
    fn enter(&self, child: usize, key: &[u8]) -> Step {
        match self.nodes.get(child) {
            Some(node) if key.len() < node.depth => Step::Found(node.start as usize),
            _ => Step::Child(child),
        }
    }

    #[inline(always)]
    fn is_not_above(&self, separator: usize, from: usize, key: &[u8]) -> bool {
        self.separators.get(separator).get(from..) <= key.get(from..)
    }

    /// A run too deep for a child node: the first of its entries above `key`.
    #[cold]
    fn search_run(&self, node: &Node<'_>, entry: usize, head: u64, key: &[u8]) -> usize {
        let (mut low, mut high) = (entry, node.heads.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let below = node.heads[middle] == head
                && self.is_not_above(node.target(middle) as usize, node.head_at(), key);
            (low, high) = if below { (middle + 1, high) } else { (low, middle) };
        }
        low
    }

    /// The position of the first separator of an entry; the end of the node after the last entry.
    #[inline(always)]
    fn position_of(&self, node: &Node<'_>, entry: usize) -> usize {
        if entry >= node.heads.len() {
            return node.end as usize;
        }
        let target = node.target(entry);
        let position = if target & CHILD == 0 {
            target
        } else {
            self.nodes.get((target & !CHILD) as usize).map_or(node.end, |child| child.start)
        };
        (position as usize).min(self.last())
    }

    /// What the build found out about this index.
    pub fn report(&self) -> StrReport {
        StrReport {
            separator_count: self.len(),
            bytes: self.image_bytes,
            prefix_bytes: self.prefix.len(),
            node_count: self.nodes.len(),
            kind: self.nodes.first().map_or(Kind::Affine, |root| root.index.kind(self.header.epsilon)),
            segment_count: self.header.segment_count as usize,
            walked_mean: self.header.walked_mean,
            predicted_ns: self.header.predicted_ns,
            fallback: None,
        }
    }
}
