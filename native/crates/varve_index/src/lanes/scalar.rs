//! Eight compares in plain Rust: the twin that the others are tested against.

use super::{LINE_KEYS, Lanes};

pub(crate) struct Scalar;

impl Lanes for Scalar {
    #[inline(always)]
    unsafe fn rank(line: *const u64, key: u64) -> usize {
        let mut below = 0;
        for lane in 0..LINE_KEYS {
            // SAFETY: the caller makes 64 bytes readable.
            below += usize::from(unsafe { line.add(lane).read_unaligned() } < key);
        }
        below
    }

    #[inline(always)]
    unsafe fn rank_codes(codes: &[i16; 24], code: i16) -> usize {
        codes.iter().map(|own| usize::from(*own < code)).sum()
    }
}
