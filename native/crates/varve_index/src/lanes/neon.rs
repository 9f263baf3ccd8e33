//! Eight compares as four vectors of two. Each true lane is all ones, minus one, so the sum counts down.

use std::arch::aarch64::{vaddq_u64, vaddvq_u64, vcltq_u64, vdupq_n_u64, vld1q_u64};

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
}
