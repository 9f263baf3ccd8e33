//! Kernels are written once and compiled once per instruction set.

/// Calls `generic::<Lanes>(arguments)` compiled for `isa`, which must be available.
///
/// `generic` is `unsafe fn` and `#[inline(always)]`, so that its body takes on the features of the caller.
macro_rules! with_lanes {
    ($isa:expr, $generic:ident ( $($arg:ident : $ty:ty),* $(,)? )) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
        unsafe fn avx512($($arg: $ty),*) {
            // SAFETY: the caller of the macro vouches for the arguments, `isa` for the features.
            unsafe { $generic::<$crate::forest::lanes::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
        unsafe fn avx2($($arg: $ty),*) {
            // SAFETY: as above.
            unsafe { $generic::<$crate::forest::lanes::Avx2>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            ::varve_types::Isa::Avx512 => avx512($($arg),*),
            #[cfg(target_arch = "x86_64")]
            ::varve_types::Isa::Avx2 => avx2($($arg),*),
            #[cfg(target_arch = "aarch64")]
            ::varve_types::Isa::Neon => $generic::<$crate::forest::lanes::Neon>($($arg),*),
            _ => $generic::<$crate::forest::lanes::Scalar>($($arg),*),
        }
    }};
}
pub(crate) use with_lanes;
