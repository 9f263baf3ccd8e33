//! The index of a segment: separators in, predicted run of blocks out; one face for every kind.
//!
//! A learned index ([`StrIndex`]) answers from heads and separators that it keeps, so that exactly one run is read
//! afterwards. Plain fences stand in when no learned one can be verified.

use varve_index::{Kind, Policy, StrIndex, StrIndexBuilder};
use varve_types::{ErrorCode, Result};

use super::fences::{Fences, FencesBuilder};
use super::shadow::{Questions, ns_per_lookup};
use crate::IndexPolicy;
use crate::index_policy::kind_name;

/// Persisted number of plain fences; the learned kinds follow.
const KIND_FENCES: u32 = 0;

/// Over fewer separators every kind stays in the first-level cache, and a trial costs more than it can save.
const MEASURED_FROM: usize = 256;

/// An index opened in place over its image.
pub enum BlockIndex<'a> {
    /// One of the kinds of `varve_index`.
    Learned(StrIndex<'a>),
    /// Binary search over all separators.
    Fences(Fences, &'a [u8]),
}

/// A built image and what is known about it.
pub struct BuiltIndex {
    /// Position-independent bytes, to lie at a multiple of 64.
    pub image: Image,
    /// Persisted kind.
    pub kind: u32,
    /// Error bound of the line probe, in separators; 0 when exact.
    pub error_bound: u64,
    /// Model segments per million separators at the reference error bound.
    pub hardness: f64,
    /// Measured nanoseconds per lookup; 0 when nothing was timed.
    pub predicted_ns: f64,
}

/// The bytes of an index, aligned as a reader in memory needs them.
pub type Image = varve_index::Image;

/// Builds the index that `policy` asks for. Without a clock nothing is timed, and the same separators give the
/// same bytes.
///
/// Cost: about 0.5 us per separator, and some milliseconds of trial when the policy is to choose.
pub fn build(separators: &FencesBuilder, policy: IndexPolicy, has_clock: bool) -> Result<BuiltIndex> {
    let measured = has_clock && separators.len() >= MEASURED_FROM;
    let policy = policy.policy(measured);
    let mut built = match build_learned(separators, &policy) {
        Err(error) if error.code() == ErrorCode::IndexDamaged => return Ok(build_fences(separators)),
        built => built?,
    };
    if measured {
        let questions = Questions::drawn(separators);
        if let Some(index) = BlockIndex::open(built.kind, &built.image) {
            built.predicted_ns = ns_per_lookup(&[&index], &questions).first().copied().unwrap_or(0.0);
        }
    }
    Ok(built)
}

fn build_learned(separators: &FencesBuilder, policy: &Policy) -> Result<BuiltIndex> {
    let mut builder = StrIndexBuilder::default();
    for at in 0..separators.len() {
        builder.push(separators.separator(at))?;
    }
    let hardness = builder.hardness();
    let (image, report) = builder.finish(policy)?;
    let (kind, error_bound) = (kind_number(report.kind), u64::from(error_bound(report.kind)));
    Ok(BuiltIndex { image, kind, error_bound, hardness, predicted_ns: 0.0 })
}

/// Builds plain fences, the fallback that cannot fail.
pub fn build_fences(separators: &FencesBuilder) -> BuiltIndex {
    let image = Image::copy_of(&separators.finish());
    BuiltIndex { image, kind: KIND_FENCES, error_bound: 0, hardness: 0.0, predicted_ns: 0.0 }
}

fn error_bound(kind: Kind) -> u32 {
    if let Kind::LineProbe { epsilon } = kind { epsilon } else { 0 }
}

fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::Affine => 1,
        Kind::LineProbe { .. } => 2,
        Kind::SplusTree => 3,
        Kind::SparseFences => 4,
        _ => u32::MAX,
    }
}

impl<'a> BlockIndex<'a> {
    /// Opens an image in place; `None` when it is not whole, or not of this persisted kind.
    pub fn open(kind: u32, image: &'a [u8]) -> Option<Self> {
        if kind == KIND_FENCES {
            return Fences::open(image).map(|fences| Self::Fences(fences, image));
        }
        let index = StrIndex::open(image).ok()?;
        (kind_number(index.report().kind) == kind).then_some(Self::Learned(index))
    }

    /// Number of separators.
    pub fn len(&self) -> usize {
        match self {
            Self::Learned(index) => index.len(),
            Self::Fences(fences, _) => fences.len(),
        }
    }

    /// The run whose separator is the last at or before `key`; 0 when all are larger.
    #[inline]
    pub fn find(&self, key: &[u8]) -> usize {
        match self {
            Self::Learned(index) => index.find(key),
            Self::Fences(fences, image) => fences.find(image, key),
        }
    }

    /// The run that a model expects `key` in; `None` when the kind predicts nothing.
    pub fn predict(&self, key: &[u8]) -> Option<usize> {
        match self {
            Self::Learned(index) => index.predict(key),
            Self::Fences(..) => None,
        }
    }

    /// As `find`, for several keys whose cache misses overlap; `runs` is as long as `keys`.
    #[inline]
    pub fn find_batch(&self, keys: &[&[u8]], runs: &mut [usize]) {
        match self {
            Self::Learned(index) => index.find_batch(keys, runs),
            Self::Fences(fences, image) => {
                for (key, run) in keys.iter().zip(runs) {
                    *run = fences.find(image, key);
                }
            }
        }
    }

    /// As `find`, with the lines of separators that were compared: 1 when the first one had the answer.
    pub fn find_traced(&self, key: &[u8]) -> (usize, u32) {
        match self {
            Self::Learned(index) => {
                let (run, walked) = index.find_traced(key);
                (run, walked + 1)
            }
            Self::Fences(fences, image) => (fences.find(image, key), fences.lines()),
        }
    }

    /// Mean lines that `find_traced` counts over all separators, known from the build.
    pub fn lines_at_build(&self) -> f64 {
        match self {
            Self::Learned(index) => 1.0 + f64::from(index.report().walked_mean),
            Self::Fences(fences, _) => f64::from(fences.lines()),
        }
    }

    /// Collects the separators again; `first` stands for the first one, on which no answer depends.
    pub fn separators(&self, first: &[u8]) -> FencesBuilder {
        let mut builder = FencesBuilder::default();
        builder.add(first);
        let mut whole = Vec::new();
        for at in 1..self.len() {
            let (prefix, rest) = match self {
                Self::Learned(index) => index.separator(at).unwrap_or_default(),
                Self::Fences(fences, image) => fences.separator(image, at),
            };
            whole.clear();
            whole.extend_from_slice(prefix);
            whole.extend_from_slice(rest);
            builder.add(&whole);
        }
        builder
    }

    /// Error bound in separators; 0 when exact.
    pub fn error_bound(&self) -> u32 {
        match self {
            Self::Learned(index) => error_bound(index.report().kind),
            Self::Fences(..) => 0,
        }
    }

    /// Name in `stats`: as the contract has it, or `binary-search` for plain fences.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Learned(index) => kind_name(index.report().kind),
            Self::Fences(..) => "binary-search",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 5] = ["auto", "affine", "line-probe", "s-plus-tree", "sparse-fences"];

    fn separators(name: &str, count: u64) -> FencesBuilder {
        let mut builder = FencesBuilder::default();
        for n in 0..count {
            match name {
                "numbers" => builder.add(&(n * 35).to_be_bytes()),
                "squares" => builder.add(&(n * n).to_be_bytes()),
                _ => builder.add(format!("tenant-{:02}/day-{n:09}", n * 4 / count.max(1)).as_bytes()),
            }
        }
        builder
    }

    /// Every kind gives the fences' answers, on keys, between keys, and out of a batch.
    #[test]
    fn kinds_agree() {
        for name in ["numbers", "squares", "names"] {
            for count in [1, 2, 30, 3000] {
                let separators = separators(name, count);
                let oracle = build_fences(&separators);
                let oracle = BlockIndex::open(oracle.kind, &oracle.image).unwrap();
                for policy in KINDS {
                    for has_clock in [false, true] {
                        let policy = IndexPolicy::named(policy, None).unwrap();
                        let built = build(&separators, policy, has_clock).unwrap();
                        let index = BlockIndex::open(built.kind, &built.image).unwrap();
                        assert!(!matches!(index, BlockIndex::Fences(..)));
                        assert_eq!(built.predicted_ns > 0.0, has_clock && count >= 256);
                        check(&index, &oracle, &separators);
                    }
                }
            }
        }
    }

    fn check(index: &BlockIndex<'_>, oracle: &BlockIndex<'_>, separators: &FencesBuilder) {
        let mut keys: Vec<Vec<u8>> = vec![vec![], vec![0xff; 30]];
        for at in 0..separators.len() {
            let own = separators.separator(at);
            keys.extend([own.to_vec(), [own, b"\0"].concat(), [own, b"\xff\xff"].concat()]);
            keys.push(own[..own.len() / 2].to_vec());
        }
        let slices: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let mut runs = vec![usize::MAX; slices.len()];
        index.find_batch(&slices, &mut runs);
        for (key, run) in slices.iter().zip(runs) {
            let expected = oracle.find(key);
            let (traced, lines) = index.find_traced(key);
            assert_eq!((index.find(key), run, traced), (expected, expected, expected), "{key:?}");
            assert!(lines >= 1);
        }
        let again = index.separators(separators.separator(0));
        assert_eq!(again.len(), separators.len());
        assert!((0..again.len()).all(|at| again.separator(at) == separators.separator(at)));
    }

    /// What a model expects lies within its error bound. Kinds without a model expect nothing.
    #[test]
    fn predictions_lie_within_the_bound() {
        for name in ["numbers", "squares"] {
            let separators = separators(name, 3000);
            for (policy, predicts) in [("line-probe", true), ("s-plus-tree", false), ("sparse-fences", false)]
            {
                let policy = IndexPolicy::named(policy, None).unwrap();
                let built = build(&separators, policy, false).unwrap();
                let index = BlockIndex::open(built.kind, &built.image).unwrap();
                for at in 0..separators.len() {
                    let key = [separators.separator(at), &[0x55; 4]].concat();
                    let predicted = index.predict(&key);
                    assert_eq!(predicted.is_some(), predicts);
                    let off = predicted.map_or(0, |predicted| predicted.abs_diff(index.find(&key)) as u64);
                    assert!(off <= built.error_bound + 1, "{name} {at}: off by {off}");
                }
            }
        }
    }

    /// The kind of the footer and the kind of the image are checked against each other.
    #[test]
    fn a_wrong_kind_does_not_open() {
        let separators = separators("squares", 100);
        let tree = build(&separators, IndexPolicy::named("s-plus-tree", None).unwrap(), false).unwrap();
        for kind in [KIND_FENCES, 1, 2, 4, 5, u32::MAX] {
            assert!(BlockIndex::open(kind, &tree.image).is_none(), "{kind}");
        }
        assert!(BlockIndex::open(3, &build_fences(&separators).image).is_none());
    }
}
