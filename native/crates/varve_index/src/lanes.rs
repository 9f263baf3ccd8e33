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
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;

/// Keys in one 64-byte line.
pub(crate) const LINE_KEYS: usize = 8;

/// Eight keys at a time.
pub(crate) trait Lanes {
    /// How many of the eight keys at `line` are below `key`, in any order.
    ///
    /// # Safety
    /// `line` is readable for 64 bytes, at any alignment, and the CPU has the instruction set.
    unsafe fn rank(line: *const u64, key: u64) -> usize;
}

/// An instruction set that lookups can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// x86-64 with AVX-512 F, DQ, BW, VL: one compare per line.
    Avx512,
    /// x86-64 with AVX2: two compares per line.
    Avx2,
    /// 64-bit Arm: four compares per line.
    Neon,
    /// Plain integer code, for every CPU.
    Scalar,
}

impl Isa {
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// The fastest set that this CPU has. Cost: one load after the first call.
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Scalar)
    }

    /// Every set that this CPU has, fastest first; the last one is always [`Isa::Scalar`].
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// Whether this CPU can run this set.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && Self::Avx2.is_available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Scalar => true,
            #[allow(unreachable_patterns, reason = "which arms exist depends on the target")]
            _ => false,
        }
    }
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
            $crate::lanes::Isa::Avx512 => avx512($($arg),*),
            #[cfg(target_arch = "x86_64")]
            $crate::lanes::Isa::Avx2 => avx2($($arg),*),
            #[cfg(target_arch = "aarch64")]
            $crate::lanes::Isa::Neon => $generic::<$crate::lanes::Neon $(, $kind)?>($($arg),*),
            _ => $generic::<$crate::lanes::Scalar $(, $kind)?>($($arg),*),
        }
    }};
}
pub(crate) use with_lanes;

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
