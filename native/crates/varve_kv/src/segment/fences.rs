//! Plain fences: every separator, searched by its first 8 bytes behind the common prefix.
//!
//! The fallback when a learned index fails its verification, and the smallest correct implementation
//! that others are measured against.
//!
//! Image, little endian, 8-byte aligned: `u32 count, u32 prefix length, u64 reserved`, prefix padded to
//! 8, `u64 heads[count]`, `u32 ends[count]` padded to 8, separators behind the prefix.

use crate::hash::head;

use super::block::common;

/// Collects ascending separators.
#[derive(Default)]
pub struct FencesBuilder {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl FencesBuilder {
    /// Adds the next separator, larger than the one before.
    pub fn add(&mut self, separator: &[u8]) {
        self.bytes.extend_from_slice(separator);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Separator `at`.
    pub fn separator(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }

    /// Number of separators.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The image.
    pub fn finish(&self) -> Vec<u8> {
        let count = self.ends.len();
        let prefix = match count {
            0 => 0,
            _ => common(self.separator(0), self.separator(count - 1)),
        };
        let mut out = Vec::with_capacity(self.bytes.len() + 12 * count + 64);
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out.extend_from_slice(&(prefix as u32).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(if count == 0 { &[] } else { &self.separator(0)[..prefix] });
        pad(&mut out);
        for at in 0..count {
            out.extend_from_slice(&head(&self.separator(at)[prefix..]).to_le_bytes());
        }
        let mut end = 0;
        for at in 0..count {
            end += self.separator(at).len() - prefix;
            out.extend_from_slice(&(end as u32).to_le_bytes());
        }
        pad(&mut out);
        for at in 0..count {
            out.extend_from_slice(&self.separator(at)[prefix..]);
        }
        out
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Where the parts of an image lie.
#[derive(Clone, Copy, Debug)]
pub struct Fences {
    count: usize,
    prefix: usize,
    heads: usize,
    ends: usize,
    bytes: usize,
}

impl Fences {
    /// Reads the layout; `None` when the image is not whole.
    pub fn open(image: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
        let (count, prefix) = (number(0)?, number(4)?);
        let heads = (16 + prefix).next_multiple_of(8);
        let ends = heads + 8 * count;
        let bytes = (ends + 4 * count).next_multiple_of(8);
        let fences = Self { count, prefix, heads, ends, bytes };
        let mut previous = 0;
        for at in 0..count {
            let end = number(ends + 4 * at)?;
            if end < previous {
                return None;
            }
            previous = end;
        }
        (bytes + previous <= image.len()).then_some(fences)
    }

    /// The last separator at or before `key`; 0 when all are larger.
    #[inline]
    pub fn find(&self, image: &[u8], key: &[u8]) -> usize {
        let prefix = &image[16..16 + self.prefix];
        let Some(suffix) = key.strip_prefix(prefix) else {
            return if key < prefix { 0 } else { self.count.saturating_sub(1) };
        };
        let wanted = head(suffix);
        let heads = image[self.heads..self.ends].as_chunks::<8>().0;
        let low = heads.partition_point(|raw| u64::from_le_bytes(*raw) < wanted);
        let mut high = low;
        if heads.get(low).is_some_and(|raw| u64::from_le_bytes(*raw) == wanted) {
            let run = heads[low..].partition_point(|raw| u64::from_le_bytes(*raw) == wanted);
            let (mut from, mut to) = (low, low + run);
            while from < to {
                let middle = (from + to) / 2;
                if self.suffix(image, middle) <= suffix {
                    from = middle + 1;
                } else {
                    to = middle;
                }
            }
            high = from;
        }
        high.saturating_sub(1)
    }

    /// Number of separators.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Lines of heads that a search compares: each halving reads another one, until the rest shares a line.
    pub fn lines(&self) -> u32 {
        (self.count.max(1).ilog2().saturating_sub(2)).max(1)
    }

    /// Separator `at`, in two parts: what all separators share, and its own bytes.
    pub fn separator<'a>(&self, image: &'a [u8], at: usize) -> (&'a [u8], &'a [u8]) {
        (&image[16..16 + self.prefix], self.suffix(image, at))
    }

    fn suffix<'a>(&self, image: &'a [u8], at: usize) -> &'a [u8] {
        let end = |at: usize| {
            let slot = self.ends + 4 * at;
            u32::from_le_bytes([image[slot], image[slot + 1], image[slot + 2], image[slot + 3]]) as usize
        };
        let start = if at == 0 { 0 } else { end(at - 1) };
        &image[self.bytes + start..self.bytes + end(at)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_the_last_separator(
            separators in proptest::collection::btree_set(proptest::collection::vec(0u8..3, 0..14), 1..80),
            keys in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..16), 1..80),
        ) {
            let separators: Vec<_> = separators.into_iter().collect();
            let mut builder = FencesBuilder::default();
            separators.iter().for_each(|separator| builder.add(separator));
            let image = builder.finish();
            let fences = Fences::open(&image).unwrap();
            for key in keys.iter().chain(&separators) {
                let expected = separators.partition_point(|separator| separator <= key).saturating_sub(1);
                prop_assert_eq!(fences.find(&image, key), expected);
            }
        }
    }
}
