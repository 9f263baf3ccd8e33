//! The block that nearly every point read meets, of kind `fixed` without tombstones, read where it lies.
//!
//! What it answers is what [`super::Block`] answers for the same bytes; the tests compare both.

use varve_types::same_bytes;

use super::HEADER;
use super::fingerprints::{match_from, matches64};
use crate::limits::BLOCK_BYTES;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Bytes of an entry that are asked for ahead of its use; the processor itself fetches what follows in order.
const PREFETCHED: usize = 4 * LINE;

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
        let first_line = self.0.first_chunk().map_or(0, |line| matches64(line, fingerprint));
        let hits = first_line >> (prints % LINE) & !(u64::MAX << count);
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
