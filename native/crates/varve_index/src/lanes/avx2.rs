//! Eight compares as two vectors of four.

use std::arch::x86_64::{
    __m256i, _mm_cmpgt_epi16, _mm_loadu_si128, _mm_set1_epi16, _mm256_castsi256_ps, _mm256_cmpgt_epi16,
    _mm256_cmpgt_epi64, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_movemask_ps, _mm256_packs_epi16,
    _mm256_packs_epi32, _mm256_set1_epi16, _mm256_set1_epi64x, _mm256_xor_si256, _mm256_zextsi128_si256,
};

use super::Lanes;

pub(crate) struct Avx2;

impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn rank(line: *const u64, key: u64) -> usize {
        // SAFETY: the caller makes 64 bytes readable and has AVX2.
        unsafe {
            // AVX2 compares signed numbers only: flipping the top bit of both sides keeps the unsigned order.
            let flip = _mm256_set1_epi64x(i64::MIN);
            let key = _mm256_set1_epi64x((key ^ (1 << 63)) as i64);
            let half = |at: *const u64| {
                _mm256_cmpgt_epi64(key, _mm256_xor_si256(_mm256_loadu_si256(at.cast::<__m256i>()), flip))
            };
            // Packing leaves the lanes in another order, which a count does not mind.
            let below = _mm256_packs_epi32(half(line), half(line.add(4)));
            _mm256_movemask_ps(_mm256_castsi256_ps(below)).count_ones() as usize
        }
    }

    #[inline(always)]
    unsafe fn rank_codes(codes: &[i16; 24], code: i16) -> usize {
        // SAFETY: 32 and 16 bytes of the 48; the caller has AVX2.
        unsafe {
            let at = codes.as_ptr();
            let (front, back) = (_mm256_loadu_si256(at.cast()), _mm_loadu_si128(at.add(16).cast()));
            let front = _mm256_cmpgt_epi16(_mm256_set1_epi16(code), front);
            let back = _mm256_zextsi128_si256(_mm_cmpgt_epi16(_mm_set1_epi16(code), back));
            _mm256_movemask_epi8(_mm256_packs_epi16(front, back)).count_ones() as usize
        }
    }
}
