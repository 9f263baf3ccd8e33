//! Index policies and shadow trials, as plain objects.

use napi::bindgen_prelude::{Float64Array, Uint8Array};
use napi_derive::napi;
use varve_kv as kv;

/// How the index of a segment is built.
#[napi(object)]
pub struct IndexPolicy {
    /// `auto`, `affine`, `line-probe`, `s-plus-tree` or `sparse-fences`.
    pub kind: String,
    /// Error bound of a line probe, in separators, 1 to 1024.
    pub error_bound: Option<u32>,
}

impl IndexPolicy {
    /// Reads the names. Errors: `ARGUMENT_INVALID`.
    pub fn parse(&self) -> varve_types::Result<kv::IndexPolicy> {
        kv::IndexPolicy::named(&self.kind, self.error_bound)
    }
}

impl From<kv::IndexPolicy> for IndexPolicy {
    fn from(policy: kv::IndexPolicy) -> Self {
        let error_bound = Some(policy.error_bound()).filter(|bound| *bound > 0);
        Self { kind: policy.name().to_owned(), error_bound }
    }
}

/// The candidates for the index of one live segment, built and timed beside it.
#[napi(object)]
pub struct SegmentTrial {
    /// File number.
    pub id: f64,
    /// Entries, tombstones included.
    pub entries: f64,
    /// Runs of blocks that the index tells apart.
    pub separators: f64,
    /// The questions follow recent lookups; when false, too few were sampled, and they are spread evenly.
    pub follows_workload: bool,
    /// The live index, the binary search, then one per policy in its order.
    pub candidates: Vec<CandidateTrial>,
}

/// What one index costs on the questions of a trial.
#[napi(object)]
pub struct CandidateTrial {
    /// Kind; `binary-search` for the plain search over all separators.
    pub kind: String,
    /// Error bound in separators; 0 when exact.
    pub error_bound: u32,
    /// The one that serves reads.
    pub is_live: bool,
    /// What was asked for; absent for the live index and the reference.
    pub policy: Option<IndexPolicy>,
    /// Bytes of the index, separators included.
    pub index_bytes: f64,
    /// Median nanoseconds per lookup.
    pub ns_per_lookup: f64,
    /// Mean lines of separators compared per lookup.
    pub lines_per_lookup: f64,
    /// Nanoseconds that its build took, choice and verification included; 0 for the live index.
    pub build_ns: f64,
    /// Lookups whose answer differs from the live index's: always 0, or something is broken.
    pub wrong_answers: f64,
}

impl From<kv::SegmentTrial> for SegmentTrial {
    fn from(trial: kv::SegmentTrial) -> Self {
        Self {
            id: trial.id as f64,
            entries: trial.entries as f64,
            separators: trial.separators as f64,
            follows_workload: trial.follows_workload,
            candidates: trial.candidates.into_iter().map(CandidateTrial::from).collect(),
        }
    }
}

impl From<kv::CandidateTrial> for CandidateTrial {
    fn from(candidate: kv::CandidateTrial) -> Self {
        Self {
            kind: candidate.kind.to_owned(),
            error_bound: candidate.error_bound,
            is_live: candidate.is_live,
            policy: candidate.policy.map(IndexPolicy::from),
            index_bytes: candidate.index_bytes as f64,
            ns_per_lookup: candidate.ns_per_lookup,
            lines_per_lookup: candidate.lines_per_lookup,
            build_ns: candidate.build_ns as f64,
            wrong_answers: candidate.wrong_answers as f64,
        }
    }
}

/// How the index of one segment maps keys to positions, at some of its separators; the arrays are equally long.
#[napi(object)]
pub struct SegmentCurve {
    /// File number.
    pub id: f64,
    /// Kind of the index.
    pub kind: String,
    /// Error bound in separators; 0 when exact.
    pub error_bound: u32,
    /// Separators in all.
    pub separators: f64,
    /// In order.
    pub keys: Vec<Uint8Array>,
    /// True positions.
    pub positions: Float64Array,
    /// Where the model expects each; NaN when the kind predicts nothing.
    pub predicted: Float64Array,
}

impl From<kv::SegmentCurve> for SegmentCurve {
    fn from(curve: kv::SegmentCurve) -> Self {
        let numbers = |of: fn(&kv::CurvePoint) -> f64| curve.points.iter().map(of).collect::<Vec<_>>().into();
        Self {
            id: curve.id as f64,
            kind: curve.kind.to_owned(),
            error_bound: curve.error_bound,
            separators: curve.separators as f64,
            positions: numbers(|point| point.position as f64),
            predicted: numbers(|point| point.predicted.map_or(f64::NAN, |position| position as f64)),
            keys: curve.points.iter().map(|point| Uint8Array::new(point.key.clone())).collect(),
        }
    }
}
