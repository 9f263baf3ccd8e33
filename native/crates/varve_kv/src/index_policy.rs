//! Which index a new segment gets, in the names of the `IndexKind` contract.

use varve_index::{Choice, Isa, Kind, Policy};
use varve_types::Result;

use crate::error::argument;

/// Error bound of a line probe whose policy names none, in separators: the one that takes less memory.
const ERROR_BOUND_DEFAULT: u32 = 31;

/// Largest error bound that a policy may name.
const ERROR_BOUND_MAX: u32 = 1024;

/// Which index kind the next flush or merge builds over the separators of a segment's blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexPolicy {
    /// The build measures every kind on the segment's own keys and takes the cheapest.
    #[default]
    Auto,
    /// One kind. Where the keys do not allow it, an S+ tree, and the segment's statistics say so.
    Fixed(Kind),
}

impl IndexPolicy {
    /// Reads a policy by the name of its kind: `auto`, `affine`, `line-probe`, `s-plus-tree` or `sparse-fences`.
    ///
    /// `error_bound`, in separators, 1 to 1024, belongs to the line probe only. Error: `ARGUMENT_INVALID`.
    pub fn named(kind: &str, error_bound: Option<u32>) -> Result<Self> {
        if error_bound.is_some_and(|bound| bound == 0 || bound > ERROR_BOUND_MAX) {
            return Err(argument(format!("an error bound lies between 1 and {ERROR_BOUND_MAX}")));
        }
        if error_bound.is_some() && kind != "line-probe" {
            return Err(argument(format!("an index of kind {kind:?} has no error bound")));
        }
        Ok(match kind {
            "auto" => Self::Auto,
            "affine" => Self::Fixed(Kind::Affine),
            "line-probe" => {
                Self::Fixed(Kind::LineProbe { epsilon: error_bound.unwrap_or(ERROR_BOUND_DEFAULT) })
            }
            "s-plus-tree" => Self::Fixed(Kind::SplusTree),
            "sparse-fences" => Self::Fixed(Kind::SparseFences),
            other => {
                let kinds = "auto, affine, line-probe, s-plus-tree or sparse-fences";
                return Err(argument(format!("index kind {other:?} is not {kinds}")));
            }
        })
    }

    /// The name of the kind, as [`IndexPolicy::named`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fixed(kind) => kind_name(kind),
        }
    }

    /// The error bound that it names; 0 for none.
    pub fn error_bound(self) -> u32 {
        match self {
            Self::Fixed(Kind::LineProbe { epsilon }) => epsilon,
            _ => 0,
        }
    }

    /// What it asks of the index crate. Without a clock the choice follows from counts alone.
    pub(crate) fn policy(self, has_clock: bool) -> Policy {
        let choice = match self {
            Self::Fixed(kind) => Choice::Forced(kind),
            Self::Auto if has_clock => Choice::Measured,
            Self::Auto => Choice::Counted,
        };
        Policy { choice, threads: 1, ..Policy::default() }
    }
}

/// The name of an index kind in options, statistics and the contract.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Affine => "affine",
        Kind::LineProbe { .. } => "line-probe",
        Kind::SplusTree => "s-plus-tree",
        Kind::SparseFences => "sparse-fences",
        _ => "unknown",
    }
}

/// The instruction set that index lookups run on here, such as `avx2`; measured choices hold for it alone.
pub fn instruction_set() -> &'static str {
    match Isa::detect() {
        Isa::Avx512 => "avx512",
        Isa::Avx2 => "avx2",
        Isa::Neon => "neon",
        _ => "scalar",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (name, bound) in [
            ("auto", None),
            ("affine", None),
            ("line-probe", Some(15)),
            ("s-plus-tree", None),
            ("sparse-fences", None),
        ] {
            let policy = IndexPolicy::named(name, bound).unwrap();
            assert_eq!((policy.name(), policy.error_bound()), (name, bound.unwrap_or(0)));
        }
        assert_eq!(IndexPolicy::named("line-probe", None).unwrap().error_bound(), ERROR_BOUND_DEFAULT);
        for (name, bound) in [
            ("learned", None),
            ("", None),
            ("line-probe", Some(0)),
            ("line-probe", Some(1025)),
            ("affine", Some(3)),
        ] {
            assert_eq!(IndexPolicy::named(name, bound).unwrap_err().code().as_str(), "ARGUMENT_INVALID");
        }
    }
}
