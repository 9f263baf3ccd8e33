//! One 4 KiB block: entries in key order, the common key prefix kept once, one fingerprint per entry.
//!
//! Little endian. Header of 16 bytes: `u32 crc, u8 kind, u8 flags, u16 count`, then by kind:
//!
//! | kind | header | body |
//! |---|---|---|
//! | 0 fixed | `u16 prefix, u16 suffix, u16 value, u16 0` | prefix, count fingerprints, count × (suffix, value) |
//! | 1 varied | `u16 prefix, 6 × 0` | prefix, count fingerprints, count × (`u16 end, u16 suffix ∣ tombstone << 15`), entries |
//! | 2 large | `u32 key, u32 value` | key, value; fills a run of whole blocks under one checksum |
//!
//! `flags` bit 0 of kinds 0 and 2: every entry is a tombstone. The checksum covers everything behind
//! itself, then the segment's number and the block's number, so that a block in the wrong place fails.
//!
//! Invariants
//! 1. `Block::parse` succeeds only if every entry lies inside the block; later accesses still check,
//!    because a page may be read again from a rotten disk.

use varve_types::same_bytes;

use crate::limits::BLOCK_BYTES;

/// Bytes of the header.
pub const HEADER: usize = 16;

const FIXED: u8 = 0;
const VARIED: u8 = 1;
const LARGE: u8 = 2;
const ALL_TOMBSTONES: u8 = 1;
const TOMBSTONE: u16 = 1 << 15;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Bytes of an entry that are asked for ahead of its use; the processor itself fetches what follows in order.
const PREFETCHED: usize = 4 * LINE;

/// A parsed header: plain numbers, so that it can be kept beside the bytes it describes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    kind: u8,
    tombstones: bool,
    count: usize,
    prefix: usize,
    /// Suffix length (fixed) or key length (large).
    key: usize,
    value: usize,
    /// Where the entries begin.
    body: usize,
}

/// An entry inside a block: ranges of the block's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key behind the block's prefix.
    pub suffix: &'a [u8],
    /// The value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
}

/// The checksum that a run of blocks must carry.
pub fn checksum(run: &[u8], segment: u64, block: u64) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&segment.to_le_bytes());
    place[8..].copy_from_slice(&block.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&run[4..]), &place)
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

impl Block {
    /// Reads the header alone. `bytes` holds at least one block. `None` when it contradicts itself.
    #[inline]
    pub fn header(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..BLOCK_BYTES)?;
        let (kind, flags, count) = (bytes[4], bytes[5], u16_at(bytes, 6));
        let tombstones = flags & ALL_TOMBSTONES != 0;
        let block = match kind {
            FIXED => {
                let (prefix, key, value) = (u16_at(bytes, 8), u16_at(bytes, 10), u16_at(bytes, 12));
                Self { kind, tombstones, count, prefix, key, value, body: HEADER + prefix + count }
            }
            VARIED => {
                let prefix = u16_at(bytes, 8);
                Self { kind, tombstones, count, prefix, key: 0, value: 0, body: HEADER + prefix + 5 * count }
            }
            LARGE => {
                let (key, value) = (u32_at(bytes, 8), u32_at(bytes, 12));
                Self { kind, tombstones, count: 1, prefix: 0, key, value, body: HEADER }
            }
            _ => return None,
        };
        Some(block)
    }

    /// Reads the header and checks that every entry lies inside `bytes` (the whole run).
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let block = Self::header(bytes)?;
        let end = match block.kind {
            FIXED => block.body + block.count * (block.key + block.value),
            LARGE => block.body.checked_add(block.key)?.checked_add(block.value)?,
            _ => {
                let mut end = 0;
                for at in 0..block.count {
                    let (start, suffix, _) = block.varied(bytes, at)?;
                    if start < end || start + suffix > block.varied_end(bytes, at)? {
                        return None;
                    }
                    end = block.varied_end(bytes, at)?;
                }
                end.max(block.body)
            }
        };
        (block.count > 0 && end <= bytes.len() && bytes.len() == block.blocks() * BLOCK_BYTES)
            .then_some(block)
    }

    /// Blocks in the run: 1 but for large entries.
    #[inline]
    pub fn blocks(&self) -> usize {
        if self.kind == LARGE { (HEADER + self.key + self.value).div_ceil(BLOCK_BYTES) } else { 1 }
    }

    /// Entries in the block.
    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The prefix common to all keys.
    #[inline]
    pub fn prefix<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(HEADER..HEADER + self.prefix)
    }

    /// For a fixed block without tombstones: (entries' start, suffix bytes, value bytes).
    #[inline]
    pub fn fixed_stride(&self) -> Option<(usize, usize, usize)> {
        (self.kind == FIXED && !self.tombstones).then_some((self.body, self.key, self.value))
    }

    /// Entry `at`, below `count`.
    #[inline]
    pub fn entry<'a>(&self, bytes: &'a [u8], at: usize) -> Option<Entry<'a>> {
        if self.kind == VARIED {
            let (start, suffix, tombstone) = self.varied(bytes, at)?;
            let end = self.varied_end(bytes, at)?;
            let value = bytes.get(start + suffix..end)?;
            return Some(Entry {
                suffix: bytes.get(start..start + suffix)?,
                value: (!tombstone).then_some(value),
            });
        }
        let start = self.body + at * (self.key + self.value);
        let middle = start + self.key;
        let value = bytes.get(middle..middle + self.value)?;
        Some(Entry { suffix: bytes.get(start..middle)?, value: (!self.tombstones).then_some(value) })
    }

    /// The first entry with this fingerprint, or `count` when there is none: what is compared first.
    #[inline]
    pub fn first_match(&self, bytes: &[u8], fingerprint: u8) -> usize {
        if self.kind == LARGE { 0 } else { self.match_from(bytes, 0, fingerprint) }
    }

    /// Finds `key`, when `first_match` is known: `None` is damage, an inner `None` that it is not here.
    #[inline]
    pub fn find_from<'a>(
        &self,
        first: usize,
        bytes: &'a [u8],
        key: &[u8],
        fingerprint: u8,
    ) -> Option<Option<Entry<'a>>> {
        let prefix = self.prefix(bytes)?;
        // Else what `first_match` could not read would count as another fingerprint.
        bytes.get(..HEADER + self.prefix + self.count)?;
        if key.len() < prefix.len() || !same_bytes(&key[..prefix.len()], prefix) {
            return Some(None);
        }
        let suffix = &key[prefix.len()..];
        let mut at = first;
        while at < self.count {
            let entry = self.entry(bytes, at)?;
            if same_bytes(entry.suffix, suffix) {
                return Some(Some(entry));
            }
            if self.kind == LARGE {
                break;
            }
            at = self.match_from(bytes, at + 1, fingerprint);
        }
        Some(None)
    }

    #[inline]
    fn match_from(&self, bytes: &[u8], from: usize, fingerprint: u8) -> usize {
        match_from(bytes, HEADER + self.prefix, self.count, from, fingerprint)
    }

    /// Number of entries whose key is below `key`. `None` is damage.
    pub fn lower_bound(&self, bytes: &[u8], key: &[u8]) -> Option<usize> {
        let prefix = self.prefix(bytes)?;
        let Some(suffix) = key.strip_prefix(prefix) else {
            return Some(if key < prefix { 0 } else { self.count });
        };
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if self.entry(bytes, middle)?.suffix < suffix {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    #[inline]
    fn varied(&self, bytes: &[u8], at: usize) -> Option<(usize, usize, bool)> {
        let table = HEADER + self.prefix + self.count;
        let start = if at == 0 { self.body } else { self.varied_end(bytes, at - 1)? };
        let slot = bytes.get(table + 4 * at..table + 4 * at + 4)?;
        let suffix = u16::from_le_bytes([slot[2], slot[3]]);
        Some((start, usize::from(suffix & !TOMBSTONE), suffix & TOMBSTONE != 0))
    }

    #[inline]
    fn varied_end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let slot = HEADER + self.prefix + self.count + 4 * at;
        bytes.get(slot..slot + 2).map(|raw| usize::from(u16::from_le_bytes([raw[0], raw[1]])))
    }
}

/// Bit `i` is set when byte `at + i` equals `wanted`, for 16 bytes (zeros behind the end).
#[inline]
fn matches16(bytes: &[u8], at: usize, wanted: u8) -> Option<u32> {
    let rest = bytes.get(at..)?;
    Some(match rest.first_chunk() {
        Some(chunk) => matches(chunk, wanted),
        None => rest.iter().enumerate().fold(0, |mask, (i, &b)| mask | (u32::from(b == wanted) << i)),
    })
}

/// Bit `i` is set when byte `i` equals `wanted`.
#[inline(always)]
fn matches(chunk: &[u8; 16], wanted: u8) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64; `chunk` holds 16 bytes and the load may be unaligned.
    unsafe {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
        let lanes = _mm_loadu_si128(chunk.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(lanes, _mm_set1_epi8(wanted as i8))) as u32
    }
    #[cfg(not(target_arch = "x86_64"))]
    chunk.iter().enumerate().fold(0, |mask, (i, &b)| mask | (u32::from(b == wanted) << i))
}

/// Ones, zeros, ones: 16 bytes from `16 - n` on are a mask of the first `n` bytes, those from `16 + n` on of the last.
const MASKS: [u8; 48] = {
    let mut masks = [0xff; 48];
    let mut at = 16;
    while at < 32 {
        masks[at] = 0;
        at += 1;
    }
    masks
};

/// Whether two strings of 16 bytes agree where `mask` has ones.
#[inline(always)]
fn differ(left: &[u8; 16], right: &[u8; 16], mask: &[u8; 16]) -> u128 {
    (u128::from_le_bytes(*left) ^ u128::from_le_bytes(*right)) & u128::from_le_bytes(*mask)
}

/// A verified block of kind `fixed` without tombstones: what nearly every point read meets, so that it is read where
/// it lies, without parsing.
#[derive(Clone, Copy)]
pub struct FixedBlock<'a>(&'a [u8; BLOCK_BYTES]);

impl<'a> FixedBlock<'a> {
    /// `None` when the block is of another kind.
    #[inline(always)]
    pub fn of(bytes: &'a [u8; BLOCK_BYTES]) -> Option<Self> {
        let block = Self(bytes);
        // Kind and flags, which are both 0, in one compare.
        ((block.word(0) >> 32) as u16 == 0).then_some(block)
    }

    /// As `of`, for a block that was of this kind before. Should it no longer be, because its page was read again from
    /// a rotten disk, lengths are still checked.
    #[inline(always)]
    pub fn again(bytes: &'a [u8; BLOCK_BYTES]) -> Self {
        Self(bytes)
    }

    /// Word `at` of the header.
    #[inline(always)]
    fn word(self, at: usize) -> u64 {
        self.0[8 * at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn shape(self) -> Shape {
        let (count, lengths) = (self.word(0) >> 48, self.word(1));
        Shape {
            count: count as usize,
            prefix: usize::from(lengths as u16),
            suffix: usize::from((lengths >> 16) as u16),
            value: usize::from((lengths >> 32) as u16),
        }
    }

    /// The entry that a key with this fingerprint is compared with first; asks for its lines.
    ///
    /// One key in seven shares its fingerprint with another entry: then that one is asked for as well, because one time
    /// in two it is the one that is wanted.
    #[inline(always)]
    pub fn probe(self, fingerprint: u8) -> usize {
        let shape = self.shape();
        let (prints, count) = (HEADER + shape.prefix, shape.count);
        if prints + count > LINE {
            let first = match_from(self.0, prints, count, 0, fingerprint);
            self.prefetch_entry(shape, first);
            return first;
        }
        // All fingerprints lie in the first line, which is here.
        let [a, b, c, d] = [0, 16, 32, 48].map(|at| match self.0[at..at + 16].first_chunk() {
            Some(chunk) => u64::from(matches(chunk, fingerprint)) << at,
            None => 0,
        });
        let hits = ((a | b) | (c | d)) >> (prints % LINE) & !(u64::MAX << count);
        let first = count.min(hits.trailing_zeros() as usize);
        self.prefetch_entry(shape, first);
        let others = hits & hits.wrapping_sub(1);
        if others != 0 {
            self.prefetch_entry(shape, others.trailing_zeros() as usize);
        }
        first
    }

    /// The value of entry `at` if its key is `key`.
    #[inline(always)]
    pub fn value_at(self, at: usize, key: &[u8]) -> Option<&'a [u8]> {
        let shape = self.shape();
        let Shape { count, prefix, suffix, value } = shape;
        if at >= count || key.len() != prefix + suffix {
            return None;
        }
        let start = shape.start_of(at);
        let entry = self.0.get(start..start + suffix + value)?;
        let (own, value) = entry.split_at_checked(suffix)?;
        if let (Some(key_start), Some(key_end)) = (key.first_chunk(), key.last_chunk())
            && prefix <= 16
            && suffix <= 16
        {
            // The usual keys: one compare of 16 bytes for either part, of which only the bytes of that part count.
            let shared = self.0[HEADER..].first_chunk()?;
            let own = self.0.get(..start + suffix)?.last_chunk()?;
            let (first, last) = (MASKS[16 - prefix..].first_chunk()?, MASKS[16 + suffix..].first_chunk()?);
            return (differ(key_start, shared, first) | differ(key_end, own, last) == 0).then_some(value);
        }
        let shared = self.0.get(HEADER..HEADER + prefix)?;
        let (left, right) = key.split_at_checked(prefix)?;
        (same_bytes(left, shared) && same_bytes(right, own)).then_some(value)
    }

    /// The value of a later entry than `first` with this fingerprint, if its key is `key`.
    #[cold]
    pub fn value_behind(self, first: usize, key: &[u8], fingerprint: u8) -> Option<&'a [u8]> {
        let Shape { count, prefix, .. } = self.shape();
        let prints = HEADER + prefix;
        let mut at = match_from(self.0, prints, count, first + 1, fingerprint);
        while at < count {
            if let Some(value) = self.value_at(at, key) {
                return Some(value);
            }
            at = match_from(self.0, prints, count, at + 1, fingerprint);
        }
        None
    }

    /// Hints that entry `at` is read next.
    #[inline(always)]
    fn prefetch_entry(self, shape: Shape, at: usize) {
        let size = shape.suffix + shape.value;
        let first = self.0.as_ptr().wrapping_add(shape.start_of(at));
        // The same number for all entries of this size, wherever they begin: a loop over their lines would end
        // unforeseeably.
        crate::prefetch::read(first);
        crate::prefetch::read(first.wrapping_add(size.min(LINE)));
        for line in (2 * LINE..size.min(PREFETCHED)).step_by(LINE) {
            crate::prefetch::read(first.wrapping_add(line));
        }
        crate::prefetch::read(first.wrapping_add(size.min(PREFETCHED).saturating_sub(1)));
    }
}

/// What the header of a fixed block says: how many entries, and bytes of the parts of each.
#[derive(Clone, Copy)]
struct Shape {
    count: usize,
    prefix: usize,
    suffix: usize,
    value: usize,
}

impl Shape {
    /// Where entry `at` begins.
    #[inline(always)]
    fn start_of(self, at: usize) -> usize {
        HEADER + self.prefix + self.count + at * (self.suffix + self.value)
    }
}

/// The first of `count` fingerprints at `prints`, from `from` on, that is this one; `count` when none is.
#[inline(always)]
fn match_from(bytes: &[u8], prints: usize, count: usize, mut from: usize, fingerprint: u8) -> usize {
    while from < count {
        // Bytes behind the fingerprints may match by chance; they count as behind the end.
        match matches16(bytes, prints + from, fingerprint) {
            Some(0) => from += 16,
            Some(hits) => return (from + hits.trailing_zeros() as usize).min(count),
            None => return count,
        }
    }
    count
}

/// Collects entries until the next one would not fit, then writes the block.
#[derive(Default)]
pub struct BlockBuilder {
    /// Keys and values one after another.
    bytes: Vec<u8>,
    entries: Vec<Pending>,
    /// Length of the prefix common to all keys so far.
    prefix: usize,
    /// All keys, values and tombstone flags have the shape of the first entry.
    uniform: bool,
}

#[derive(Clone, Copy)]
struct Pending {
    key: usize,
    value: usize,
    tombstone: bool,
    fingerprint: u8,
    start: usize,
}

impl BlockBuilder {
    /// True when nothing is collected.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The last key added.
    pub fn last_key(&self) -> &[u8] {
        self.entries.last().map_or(&[], |entry| &self.bytes[entry.start..entry.start + entry.key])
    }

    /// True when an entry needs a run of its own.
    pub fn is_large(key: usize, value: usize) -> bool {
        HEADER + 5 + key + value > BLOCK_BYTES
    }

    /// Adds an entry that is not large; false when it does not fit any more. Keys ascend.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>, fingerprint: u8) -> bool {
        let (value_bytes, tombstone) = (value.map_or(0, <[u8]>::len), value.is_none());
        let first = self.entries.first().copied();
        let prefix = match first {
            None => key.len(),
            Some(first) => common(&self.bytes[first.start..first.start + self.prefix], key),
        };
        let uniform = first.is_none_or(|first| {
            self.uniform && (first.key, first.value, first.tombstone) == (key.len(), value_bytes, tombstone)
        });
        let count = self.entries.len() + 1;
        let payload = self.bytes.len() + key.len() + value_bytes;
        let per_entry = if uniform { 1 } else { 5 };
        if HEADER + prefix + count * per_entry + payload - count * prefix > BLOCK_BYTES {
            return false;
        }
        let start = self.bytes.len();
        self.entries.push(Pending { key: key.len(), value: value_bytes, tombstone, fingerprint, start });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        (self.prefix, self.uniform) = (prefix, uniform);
        true
    }

    /// Appends the finished block to `out` and starts anew.
    pub fn finish(&mut self, out: &mut Vec<u8>, segment: u64, block: u64) {
        let from = out.len();
        let (count, prefix) = (self.entries.len(), self.prefix);
        let first = self.entries[0];
        out.extend_from_slice(&[0; 4]);
        let all_tombstones = self.uniform && first.tombstone;
        out.extend_from_slice(&[if self.uniform { FIXED } else { VARIED }, u8::from(all_tombstones)]);
        let shape = if self.uniform { [first.key - prefix, first.value] } else { [0, 0] };
        for number in [count, prefix, shape[0], shape[1], 0] {
            out.extend_from_slice(&(number as u16).to_le_bytes());
        }
        out.extend_from_slice(&self.bytes[first.start..first.start + prefix]);
        out.extend(self.entries.iter().map(|entry| entry.fingerprint));
        if !self.uniform {
            let mut end = HEADER + prefix + 5 * count;
            for entry in &self.entries {
                let suffix = entry.key - prefix;
                end += suffix + entry.value;
                let marked = suffix as u16 | if entry.tombstone { TOMBSTONE } else { 0 };
                out.extend_from_slice(&(end as u16).to_le_bytes());
                out.extend_from_slice(&marked.to_le_bytes());
            }
        }
        for entry in &self.entries {
            out.extend_from_slice(&self.bytes[entry.start + prefix..entry.start + entry.key + entry.value]);
        }
        out.resize(from + BLOCK_BYTES, 0);
        seal(&mut out[from..], segment, block);
        self.bytes.clear();
        self.entries.clear();
    }
}

/// Appends a run of blocks that holds one large entry; returns how many blocks.
pub fn write_large(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>, segment: u64, block: u64) -> usize {
    let from = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, LARGE, u8::from(value.is_none()), 1, 0]);
    let value = value.unwrap_or_default();
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    let blocks = (out.len() - from).div_ceil(BLOCK_BYTES);
    out.resize(from + blocks * BLOCK_BYTES, 0);
    seal(&mut out[from..], segment, block);
    blocks
}

fn seal(run: &mut [u8], segment: u64, block: u64) {
    let sum = checksum(run, segment, block);
    run[..4].copy_from_slice(&sum.to_le_bytes());
}

/// Length of the common prefix.
pub fn common(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::{fingerprint, hash};

    /// Both ways to find a key, which must agree.
    fn find<'a>(block: &Block, bytes: &'a [u8], key: &[u8]) -> Option<Option<Entry<'a>>> {
        let print = fingerprint(hash(key));
        let first = block.first_match(bytes, print);
        let found = block.find_from(first, bytes, key, print);
        if let Some(fixed) = bytes.first_chunk().and_then(FixedBlock::of) {
            assert_eq!(fixed.probe(print), first);
            // The first match may be another key; then the long way decides.
            if let Some(value) = fixed.value_at(first, key) {
                assert_eq!(found.flatten().map(|entry| entry.value), Some(Some(value)));
            }
        }
        found
    }

    fn check(entries: &[(Vec<u8>, Option<Vec<u8>>)]) {
        let mut builder = BlockBuilder::default();
        let mut kept = 0;
        for (key, value) in entries {
            if !builder.add(key, value.as_deref(), fingerprint(hash(key))) {
                break;
            }
            kept += 1;
        }
        let mut bytes = Vec::new();
        builder.finish(&mut bytes, 7, 3);
        assert_eq!(bytes.len(), BLOCK_BYTES);
        assert_eq!(bytes[..4], checksum(&bytes, 7, 3).to_le_bytes());
        assert_ne!(checksum(&bytes, 7, 3), checksum(&bytes, 7, 4));
        let block = Block::parse(&bytes).unwrap();
        assert_eq!(block.count(), kept);
        for (at, (key, value)) in entries[..kept].iter().enumerate() {
            let entry = block.entry(&bytes, at).unwrap();
            let whole = [block.prefix(&bytes).unwrap(), entry.suffix].concat();
            assert_eq!((&whole, entry.value), (key, value.as_deref()));
            assert_eq!(find(&block, &bytes, key), Some(Some(entry)));
            assert_eq!(block.lower_bound(&bytes, key), Some(at));
            let behind = [key.as_slice(), &[0]].concat();
            let expected = entries[..kept].partition_point(|(k, _)| *k < behind);
            assert_eq!(block.lower_bound(&bytes, &behind), Some(expected));
            let there = entries[..kept].iter().any(|(k, _)| *k == behind);
            assert_eq!(find(&block, &bytes, &behind).unwrap().is_some(), there);
        }
    }

    proptest! {
        #[test]
        fn round_trip(
            map in proptest::collection::btree_map(
                proptest::collection::vec(0u8..4, 0..20),
                proptest::option::weighted(0.9, proptest::collection::vec(any::<u8>(), 0..40)),
                1..300,
            ),
        ) {
            check(&map.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn fixed_round_trip(
            keys in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 16), 1..60),
            value in 0usize..200,
            dead in any::<bool>(),
        ) {
            let value = (!dead).then(|| vec![9; value]);
            check(&keys.into_iter().map(|key| (key, value.clone())).collect::<Vec<_>>());
        }

        #[test]
        fn hostile_blocks_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), BLOCK_BYTES), kind in 0u8..4) {
            bytes[4] = kind;
            let _ignored = Block::parse(&bytes);
            if let Some(block) = Block::header(&bytes) {
                let _ignored = find(&block, &bytes, b"key");
                let _ignored = block.lower_bound(&bytes, b"key");
                let _ignored = block.entry(&bytes, block.count().saturating_sub(1));
            }
        }
    }

    /// Story: a count that rot had raised put the fingerprints behind the block; they could not be read, which counted
    /// as "no such fingerprint", and the key as missing.
    #[test]
    fn fingerprints_behind_the_block_are_damage() {
        for value in [Some(&[5; 9][..]), None] {
            let mut builder = BlockBuilder::default();
            assert!(builder.add(b"key", value, fingerprint(hash(b"key"))));
            let mut bytes = Vec::new();
            builder.finish(&mut bytes, 7, 3);
            for count in [BLOCK_BYTES as u16, u16::MAX] {
                bytes[6..8].copy_from_slice(&count.to_le_bytes());
                assert_eq!(find(&Block::header(&bytes).unwrap(), &bytes, b"kez"), None, "{count}");
            }
        }
    }

    #[test]
    fn thirty_five_random_records_fit() {
        let entries: Vec<_> = (0..35u8)
            .map(|n| (vec![1, n, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6], Some(vec![0; 100])))
            .collect();
        let mut builder = BlockBuilder::default();
        assert!(entries.iter().all(|(key, value)| builder.add(key, value.as_deref(), 0)));
        check(&entries);
    }

    #[test]
    fn large_round_trip() {
        for (key, value) in [(5000, Some(0)), (0, Some(5000)), (65_535, None), (3, Some(100_000))] {
            let (key, value) = (vec![7u8; key], value.map(|bytes| vec![8u8; bytes]));
            let mut run = Vec::new();
            let blocks = write_large(&mut run, &key, value.as_deref(), 1, 2);
            let block = Block::parse(&run).unwrap();
            assert_eq!(block.blocks(), blocks);
            assert_eq!(block.entry(&run, 0).unwrap(), Entry { suffix: &key, value: value.as_deref() });
            assert!(find(&block, &run, b"other").unwrap().is_none());
        }
    }
}
