//! The blocked Bloom filter: one 32-byte block per lookup, one bit in each of its eight words.
//!
//! Construction: split block Bloom filter of Apache Parquet (format/BloomFilter.md) over our hash; the
//! high half picks the block by multiplication, the low half the bits. About 1.2 % false positives at
//! 10 bits per key. Image: the blocks, little-endian u32 words, nothing else.

const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Bytes of one filter block.
pub const FILTER_BLOCK: usize = 32;

/// A filter under construction: the image itself, so that finishing a large one takes no second copy.
pub struct FilterBuilder {
    image: Vec<u8>,
    bits_per_key: u32,
    keys: u64,
}

impl FilterBuilder {
    /// Sized for at most `keys_max` keys.
    pub fn new(keys_max: u64, bits_per_key: u32) -> Self {
        let blocks = blocks_for(keys_max, bits_per_key).next_multiple_of(8);
        Self { image: vec![0; blocks * FILTER_BLOCK], bits_per_key, keys: 0 }
    }

    /// Adds a key by its hash.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        let at = place(hash, self.image.len() / FILTER_BLOCK) * FILTER_BLOCK;
        let words = self.image[at..at + FILTER_BLOCK].as_chunks_mut::<4>().0;
        for (raw, mask) in words.iter_mut().zip(masks(hash)) {
            *raw = (u32::from_le_bytes(*raw) | mask).to_le_bytes();
        }
        self.keys += 1;
    }

    /// The image. When far fewer keys came than were announced, halves are folded onto each other:
    /// the multiplicative place of a key in half the blocks is exactly half its place.
    pub fn finish(mut self) -> Vec<u8> {
        let wanted = blocks_for(self.keys, self.bits_per_key);
        let mut blocks = self.image.len() / FILTER_BLOCK;
        while blocks.is_multiple_of(2) && blocks / 2 >= wanted {
            blocks /= 2;
            for block in 0..blocks {
                for at in 0..FILTER_BLOCK {
                    let pair = 2 * block * FILTER_BLOCK + at;
                    self.image[block * FILTER_BLOCK + at] =
                        self.image[pair] | self.image[pair + FILTER_BLOCK];
                }
            }
        }
        self.image.truncate(blocks * FILTER_BLOCK);
        self.image
    }
}

/// True when the key with `hash` may be in the set. `image` is a whole number of filter blocks.
#[inline(always)]
pub fn may_contain(image: &[u8], hash: u64) -> bool {
    let at = place(hash, image.len() / FILTER_BLOCK) * FILTER_BLOCK;
    let Some(block) = image.get(at..at + FILTER_BLOCK) else { return true };
    let mut missing = 0;
    for (raw, mask) in block.as_chunks::<4>().0.iter().zip(masks(hash)) {
        missing |= !u32::from_le_bytes(*raw) & mask;
    }
    missing == 0
}

/// The members of `asked` whose keys may be in the set: bit `i` stands for `hashes[i]`.
#[inline]
pub fn may_contain_each(image: &[u8], hashes: &[u64; 32], asked: u32) -> u32 {
    #[inline(always)]
    fn each(image: &[u8], hashes: &[u64; 32], asked: u32) -> u32 {
        let (mut left, mut passed) = (asked, 0);
        while left != 0 {
            let at = left.trailing_zeros() % 32;
            passed |= u32::from(may_contain(image, hashes[at as usize])) << at;
            left &= left - 1;
        }
        passed
    }
    #[cfg(target_arch = "x86_64")]
    {
        /// The same, compiled to eight lanes: a fifth of the instructions.
        #[target_feature(enable = "avx2,bmi1,bmi2")]
        fn avx2(image: &[u8], hashes: &[u64; 32], asked: u32) -> u32 {
            each(image, hashes, asked)
        }
        if varve_types::Isa::Avx2.is_available() {
            // SAFETY: the processor has the instructions.
            return unsafe { avx2(image, hashes, asked) };
        }
    }
    each(image, hashes, asked)
}

/// Loads the cache line that `may_contain` reads.
#[inline]
pub fn prefetch(image: &[u8], hash: u64) {
    let at = place(hash, image.len() / FILTER_BLOCK) * FILTER_BLOCK;
    crate::prefetch::read(image.as_ptr().wrapping_add(at));
}

#[inline(always)]
fn place(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

#[inline(always)]
fn masks(hash: u64) -> [u32; 8] {
    let low = hash as u32;
    std::array::from_fn(|i| 1 << (low.wrapping_mul(SALT[i]) >> 27))
}

fn blocks_for(keys: u64, bits_per_key: u32) -> usize {
    ((keys * u64::from(bits_per_key)).div_ceil(FILTER_BLOCK as u64 * 8) as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash;

    #[test]
    fn no_false_negatives_and_few_false_positives() {
        for (announced, keys) in [(100_000, 100_000), (100_000, 30_000), (1, 1), (1000, 1), (0, 0)] {
            let mut filter = FilterBuilder::new(announced, 10);
            (0..keys).for_each(|n: u64| filter.add(hash(&n.to_be_bytes())));
            let image = filter.finish();
            assert!((0..keys).all(|n| may_contain(&image, hash(&n.to_be_bytes()))), "{announced} {keys}");
            let wrong =
                (keys..keys + 100_000).filter(|n| may_contain(&image, hash(&n.to_be_bytes()))).count();
            assert!(wrong < 2000, "{wrong} false positives per 100,000 for {keys} of {announced}");
            let bits = image.len() as u64 * 8;
            assert!(bits <= (keys * 20).max(2048), "{bits} bits for {keys} keys");
        }
    }
}
