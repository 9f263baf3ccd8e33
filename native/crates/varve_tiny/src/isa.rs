//! Instruction sets: kernels are written once and compiled once per set; the best one is picked at run time.

/// An instruction set that kernels can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// x86-64 with AVX-512 F, BW, DQ, VL: sixteen rows per compare.
    Avx512,
    /// x86-64 with AVX2: eight rows per compare.
    Avx2,
    /// 64-bit Arm: four rows per compare.
    Neon,
    /// Code for every CPU of the target.
    Scalar,
}

impl Isa {
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// The fastest set that this CPU has.
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Scalar)
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
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Self::Avx2.is_available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
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
/// `generic` is `unsafe fn` and `#[inline(always)]`, so that its body takes on the features of the caller.
macro_rules! with_lanes {
    ($isa:expr, $generic:ident ( $($arg:ident : $ty:ty),* $(,)? )) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
        unsafe fn avx512($($arg: $ty),*) {
            // SAFETY: the caller of the macro vouches for the arguments, `isa` for the features.
            unsafe { $generic::<$crate::forest::lanes::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2")]
        unsafe fn avx2($($arg: $ty),*) {
            // SAFETY: as above.
            unsafe { $generic::<$crate::forest::lanes::Avx2>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx512 => avx512($($arg),*),
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx2 => avx2($($arg),*),
            #[cfg(target_arch = "aarch64")]
            $crate::isa::Isa::Neon => $generic::<$crate::forest::lanes::Neon>($($arg),*),
            _ => $generic::<$crate::forest::lanes::Scalar>($($arg),*),
        }
    }};
}
pub(crate) use with_lanes;
