//! Eight compares as two vectors of four.

use std::arch::x86_64::{
    __m256i, _mm_cmpgt_epi16, _mm_loadu_si128, _mm_set1_epi16, _mm256_castsi256_ps, _mm256_cmpgt_epi16,
    _mm256_cmpgt_epi64, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_movemask_ps, _mm256_packs_epi16,
    _mm256_packs_epi32, _mm256_set1_epi16, _mm256_set1_epi64x, _mm256_xor_si256, _mm256_zextsi128_si256,
};

use super::Lanes;

/// For keys of any size.
pub(crate) type Avx2 = Sided<true>;

/// For keys that all have the same top bit: an instruction less for each vector.
pub(crate) type Avx2OneSided = Sided<false>;

/// AVX2 compares signed numbers only. Flipping the top bit of both sides keeps the unsigned order; where it is the same
/// on both sides, the signed order is that already.
pub(crate) struct Sided<const FLIP: bool>;

impl<const FLIP: bool> Sided<FLIP> {
    /// The key in every lane.
    #[inline(always)]
    unsafe fn wanted(key: u64) -> __m256i {
        // SAFETY: the caller has AVX2.
        unsafe { _mm256_set1_epi64x((if FLIP { key ^ (1 << 63) } else { key }) as i64) }
    }

    /// Of the eight keys at `line`, in some order: 32 bits for each, all ones for those below the wanted one.
    #[inline(always)]
    unsafe fn below(line: *const u64, wanted: __m256i) -> __m256i {
        // SAFETY: the caller makes 64 bytes readable and has AVX2.
        unsafe {
            let half = |at: *const u64| {
                let keys = _mm256_loadu_si256(at.cast::<__m256i>());
                let keys = if FLIP { _mm256_xor_si256(keys, _mm256_set1_epi64x(i64::MIN)) } else { keys };
                _mm256_cmpgt_epi64(wanted, keys)
            };
            // Packing leaves the lanes in another order, which a count does not mind.
            _mm256_packs_epi32(half(line), half(line.add(4)))
        }
    }
}

impl<const FLIP: bool> Lanes for Sided<FLIP> {
    #[inline(always)]
    unsafe fn rank(line: *const u64, key: u64) -> usize {
        // SAFETY: the caller makes 64 bytes readable and has AVX2.
        unsafe {
            let below = Self::below(line, Self::wanted(key));
            _mm256_movemask_ps(_mm256_castsi256_ps(below)).count_ones() as usize
        }
    }

    #[inline(always)]
    unsafe fn rank_two(lines: *const u64, key: u64) -> usize {
        // SAFETY: the caller makes 128 bytes readable and has AVX2.
        unsafe {
            let wanted = Self::wanted(key);
            let below = _mm256_packs_epi16(Self::below(lines, wanted), Self::below(lines.add(8), wanted));
            // Two bytes for each key.
            (_mm256_movemask_epi8(below).count_ones() / 2) as usize
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
