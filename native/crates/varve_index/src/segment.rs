//! A segment of the line probe: one piece of the curve key → position, in one line of 64 bytes.
//!
//! A segment cuts the keys that it serves into [`CELLS`] *cells* of `width` keys. The keys between the cells are its
//! *knots*; of each it keeps a *code*, its distance from the first key shifted down to 15 bits. The number of codes
//! below that of a wanted key is the cell, exactly, and a straight line across the cell gives the position: off by
//! `width` at most, by a quarter of `sqrt(width)` or so on keys that are drawn at random. Lookups touch this one line.
//!
//! What a lookup would have to limit is so by construction, and checked when an image is opened: a segment serves no
//! key whose code is above its last one, and predicts no window that leaves the keys. The first and the last keys have
//! segments of width 0 for that, which predict the first and the last window.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 8 | first key |
//! | 8 | 4 | lead: start of the window around the position of the first key, less a width; it wraps |
//! | 12 | 2 | width: keys in a cell |
//! | 14 | 1 | shift: low bits of a distance that codes leave out |
//! | 15 | 1 | zero |
//! | 16 | 48 | codes of the knots 0 to 23, ascending; the last one belongs to the key behind the segment, the largest that it serves |
//!
//! Codes are signed because AVX2 compares signed lanes alone. The first one is -1, below the code of every key, so that
//! each key has a cell, and no cell an empty range to divide by.

use std::ops::Range;

use crate::image::LINE_BYTES;
use crate::lanes::{LINE_KEYS, Lanes};

/// Cells of a segment.
pub(crate) const CELLS: usize = 23;
/// Knots of a segment, both ends included.
pub(crate) const KNOTS: usize = CELLS + 1;
/// Bits of a code.
pub(crate) const CODE_BITS: u32 = 15;
/// Most keys in a cell.
pub(crate) const WIDTH_MAX: usize = 1 << 14;
/// Keys compared at once: half of them before the prediction. Not whole lines: where a prediction lies in its line says
/// nothing, and nearly all are within eight keys.
pub(crate) const WINDOW_KEYS: usize = 2 * LINE_KEYS;
/// Keys of a window before the prediction.
pub(crate) const BEFORE: usize = WINDOW_KEYS / 2;

/// See the head of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) lead: u32,
    pub(crate) width: u16,
    shift: u8,
    zero: u8,
    codes: [i16; KNOTS],
}

const _: () = assert!(size_of::<Segment>() == LINE_BYTES);

impl Segment {
    /// The segment whose knots are `first`, at the position `base`, then `knot(1)` to `knot(CELLS)`, ascending. `base`
    /// is at least [`BEFORE`], or the segment is not sound.
    pub(crate) fn over(first: u64, base: usize, width: usize, knot: impl Fn(usize) -> u64) -> Self {
        let shift = Self::shift_of(knot(CELLS) - first);
        let mut codes = [-1; KNOTS];
        for (at, code) in codes.iter_mut().enumerate().skip(1) {
            *code = ((knot(at) - first) >> shift) as i16;
        }
        let lead = (base as u32).wrapping_sub((BEFORE + width) as u32);
        Self { first, lead, width: width as u16, shift, zero: 0, codes }
    }

    /// The segment of width 0: the window at `start` for all keys up to `next`.
    pub(crate) fn still(first: u64, next: u64, start: usize) -> Self {
        let mut codes = [i16::MAX; KNOTS];
        codes[0] = -1;
        Self { first, lead: start as u32, width: 0, shift: Self::shift_of(next - first), zero: 0, codes }
    }

    /// The bits of distances up to `range` that are too many for a code.
    fn shift_of(range: u64) -> u8 {
        (u64::BITS - range.leading_zeros()).saturating_sub(CODE_BITS) as u8
    }

    /// Whether a lookup of any key that is above the first and not above `next` stays within the segment, and its
    /// window within `key_count` keys, whatever else the segment says.
    pub(crate) fn is_sound(&self, next: u64, key_count: usize) -> bool {
        let ascends =
            self.codes.iter().zip(&self.codes[1..]).fold(true, |all, (code, next)| all & (code <= next));
        ascends
            && self.codes[0] == -1
            && self.codes[CELLS] >= 0
            && u32::from(self.shift) < u64::BITS
            && self.first <= next
            && (next - self.first) >> self.shift <= self.codes[CELLS] as u64
            && self.windows().end <= key_count
    }

    /// The keys within any window.
    pub(crate) fn windows(&self) -> Range<usize> {
        let start = self.lead.wrapping_add(self.width.into()) as usize;
        start..start + CELLS * usize::from(self.width) + WINDOW_KEYS
    }

    /// The first of two neighbouring knots that have the same code, and so cannot be told apart.
    pub(crate) fn tie(&self) -> Option<usize> {
        self.codes.windows(2).position(|pair| pair[0] == pair[1])
    }

    /// The code of a key that the segment serves.
    #[inline(always)]
    pub(crate) fn code(&self, key: u64) -> i32 {
        (key.wrapping_sub(self.first) >> self.shift) as i32
    }

    /// Whether `key`, at or above the first, has a code up to `code`.
    pub(crate) fn is_within(&self, key: u64, code: i16) -> bool {
        key.wrapping_sub(self.first) >> self.shift <= code as u64
    }

    /// The start of the window around the position predicted for `key`.
    ///
    /// # Safety
    /// The segment is sound and serves `key`, and the CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn window<L: Lanes>(&self, key: u64) -> u32 {
        let code = self.code(key);
        // SAFETY: the first of the 24 codes is below every code of a key, and the last one is not: the cell exists.
        let (knot, low, high) = unsafe {
            let knot = L::rank_codes(&self.codes, code as i16);
            (knot as u32, *self.codes.get_unchecked(knot - 1), *self.codes.get_unchecked(knot))
        };
        // SAFETY: codes ascend, so that `low` is below the code and `high` is not.
        unsafe { self.at(knot, i32::from(low), i32::from(high), code) }
    }

    /// The window of `code` in the cell before `knot`, between the codes `low` and `high`.
    ///
    /// # Safety
    /// `low < code <= high`.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, knot: u32, low: i32, high: i32, code: i32) -> u32 {
        let width = u32::from(self.width);
        let rise = (code - low).wrapping_mul(width as i32) as f32;
        let run = (high - low) as f32;
        // SAFETY: the divisor is at least 1, the quotient at most the width.
        let within = unsafe { (rise / run).to_int_unchecked::<i32>() } as u32;
        self.lead.wrapping_add(knot * width).wrapping_add(within)
    }

    /// The codes of the knots.
    pub(crate) fn codes(&self) -> &[i16; KNOTS] {
        &self.codes
    }
}

#[cfg(test)]
mod tests {
    use super::{BEFORE, CELLS, KNOTS, Segment, WINDOW_KEYS};
    use crate::lanes::{Lanes, Scalar, with_lanes};
    use varve_types::Isa;

    /// All positions predicted for `keys`, on one instruction set.
    unsafe fn predictions<L: Lanes>(segment: &Segment, keys: &[u64], out: &mut Vec<u32>) {
        for key in keys {
            // SAFETY: the segments of these tests are sound, and serve the keys.
            out.push(unsafe { segment.window::<L>(*key) } + BEFORE as u32);
        }
    }

    /// Predictions are monotone, the same everywhere, and off by no more than `bound` at the keys.
    fn check(name: &str, width: usize, key: impl Fn(usize) -> u64, bound: u32) {
        let segment = Segment::over(key(0), 1000, width, |knot| key(knot * width));
        let behind = key(CELLS * width);
        let key_count = 1000 + CELLS * width + WINDOW_KEYS - BEFORE;
        assert!(segment.is_sound(behind, key_count), "{name}: {segment:?}");
        assert!(!segment.is_sound(behind, key_count - 1), "{name}: a window leaves the keys");
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
        let sound = Segment::over(0, BEFORE, 8, |knot| knot as u64 * 100);
        let is_sound = |segment: &Segment| segment.is_sound(2300, 1000);
        assert!(is_sound(&sound));
        assert!(!sound.is_sound(2301, 1000), "a key behind the last knot");
        for at in 0..KNOTS {
            for lie in [i16::MIN, -2, i16::MAX] {
                let mut forged = sound;
                forged.codes[at] = lie;
                assert_eq!(is_sound(&forged), at == KNOTS - 1 && lie > 0, "{at} {lie}");
            }
        }
        assert!(!is_sound(&Segment { shift: 64, ..sound }));
        assert!(!is_sound(&Segment { first: 2301, ..sound }), "below its own first key");
        assert!(!is_sound(&Segment { lead: sound.lead - 1, ..sound }), "before the first key");
        assert!(is_sound(&Segment::still(0, 2300, 1000 - WINDOW_KEYS)));
    }
}
