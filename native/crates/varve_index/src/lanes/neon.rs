//! Eight compares as four vectors of two. Each true lane is all ones, minus one, so the sum counts down.

use std::arch::aarch64::{
    vaddq_u16, vaddq_u64, vaddvq_u16, vaddvq_u64, vcltq_s16, vcltq_u64, vdupq_n_s16, vdupq_n_u64, vld1q_s16,
    vld1q_u64,
};

use super::Lanes;

pub(crate) struct Neon;

impl Lanes for Neon {
    #[inline(always)]
    unsafe fn rank(line: *const u64, key: u64) -> usize {
        // SAFETY: the caller makes 64 bytes readable; every aarch64 CPU of this target has NEON.
        unsafe {
            let key = vdupq_n_u64(key);
            let pair = |lane: usize| vcltq_u64(vld1q_u64(line.add(lane)), key);
            let below = vaddq_u64(vaddq_u64(pair(0), pair(2)), vaddq_u64(pair(4), pair(6)));
            vaddvq_u64(below).wrapping_neg() as usize
        }
    }

    #[inline(always)]
    unsafe fn rank_codes(codes: &[i16; 24], code: i16) -> usize {
        // SAFETY: three times eight of the 24 codes.
        unsafe {
            let code = vdupq_n_s16(code);
            let eight = |from: usize| vcltq_s16(vld1q_s16(codes.as_ptr().add(from)), code);
            let below = vaddq_u16(vaddq_u16(eight(0), eight(8)), eight(16));
            usize::from(vaddvq_u16(below).wrapping_neg())
        }
    }
}
