//! The 64-bit key hash of filters, fingerprints and the memtable.
//!
//! It is part of the segment format: changing a single answer needs a new format version.
//! Construction: folded 64x64→128 multiplication over 16-byte steps, as in wyhash (public domain,
//! Wang Yi). It is not keyed: whoever chooses keys can make filters useless, which costs time and
//! never a wrong answer.

const S0: u64 = 0xa076_1d64_78bd_642f;
const S1: u64 = 0xe703_7ed1_a0b4_28db;
const S2: u64 = 0x8ebc_6af0_9c88_c6e3;

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    let mut raw = [0; 8];
    raw.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(raw)
}

#[inline]
fn half(bytes: &[u8]) -> u64 {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[..4]);
    u64::from(u32::from_le_bytes(raw))
}

/// Hashes `key`. Cost: about 2 ns for 16 bytes.
#[inline(always)]
pub fn hash(key: &[u8]) -> u64 {
    let len = key.len();
    let mut seed = S0;
    let (a, b) = match len {
        0 => (0, 0),
        1..=3 => ((u64::from(key[0]) << 16) | (u64::from(key[len / 2]) << 8) | u64::from(key[len - 1]), 0),
        4..=7 => (half(key), half(&key[len - 4..])),
        8..=16 => (word(key), word(&key[len - 8..])),
        _ => {
            let mut at = 0;
            while len - at > 16 {
                seed = mix(word(&key[at..]) ^ S1, word(&key[at + 8..]) ^ seed);
                at += 16;
            }
            (word(&key[len - 16..]), word(&key[len - 8..]))
        }
    };
    mix(S2 ^ len as u64, mix(a ^ S1, b ^ seed))
}

/// The 8-bit fingerprint kept per entry of a block; independent of the bits that the filter uses.
#[inline]
pub fn fingerprint(hash: u64) -> u8 {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// The first 8 bytes of `key` as a number in key order, zero-padded.
#[inline]
pub fn head(key: &[u8]) -> u64 {
    if key.len() >= 8 {
        let mut raw = [0; 8];
        raw.copy_from_slice(&key[..8]);
        return u64::from_be_bytes(raw);
    }
    let mut raw = [0; 8];
    raw[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers that files on disk depend on.
    #[test]
    fn frozen_answers() {
        let long: Vec<u8> = (0..100).collect();
        for (len, expected) in FROZEN {
            assert_eq!(hash(&long[..len]), expected, "length {len}");
        }
    }

    const FROZEN: [(usize, u64); 7] = [
        (0, 0xa5506ff52926ac13),
        (1, 0x855a226366af32cf),
        (3, 0xc40d5e24db8cb67d),
        (7, 0x1b50dfcff272a865),
        (16, 0xb8885a2661cc8acf),
        (17, 0xd8b0faea5b2f2786),
        (100, 0x74836a0826c97007),
    ];

    #[test]
    fn spreads() {
        let mut buckets = [0u32; 256];
        for n in 0..65_536u32 {
            buckets[usize::from(fingerprint(hash(&n.to_be_bytes())))] += 1;
        }
        assert!(buckets.iter().all(|&count| (150..400).contains(&count)), "{buckets:?}");
    }
}
