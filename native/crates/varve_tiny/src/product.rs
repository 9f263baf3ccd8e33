//! The arithmetic of dense layers: products of f32 in tiles of registers, dot products of int8.
//!
//! One routine serves rows and blocks: vectors run along whatever lies side by side in memory, the rows of a block or
//! the outputs of a single row; the other operand is broadcast. Every sum starts at what `out` holds and takes its
//! products in the order of the inputs, one rounding for each product and each sum, so that all paths give the
//! same bits. Fusing them would not: CPUs without such an instruction would answer otherwise.
//!
//! Complexity: inputs · outputs · rows; no allocation. A tile of four times two vectors keeps eight sums in flight, more
//! than an addition takes cycles.

use varve_types::Isa;

use crate::isa::with_lanes;

/// Vectors that dense layers are made of.
pub(crate) trait Vectors {
    /// Floats in one vector.
    const WIDTH: usize;
    /// Some floats.
    type Floats: Copy;
    /// Partial sums of a dot product.
    type Sums: Copy;

    /// # Safety
    /// `at` is readable for `WIDTH` floats, and the CPU has the instruction set.
    unsafe fn load(at: *const f32) -> Self::Floats;

    /// # Safety
    /// `at` is writable for `WIDTH` floats, and the CPU has the instruction set.
    unsafe fn store(at: *mut f32, floats: Self::Floats);

    /// `sum + x * y` per float, rounded twice.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn add_product(sum: Self::Floats, x: Self::Floats, y: f32) -> Self::Floats;

    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn no_sums() -> Self::Sums;

    /// Adds sixteen products.
    ///
    /// # Safety
    /// `x` and `y` are readable for [`CODES`] numbers, and the CPU has the instruction set.
    unsafe fn add_dot(sums: Self::Sums, x: *const i8, y: *const i8) -> Self::Sums;

    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn total(sums: Self::Sums) -> i32;
}

/// int8 products that are added at a time.
const CODES: usize = 16;

/// The widest vector; rows of blocks and padded outputs are whole numbers of it.
pub(crate) const WIDTH_MAX: usize = 16;

/// Rows of floats: `stride` apart, `count` of each are used.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) floats: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

/// `out[s][v] += Σ_i across[i][v] · each[i][s]`, with `out_stride` floats between the rows of `out`.
///
/// `across.count` is a multiple of [`WIDTH_MAX`], of twice that when `each.count` is 4 or more.
pub(crate) fn multiply(
    isa: Isa,
    inputs: usize,
    across: Side<'_>,
    each: Side<'_>,
    out: &mut [f32],
    out_stride: usize,
) {
    if inputs == 0 || across.count == 0 || each.count == 0 {
        return;
    }
    let reaches = |side: Side<'_>| (inputs - 1) * side.stride + side.count <= side.floats.len();
    let whole = across.count.is_multiple_of(if each.count < 4 { WIDTH_MAX } else { 2 * WIDTH_MAX });
    let inside = (each.count - 1) * out_stride + across.count <= out.len();
    assert!(reaches(across) && reaches(each) && whole && inside && isa.is_available());
    let job = Job { inputs, across, each, out: out.as_mut_ptr(), out_stride };
    let job = &job;
    // SAFETY: the assertion above.
    unsafe { with_lanes!(isa, tiles(job: &Job<'_>)) }
}

/// `sums[j] = Σ_i weights[j][i] · codes[i]`; each row of weights is as long as `codes`, a multiple of [`CODES`].
pub(crate) fn dots(isa: Isa, weights: &[i8], codes: &[i8], sums: &mut [i32]) {
    let whole = codes.len().is_multiple_of(CODES) && weights.len() == codes.len() * sums.len();
    assert!(whole && isa.is_available());
    // SAFETY: the assertion above.
    unsafe { with_lanes!(isa, dot_rows(weights: &[i8], codes: &[i8], sums: &mut [i32])) }
}

/// What [`multiply`] was asked for, after it checked it.
struct Job<'a> {
    inputs: usize,
    across: Side<'a>,
    each: Side<'a>,
    out: *mut f32,
    out_stride: usize,
}

/// # Safety
/// As [`multiply`] checks; the CPU has the instruction set.
#[inline(always)]
unsafe fn tiles<L: Vectors>(job: &Job<'_>) {
    let mut s = 0;
    // SAFETY: every tile is inside both sides and inside `out`.
    unsafe {
        while s + 4 <= job.each.count {
            for v in (0..job.across.count).step_by(2 * L::WIDTH) {
                tile::<L, 2, 4>(job, v, s);
            }
            s += 4;
        }
        while s < job.each.count {
            let mut v = 0;
            while v + 4 * L::WIDTH <= job.across.count {
                tile::<L, 4, 1>(job, v, s);
                v += 4 * L::WIDTH;
            }
            while v < job.across.count {
                tile::<L, 1, 1>(job, v, s);
                v += L::WIDTH;
            }
            s += 1;
        }
    }
}

/// `ACROSS` vectors of `EACH` rows of the product, in registers.
///
/// # Safety
/// The tile at `v`, `s` is inside both sides and inside `out`; the CPU has the instruction set.
#[inline(always)]
unsafe fn tile<L: Vectors, const ACROSS: usize, const EACH: usize>(job: &Job<'_>, v: usize, s: usize) {
    // SAFETY: as the caller vouches.
    unsafe {
        let out = job.out.add(s * job.out_stride + v);
        let mut sums = [[L::load(out); ACROSS]; EACH];
        for (each, sums) in sums.iter_mut().enumerate() {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum = L::load(out.add(each * job.out_stride + at * L::WIDTH));
            }
        }
        let mut across = job.across.floats.as_ptr().add(v);
        let mut factors = job.each.floats.as_ptr().add(s);
        for input in 0..job.inputs {
            let mut vectors = [L::load(across); ACROSS];
            for (at, vector) in vectors.iter_mut().enumerate().skip(1) {
                *vector = L::load(across.add(at * L::WIDTH));
            }
            for (each, sums) in sums.iter_mut().enumerate() {
                let factor = *factors.add(each);
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = L::add_product(*sum, vector, factor);
                }
            }
            // Not beyond the last row: a pointer may not leave its slice.
            if input + 1 < job.inputs {
                across = across.add(job.across.stride);
                factors = factors.add(job.each.stride);
            }
        }
        for (each, sums) in sums.iter().enumerate() {
            for (at, sum) in sums.iter().enumerate() {
                L::store(out.add(each * job.out_stride + at * L::WIDTH), *sum);
            }
        }
    }
}

/// # Safety
/// As [`dots`] checks; the CPU has the instruction set.
#[inline(always)]
unsafe fn dot_rows<L: Vectors>(weights: &[i8], codes: &[i8], sums: &mut [i32]) {
    let mut row = weights.as_ptr();
    for sum in sums {
        // SAFETY: `row` has as many numbers as `codes`.
        unsafe {
            let mut parts = L::no_sums();
            for at in (0..codes.len()).step_by(CODES) {
                parts = L::add_dot(parts, row.add(at), codes.as_ptr().add(at));
            }
            *sum = L::total(parts);
            row = row.add(codes.len());
        }
    }
}

/// Four floats in code for every CPU of the target, which on 64-bit Arm is NEON.
macro_rules! portable {
    ($lanes:ty) => {
        impl Vectors for $lanes {
            const WIDTH: usize = 4;
            type Floats = [f32; 4];
            type Sums = i32;

            #[inline(always)]
            unsafe fn load(at: *const f32) -> [f32; 4] {
                // SAFETY: the caller makes four floats readable.
                unsafe { at.cast::<[f32; 4]>().read() }
            }

            #[inline(always)]
            unsafe fn store(at: *mut f32, floats: [f32; 4]) {
                // SAFETY: the caller makes four floats writable.
                unsafe { at.cast::<[f32; 4]>().write(floats) }
            }

            #[inline(always)]
            unsafe fn add_product(sum: [f32; 4], x: [f32; 4], y: f32) -> [f32; 4] {
                [sum[0] + x[0] * y, sum[1] + x[1] * y, sum[2] + x[2] * y, sum[3] + x[3] * y]
            }

            #[inline(always)]
            unsafe fn no_sums() -> i32 {
                0
            }

            #[inline(always)]
            unsafe fn add_dot(mut sums: i32, x: *const i8, y: *const i8) -> i32 {
                for at in 0..CODES {
                    // SAFETY: the caller makes so many numbers readable.
                    sums += unsafe { i32::from(*x.add(at)) * i32::from(*y.add(at)) };
                }
                sums
            }

            #[inline(always)]
            unsafe fn total(sums: i32) -> i32 {
                sums
            }
        }
    };
}

portable!(crate::forest::lanes::Scalar);
#[cfg(target_arch = "aarch64")]
portable!(crate::forest::lanes::Neon);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vectors;
    use crate::forest::lanes::{Avx2, Avx512};

    impl Vectors for Avx2 {
        const WIDTH: usize = 8;
        type Floats = __m256;
        type Sums = __m256i;

        #[inline(always)]
        unsafe fn load(at: *const f32) -> __m256 {
            // SAFETY: the caller makes eight floats readable and has AVX2.
            unsafe { _mm256_loadu_ps(at) }
        }

        #[inline(always)]
        unsafe fn store(at: *mut f32, floats: __m256) {
            // SAFETY: the caller makes eight floats writable and has AVX2.
            unsafe { _mm256_storeu_ps(at, floats) }
        }

        #[inline(always)]
        unsafe fn add_product(sum: __m256, x: __m256, y: f32) -> __m256 {
            // SAFETY: the caller has AVX2.
            unsafe { _mm256_add_ps(sum, _mm256_mul_ps(x, _mm256_set1_ps(y))) }
        }

        #[inline(always)]
        unsafe fn no_sums() -> __m256i {
            // SAFETY: the caller has AVX2.
            unsafe { _mm256_setzero_si256() }
        }

        #[inline(always)]
        unsafe fn add_dot(sums: __m256i, x: *const i8, y: *const i8) -> __m256i {
            // SAFETY: the caller makes sixteen numbers readable and has AVX2. Two products of 127 · 127 are far from
            // the end of i32.
            unsafe {
                let x = _mm256_cvtepi8_epi16(_mm_loadu_si128(x.cast()));
                let y = _mm256_cvtepi8_epi16(_mm_loadu_si128(y.cast()));
                _mm256_add_epi32(sums, _mm256_madd_epi16(x, y))
            }
        }

        #[inline(always)]
        unsafe fn total(sums: __m256i) -> i32 {
            // SAFETY: the caller has AVX2.
            unsafe {
                let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
                let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b1110>(sums));
                _mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_shuffle_epi32::<1>(sums)))
            }
        }
    }

    impl Vectors for Avx512 {
        const WIDTH: usize = 16;
        type Floats = __m512;
        type Sums = __m256i;

        #[inline(always)]
        unsafe fn load(at: *const f32) -> __m512 {
            // SAFETY: the caller makes sixteen floats readable and has AVX-512 F.
            unsafe { _mm512_loadu_ps(at) }
        }

        #[inline(always)]
        unsafe fn store(at: *mut f32, floats: __m512) {
            // SAFETY: the caller makes sixteen floats writable and has AVX-512 F.
            unsafe { _mm512_storeu_ps(at, floats) }
        }

        #[inline(always)]
        unsafe fn add_product(sum: __m512, x: __m512, y: f32) -> __m512 {
            // SAFETY: the caller has AVX-512 F.
            unsafe { _mm512_add_ps(sum, _mm512_mul_ps(x, _mm512_set1_ps(y))) }
        }

        #[inline(always)]
        unsafe fn no_sums() -> __m256i {
            // SAFETY: the caller has AVX2.
            unsafe { Avx2::no_sums() }
        }

        #[inline(always)]
        unsafe fn add_dot(sums: __m256i, x: *const i8, y: *const i8) -> __m256i {
            // SAFETY: as the caller vouches; layers are too short for wider vectors to gain.
            unsafe { Avx2::add_dot(sums, x, y) }
        }

        #[inline(always)]
        unsafe fn total(sums: __m256i) -> i32 {
            // SAFETY: the caller has AVX2.
            unsafe { Avx2::total(sums) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any shape, with strides beyond the counts, against three loops.
        #[test]
        fn every_set_multiplies_as_three_loops(
            inputs in 0usize..20,
            each_count in 0usize..11,
            vectors in 0usize..4,
            (gap, seed) in (0usize..3, proptest::collection::vec(-3.0f32..3.0, 997)),
        ) {
            let count = vectors * 2 * WIDTH_MAX;
            let numbers = |length: usize, from: usize| -> Vec<f32> {
                seed.iter().cycle().skip(from).take(length).copied().collect()
            };
            let (x, y) = (numbers(inputs * (count + gap), 0), numbers(inputs * (each_count + gap), 311));
            let across = Side { floats: &x, stride: count + gap, count };
            let each = Side { floats: &y, stride: each_count + gap, count: each_count };
            let start = numbers(each_count * (count + gap), 577);
            let mut expected = start.clone();
            for s in 0..each_count {
                for v in 0..count {
                    for i in 0..inputs {
                        expected[s * (count + gap) + v] += x[i * (count + gap) + v] * y[i * (each_count + gap) + s];
                    }
                }
            }
            for isa in Isa::available() {
                let mut out = start.clone();
                multiply(isa, inputs, across, each, &mut out, count + gap);
                prop_assert_eq!(&out, &expected, "{:?}", isa);
            }
        }

        #[test]
        fn every_set_has_the_same_dot_products(
            (rows, length) in (0usize..5, 0usize..9),
            seed in proptest::collection::vec(-127i8..=127, 997),
        ) {
            let numbers = |length: usize, from: usize| -> Vec<i8> {
                seed.iter().cycle().skip(from).take(length).copied().collect()
            };
            let (weights, codes) = (numbers(rows * length * CODES, 0), numbers(length * CODES, 311));
            let dot = |row: usize| -> i32 {
                let weights = &weights[row * codes.len()..][..codes.len()];
                weights.iter().zip(&codes).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum()
            };
            let expected: Vec<i32> = (0..rows).map(dot).collect();
            for isa in Isa::available() {
                let mut sums = vec![7; rows];
                dots(isa, &weights, &codes, &mut sums);
                prop_assert_eq!(&sums, &expected, "{:?}", isa);
            }
        }
    }
}
