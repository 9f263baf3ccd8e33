//! Eight unsigned compares in one instruction.

use std::arch::x86_64::{_mm512_cmplt_epu64_mask, _mm512_loadu_epi64, _mm512_set1_epi64};

use super::Lanes;

pub(crate) struct Avx512;

impl Lanes for Avx512 {
    #[inline(always)]
    unsafe fn rank(line: *const u64, key: u64) -> usize {
        // SAFETY: the caller makes 64 bytes readable and has AVX-512 F.
        let below = unsafe {
            _mm512_cmplt_epu64_mask(_mm512_loadu_epi64(line.cast()), _mm512_set1_epi64(key as i64))
        };
        below.count_ones() as usize
    }

    #[inline(always)]
    unsafe fn rank_codes(codes: &[i16; 24], code: i16) -> usize {
        // SAFETY: every CPU with AVX-512 has AVX2; three fourths of a line are not worth a mask.
        unsafe { super::Avx2::rank_codes(codes, code) }
    }
}
