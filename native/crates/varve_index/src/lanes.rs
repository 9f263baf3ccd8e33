//! The one vector operation that every kind needs: how many of the eight keys of a 64-byte line are below a key.
//!
//! Lookups are written once, generic over [`Lanes`] and always inlined; [`with_lanes!`] compiles them once per
//! instruction set and picks one at run time. All sets answer alike (property tests in `tests/numeric.rs`).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{Avx2, Avx2OneSided};
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;

/// Keys in one 64-byte line.
pub(crate) const LINE_KEYS: usize = 8;

/// Eight keys at a time.
///
/// Call it from loops, not from closures given to iterators: those are compiled apart, without the instruction set,
/// and then every intrinsic becomes a call, which made a trial of single lookups three times too slow.
pub(crate) trait Lanes {
    /// How many of the eight keys at `line` are below `key`, in any order.
    ///
    /// # Safety
    /// `line` is readable for 64 bytes, at any alignment, and the CPU has the instruction set.
    unsafe fn rank(line: *const u64, key: u64) -> usize;

    /// [`Self::rank`] of two lines, one behind the other.
    ///
    /// # Safety
    /// As there, for 128 bytes.
    #[inline(always)]
    unsafe fn rank_two(lines: *const u64, key: u64) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { Self::rank(lines, key) + Self::rank(lines.add(LINE_KEYS), key) }
    }

    /// How many of `codes` are below `code`, in any order.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn rank_codes(codes: &[i16; 24], code: i16) -> usize;
}

/// Calls `generic::<Lanes>(arguments)` compiled for `isa`, which must be available.
///
/// `generic` is `unsafe fn` and `#[inline(always)]`, so that its body takes on the features of the caller. It may
/// have one more type parameter, a [`crate::kind::Lookup`].
macro_rules! with_lanes {
    ($isa:expr, $generic:ident $(<$kind:ident>)? ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $ret:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt")]
        unsafe fn avx512$(<$kind: $crate::kind::Lookup>)?($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: the caller of the macro vouches for the arguments, `isa` for the features.
            unsafe { $generic::<$crate::lanes::Avx512 $(, $kind)?>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
        unsafe fn avx2$(<$kind: $crate::kind::Lookup>)?($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above.
            unsafe { $generic::<$crate::lanes::Avx2 $(, $kind)?>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            ::varve_types::Isa::Avx512 => avx512($($arg),*),
            #[cfg(target_arch = "x86_64")]
            ::varve_types::Isa::Avx2 => avx2($($arg),*),
            #[cfg(target_arch = "aarch64")]
            ::varve_types::Isa::Neon => $generic::<$crate::lanes::Neon $(, $kind)?>($($arg),*),
            _ => $generic::<$crate::lanes::Scalar $(, $kind)?>($($arg),*),
        }
    }};
}
pub(crate) use with_lanes;

/// `generic::<Lanes>` compiled for `isa`, as a function pointer; for the rest see [`with_lanes!`].
macro_rules! for_lanes {
    ($isa:expr, $generic:ident ( $($arg:ident : $ty:ty),* ) -> $ret:ty) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt")]
        unsafe fn avx512($($arg: $ty),*) -> $ret {
            // SAFETY: the caller of the pointer vouches for the arguments, `isa` for the features.
            unsafe { $generic::<$crate::lanes::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
        unsafe fn avx2($($arg: $ty),*) -> $ret {
            // SAFETY: as above.
            unsafe { $generic::<$crate::lanes::Avx2>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            ::varve_types::Isa::Avx512 => avx512,
            #[cfg(target_arch = "x86_64")]
            ::varve_types::Isa::Avx2 => avx2,
            #[cfg(target_arch = "aarch64")]
            ::varve_types::Isa::Neon => $generic::<$crate::lanes::Neon>,
            _ => $generic::<$crate::lanes::Scalar>,
        }
    }};
}
pub(crate) use for_lanes;

/// Asks for the cache line at `at`; never faults, so any address will do.
#[inline(always)]
pub(crate) fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is without effect on the program.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// [`Lanes::rank`] of line `line` of `keys`; the last line may be partial.
///
/// # Safety
/// `line * 8 < keys.len()`, and the CPU has the instruction set.
#[inline(always)]
pub(crate) unsafe fn rank_line<L: Lanes>(keys: &[u64], line: usize, key: u64) -> usize {
    let start = line * LINE_KEYS;
    if start + LINE_KEYS <= keys.len() {
        // SAFETY: eight keys are left from `start`.
        unsafe { L::rank(keys.as_ptr().add(start), key) }
    } else {
        // SAFETY: the caller keeps `start` below the length.
        unsafe { keys.get_unchecked(start..) }.iter().filter(|k| **k < key).count()
    }
}
