//! Instruction sets: kernels are written once and compiled once per set; the best one is picked at run time.

/// An instruction set that kernels can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// x86-64 with AVX-512 F, BW, DQ, VL.
    Avx512,
    /// x86-64 with AVX2, BMI 1 and 2, POPCNT.
    Avx2,
    /// 64-bit Arm.
    Neon,
    /// Code for every CPU of the target.
    Scalar,
}

impl Isa {
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// The fastest set that this CPU has. Cost: one load after the first call.
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

#[cfg(test)]
mod tests {
    use super::Isa;

    /// Code without vectors is the twin that every kernel is compared with, so it is there on every CPU.
    #[test]
    fn the_scalar_set_is_always_there_and_last() {
        assert_eq!(Isa::available().last(), Some(Isa::Scalar));
        assert_eq!(Isa::available().next(), Some(Isa::detect()));
        assert!(Isa::available().all(Isa::is_available));
    }
}
