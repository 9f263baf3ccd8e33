//! A segment of the line probe: one piece of the curve key → position, in one line of 64 bytes.
//!
//! A segment cuts the keys that it serves into [`CELLS`] *cells* of `width` keys. The keys between the cells are its
//! *knots*; of each it keeps a *code*, its distance from the first key shifted down to 15 bits. The number of codes
//! below that of a wanted key is the cell, exactly, and a straight line across the cell gives the position: off by
//! `width` at most, by a quarter of `sqrt(width)` or so on keys that are drawn at random. Lookups touch this one line.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 8 | first key |
//! | 8 | 4 | base: position of the first key |
//! | 12 | 2 | width: keys in a cell |
//! | 14 | 1 | shift: low bits of a distance that codes leave out |
//! | 15 | 1 | zero |
//! | 16 | 48 | codes of the knots 0 to 23, ascending; the last one belongs to the key behind the segment |
//!
//! Codes are signed because AVX2 compares signed lanes alone. The first one is -1, below the code of every key, so that
//! each key has a cell, and no cell an empty range to divide by.

use crate::image::LINE_BYTES;
use crate::lanes::Lanes;

/// Cells of a segment.
pub(crate) const CELLS: usize = 23;
/// Knots of a segment, both ends included.
pub(crate) const KNOTS: usize = CELLS + 1;
/// Bits of a code.
pub(crate) const CODE_BITS: u32 = 15;
/// Most keys in a cell.
pub(crate) const WIDTH_MAX: usize = 1 << 14;

/// See the head of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) base: u32,
    pub(crate) width: u16,
    shift: u8,
    zero: u8,
    codes: [i16; KNOTS],
}

const _: () = assert!(size_of::<Segment>() == LINE_BYTES);

impl Segment {
    /// The segment whose knots are `first`, then `knot(1)` to `knot(CELLS)`, ascending.
    pub(crate) fn over(first: u64, base: usize, width: usize, knot: impl Fn(usize) -> u64) -> Self {
        let range = knot(CELLS) - first;
        let shift = (u64::BITS - range.leading_zeros()).saturating_sub(CODE_BITS) as u8;
        let mut codes = [-1; KNOTS];
        for (at, code) in codes.iter_mut().enumerate().skip(1) {
            *code = ((knot(at) - first) >> shift) as i16;
        }
        Self { first, base: base as u32, width: width as u16, shift, zero: 0, codes }
    }

    /// Whether a lookup in it stays within it, whatever else it says.
    pub(crate) fn is_sound(&self) -> bool {
        let ascends =
            self.codes.iter().zip(&self.codes[1..]).fold(true, |all, (code, next)| all & (code <= next));
        ascends && self.codes[0] == -1 && self.codes[CELLS] >= 0 && u32::from(self.shift) < u64::BITS
    }

    /// The first of two neighbouring knots that have the same code, and so cannot be told apart.
    pub(crate) fn tie(&self) -> Option<usize> {
        self.codes.windows(2).position(|pair| pair[0] == pair[1])
    }

    /// The code of a key at or above the first; the last one for all keys behind the segment.
    #[inline(always)]
    pub(crate) fn code(&self, key: u64) -> i32 {
        (key.wrapping_sub(self.first) >> self.shift).min(self.codes[CELLS] as u64) as i32
    }

    /// The position predicted for `key`, at or behind the base.
    ///
    /// # Safety
    /// The segment is sound, and the CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn predict<L: Lanes>(&self, key: u64) -> u32 {
        let code = self.code(key);
        // SAFETY: the first of the 24 codes is below every code of a key, and the last one is not: the cell exists.
        let (cell, low, high) = unsafe {
            let cell = L::rank_codes(&self.codes, code as i16) - 1;
            (cell as u32, *self.codes.get_unchecked(cell), *self.codes.get_unchecked(cell + 1))
        };
        // SAFETY: codes ascend, so that `low` is below the code and `high` is not.
        unsafe { self.at(cell, i32::from(low), i32::from(high), code) }
    }

    /// The position of `code` in a cell between the codes `low` and `high`.
    ///
    /// # Safety
    /// `low < code <= high`.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, cell: u32, low: i32, high: i32, code: i32) -> u32 {
        let width = u32::from(self.width);
        let rise = (code - low).wrapping_mul(width as i32) as f32;
        let run = (high - low) as f32;
        // SAFETY: the divisor is at least 1, the quotient at most the width.
        let within = unsafe { (rise / run).to_int_unchecked::<i32>() } as u32;
        self.base.wrapping_add(cell * width).wrapping_add(within)
    }

    /// The codes of the knots.
    pub(crate) fn codes(&self) -> &[i16; KNOTS] {
        &self.codes
    }
}

#[cfg(test)]
mod tests {
    use super::{CELLS, KNOTS, Segment};
    use crate::lanes::{Lanes, Scalar, with_lanes};
    use varve_types::Isa;

    /// All positions predicted for `keys`, on one instruction set.
    unsafe fn predictions<L: Lanes>(segment: &Segment, keys: &[u64], out: &mut Vec<u32>) {
        // SAFETY: the segments of these tests are sound.
        out.extend(keys.iter().map(|key| unsafe { segment.predict::<L>(*key) }));
    }

    /// Predictions are monotone, the same everywhere, and off by no more than `bound` at the keys.
    fn check(name: &str, width: usize, key: impl Fn(usize) -> u64, bound: u32) {
        let segment = Segment::over(key(0), 1000, width, |knot| key(knot * width));
        assert!(segment.is_sound(), "{name}: {segment:?}");
        let keys: Vec<u64> = (0..=CELLS * width).map(&key).collect();
        let (mut scalar, mut vector) = (Vec::new(), Vec::new());
        // SAFETY: the scalar path needs nothing, the other one was detected.
        unsafe {
            predictions::<Scalar>(&segment, &keys, &mut scalar);
            let (segment, keys, out) = (&segment, keys.as_slice(), &mut vector);
            with_lanes!(Isa::detect(), predictions(segment: &Segment, keys: &[u64], out: &mut Vec<u32>));
        }
        assert_eq!(scalar, vector, "{name}");
        assert!(scalar.is_sorted(), "{name}: {scalar:?}");
        let off = (1000..).zip(&scalar).map(|(at, found): (u32, _)| at.abs_diff(*found)).max();
        assert!(off.is_some_and(|off| off <= bound), "{name}: {off:?}");
    }

    #[test]
    fn predictions_stay_within_a_cell() {
        check("consecutive", 8, |at| 7 + at as u64, 1);
        check("even", 40, |at| at as u64 * 1_000_003, 1);
        check("squares, which bend most in the first cell", 40, |at| (at * at) as u64, 11);
        check("one wide gap in each cell", 16, |at| at as u64 + (at as u64 / 16) * 100_000, 16);
        check("up to the largest key", 2, |at| u64::MAX - (46 - at as u64) * 1_000, 1);
        check("from 0 to the largest key", 1, |at| (u64::MAX / 23) * at as u64, 1);
        check("a key in a cell", 1, |at| 3 * at as u64, 1);
    }

    #[test]
    fn ties_are_found() {
        let knots = |wide: usize| move |knot: usize| knot as u64 + if knot >= wide { 1 << 40 } else { 0 };
        assert_eq!(Segment::over(0, 0, 1, |knot| knot as u64).tie(), None);
        assert_eq!(
            Segment::over(0, 0, 1, knots(5)).tie(),
            Some(1),
            "a gap that leaves nothing for the others"
        );
        assert_eq!(Segment::over(0, 0, 1, knots(1)).tie(), Some(1));
    }

    #[test]
    fn only_ascending_codes_are_sound() {
        let sound = Segment::over(0, 0, 8, |knot| knot as u64 * 100);
        assert!(sound.is_sound());
        for at in 0..KNOTS {
            for lie in [i16::MIN, -2, i16::MAX] {
                let mut forged = sound;
                forged.codes[at] = lie;
                assert_eq!(forged.is_sound(), at == KNOTS - 1 && lie > 0, "{at} {lie}");
            }
        }
        assert!(!Segment { shift: 64, ..sound }.is_sound());
    }
}
