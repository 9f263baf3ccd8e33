//! The one vector operation of a forest: which rows leave a node to the right, chosen among nodes by earlier answers.

/// Rows compared at a time.
pub(crate) trait Lanes {
    /// Rows in one vector.
    const ROWS: usize;
    /// One answer per row.
    type Mask: Copy;

    /// Per row `!(x <= threshold)`, so that NaN goes right.
    ///
    /// # Safety
    /// `x` is readable for `ROWS` floats, and the CPU has the instruction set.
    unsafe fn right(x: *const f32, threshold: f32) -> Self::Mask;

    /// Per row `b` where `mask` is set, else `a`.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn pick(mask: Self::Mask, a: Self::Mask, b: Self::Mask) -> Self::Mask;

    /// Writes per row the number whose bits are `masks`, the first one the highest.
    ///
    /// # Safety
    /// `path` is writable for `ROWS` numbers, and the CPU has the instruction set.
    unsafe fn store(masks: [Self::Mask; 4], path: *mut u32);
}

/// One row at a time.
pub(crate) struct Scalar;

impl Lanes for Scalar {
    const ROWS: usize = 1;
    type Mask = bool;

    #[inline(always)]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN goes right")]
    unsafe fn right(x: *const f32, threshold: f32) -> bool {
        // SAFETY: the caller makes one float readable.
        !(unsafe { *x } <= threshold)
    }

    #[inline(always)]
    unsafe fn pick(mask: bool, a: bool, b: bool) -> bool {
        (mask & b) | (!mask & a)
    }

    #[inline(always)]
    unsafe fn store(masks: [bool; 4], path: *mut u32) {
        // SAFETY: the caller makes one number writable.
        unsafe { *path = masks.iter().fold(0, |number, &bit| number << 1 | u32::from(bit)) };
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    /// Eight rows at a time.
    pub(crate) struct Avx2;

    impl Lanes for Avx2 {
        const ROWS: usize = 8;
        type Mask = __m256;

        #[inline(always)]
        unsafe fn right(x: *const f32, threshold: f32) -> __m256 {
            // SAFETY: the caller makes eight floats readable and has AVX2.
            unsafe { _mm256_cmp_ps::<_CMP_NLE_UQ>(_mm256_loadu_ps(x), _mm256_set1_ps(threshold)) }
        }

        #[inline(always)]
        unsafe fn pick(mask: __m256, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the caller has AVX2.
            unsafe { _mm256_blendv_ps(a, b, mask) }
        }

        #[inline(always)]
        unsafe fn store(masks: [__m256; 4], path: *mut u32) {
            // SAFETY: the caller makes eight numbers writable and has AVX2.
            unsafe {
                let mut number = _mm256_setzero_si256();
                for mask in masks {
                    // A set mask is -1: doubling and subtracting it appends its bit.
                    number = _mm256_sub_epi32(_mm256_add_epi32(number, number), _mm256_castps_si256(mask));
                }
                _mm256_storeu_si256(path.cast(), number);
            }
        }
    }

    /// Sixteen rows at a time; the answers live in mask registers.
    pub(crate) struct Avx512;

    impl Lanes for Avx512 {
        const ROWS: usize = 16;
        type Mask = __mmask16;

        #[inline(always)]
        unsafe fn right(x: *const f32, threshold: f32) -> __mmask16 {
            // SAFETY: the caller makes sixteen floats readable and has AVX-512 F.
            unsafe { _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(_mm512_loadu_ps(x), _mm512_set1_ps(threshold)) }
        }

        #[inline(always)]
        unsafe fn pick(mask: __mmask16, a: __mmask16, b: __mmask16) -> __mmask16 {
            (mask & b) | (!mask & a)
        }

        #[inline(always)]
        unsafe fn store(masks: [__mmask16; 4], path: *mut u32) {
            // SAFETY: the caller makes sixteen numbers writable and has AVX-512 F.
            unsafe {
                let mut number = _mm512_setzero_si512();
                let one = _mm512_set1_epi32(1);
                for mask in masks {
                    number = _mm512_add_epi32(number, number);
                    number = _mm512_mask_add_epi32(number, mask, number, one);
                }
                _mm512_storeu_si512(path.cast(), number);
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(crate) use arm::Neon;

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::Lanes;

    /// Four rows at a time.
    pub(crate) struct Neon;

    impl Lanes for Neon {
        const ROWS: usize = 4;
        type Mask = uint32x4_t;

        #[inline(always)]
        unsafe fn right(x: *const f32, threshold: f32) -> uint32x4_t {
            // SAFETY: the caller makes four floats readable; NEON is part of the target.
            unsafe { vmvnq_u32(vcleq_f32(vld1q_f32(x), vdupq_n_f32(threshold))) }
        }

        #[inline(always)]
        unsafe fn pick(mask: uint32x4_t, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
            // SAFETY: NEON is part of the target.
            unsafe { vbslq_u32(mask, b, a) }
        }

        #[inline(always)]
        unsafe fn store(masks: [uint32x4_t; 4], path: *mut u32) {
            // SAFETY: the caller makes four numbers writable; NEON is part of the target.
            unsafe {
                let mut number = vdupq_n_u32(0);
                for mask in masks {
                    number = vsubq_u32(vaddq_u32(number, number), mask);
                }
                vst1q_u32(path, number);
            }
        }
    }
}
