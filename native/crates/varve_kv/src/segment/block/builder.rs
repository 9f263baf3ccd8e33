//! Writes blocks: collects entries as long as they fit, and gives a large one a run of its own.

use super::{FIXED, HEADER, LARGE, TOMBSTONE, VARIED, checksum};
use crate::limits::BLOCK_BYTES;

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
