//! The index of a segment: separators in, predicted run of blocks out; one face for every kind.

use varve_types::Result;

use super::fences::{Fences, FencesBuilder};
use crate::IndexPolicy;

/// Persisted numbers of the kinds.
pub const KIND_FENCES: u32 = 0;

/// An index opened over its image, which the segment keeps beside it.
pub enum BlockIndex {
    /// Binary search over all separators.
    Fences(Fences),
}

/// A built image and what is known about it.
pub struct BuiltIndex {
    /// Position-independent bytes, to lie at a multiple of 64.
    pub image: Vec<u8>,
    /// Persisted kind.
    pub kind: u32,
    /// Largest distance in blocks between prediction and truth.
    pub error_bound: u64,
    /// Model segments per million separators.
    pub hardness: f64,
    /// Measured nanoseconds per lookup.
    pub predicted_ns: f64,
}

/// Builds the index that `policy` asks for.
pub fn build(separators: &FencesBuilder, _policy: IndexPolicy) -> Result<BuiltIndex> {
    Ok(build_fences(separators))
}

/// Builds plain fences, the fallback that cannot fail.
pub fn build_fences(separators: &FencesBuilder) -> BuiltIndex {
    let image = separators.finish();
    BuiltIndex { image, kind: KIND_FENCES, error_bound: 0, hardness: 0.0, predicted_ns: 0.0 }
}

impl BlockIndex {
    /// Opens an image; `None` when it is not whole or of an unknown kind.
    pub fn open(kind: u32, image: &[u8]) -> Option<Self> {
        match kind {
            KIND_FENCES => Fences::open(image).map(Self::Fences),
            _ => None,
        }
    }

    /// The run whose separator is the last at or before `key`; 0 when all are larger.
    #[inline]
    pub fn find(&self, image: &[u8], key: &[u8]) -> usize {
        match self {
            Self::Fences(fences) => fences.find(image, key),
        }
    }

    /// As `find`, with the index lines walked.
    pub fn find_traced(&self, image: &[u8], key: &[u8]) -> (usize, u32) {
        match self {
            Self::Fences(fences) => (fences.find(image, key), 1),
        }
    }

    /// Name in `stats`.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Fences(_) => "fences",
        }
    }
}
