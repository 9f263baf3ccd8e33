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
//! Here is the format, and how a block of any kind is read. `fixed` reads the usual kind quicker, `builder` writes all.
//!
//! Invariants
//! 1. `Block::parse` succeeds only if every entry lies inside the block; later accesses still check,
//!    because a page may be read again from a rotten disk.

mod builder;
mod fingerprints;
mod fixed;
#[cfg(test)]
mod tests;

pub use builder::{BlockBuilder, common, write_large};
pub use fingerprints::matches64;
pub use fixed::FixedBlock;
use varve_types::same_bytes;

use crate::limits::BLOCK_BYTES;
use fingerprints::match_from;

/// Bytes of the header.
pub const HEADER: usize = 16;

const FIXED: u8 = 0;
const VARIED: u8 = 1;
const LARGE: u8 = 2;
const ALL_TOMBSTONES: u8 = 1;
const TOMBSTONE: u16 = 1 << 15;

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

    /// The fingerprints of the entries; a large one has none.
    pub fn fingerprints<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let from = HEADER + self.prefix;
        (self.kind != LARGE).then(|| bytes.get(from..from + self.count))?
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
        let start = self.start_of(bytes, at)?;
        let middle = start + self.key;
        let value = bytes.get(middle..middle + self.value)?;
        Some(Entry { suffix: bytes.get(start..middle)?, value: (!self.tombstones).then_some(value) })
    }

    /// Where entry `at`, below `count`, begins.
    pub fn start_of(&self, bytes: &[u8], at: usize) -> Option<usize> {
        match self.kind {
            VARIED => self.varied(bytes, at).map(|(start, ..)| start),
            _ => Some(self.body + at * (self.key + self.value)),
        }
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
