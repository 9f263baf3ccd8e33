//! Keys at a constant distance: the position is a division, exact, without memory.

use varve_types::Result;

use crate::image::{Header, damaged};
use crate::kind::{Lookup, Trace};
use crate::lanes::Lanes;

/// `keys[i] == first + i * stride`; a stride of 0 means that all keys are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Affine {
    first: u64,
    last: u64,
    stride: u64,
    key_count: usize,
}

impl Affine {
    /// The exact fit of `keys`, or `None` when there is none. This compares every key: it is the replay.
    /// Cost: one pass while the keys fit, usually a handful of keys otherwise.
    pub(crate) fn fit(keys: &[u64]) -> Option<Self> {
        let (first, last) = (*keys.first().unwrap_or(&0), *keys.last().unwrap_or(&0));
        let stride = keys.get(1).map_or(0, |second| second - first);
        let fits = keys.chunks(4096).enumerate().all(|(chunk, keys)| {
            let base = first.wrapping_add(stride.wrapping_mul(chunk as u64 * 4096));
            keys.iter()
                .zip(0u64..)
                .fold(true, |fits, (key, at)| fits & (*key == base.wrapping_add(stride.wrapping_mul(at))))
        });
        fits.then_some(Self { first, last, stride, key_count: keys.len() })
    }

    pub(crate) fn open(header: &Header, key_count: usize) -> Result<Self> {
        let fit = Self { first: header.first_key, last: header.last_key, stride: header.stride, key_count };
        // A stride too small for the keys would send lookups past their end.
        let span = u128::from(fit.stride) * (key_count.max(1) as u128 - 1);
        if u128::from(fit.first) + span == u128::from(fit.last) {
            Ok(fit)
        } else {
            Err(damaged("stride and keys disagree"))
        }
    }

    pub(crate) fn stride(&self) -> u64 {
        self.stride
    }
}

impl Lookup for Affine {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, _trace: &mut T) -> usize {
        if key <= self.first {
            0
        } else if key > self.last {
            self.key_count
        } else {
            // first < key <= last: the stride is not zero and the quotient is below the number of keys.
            (key - self.first).div_ceil(self.stride) as usize
        }
    }

    #[inline(always)]
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]) {
        for (key, out) in keys.iter().zip(out) {
            // SAFETY: as the caller vouches.
            *out = unsafe { self.locate::<L, ()>(*key, &mut ()) };
        }
    }
}
