//! Shadow trials: candidates for a segment's index, built and timed beside the live one.
//!
//! Nothing that serves reads is touched: the separators come out of the live index, and the candidates live on the
//! heap of whoever asked. Every candidate answers the same questions, and the answers are compared before a time
//! is believed.

use std::time::Instant;

use varve_types::Result;

use super::fences::FencesBuilder;
use super::index::{BlockIndex, BuiltIndex, build, build_fences};
use crate::IndexPolicy;

/// Timed rounds; the median counts.
const ROUNDS: usize = 5;
/// Lookups of one candidate in one round.
const LOOKUPS: usize = 2048;
/// A sampled key stands for separators up to this far to both sides of its own: the same region, other lines.
const AROUND: u64 = 8;

/// The keys that a trial asks for, one after another.
pub struct Questions {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// SplitMix64: the same numbers in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}

impl Questions {
    /// Keys spread evenly over the blocks.
    pub fn drawn(separators: &FencesBuilder) -> Self {
        let mut rng = Rng(1);
        Self::at(separators, || rng.below(separators.len() as u64))
    }

    /// Keys from the neighbourhood of `sampled` ones, which `index` finds: the work that the store really has.
    pub fn around(separators: &FencesBuilder, index: &BlockIndex<'_>, sampled: &[Vec<u8>]) -> Self {
        let (mut rng, last) = (Rng(2), separators.len() as u64 - 1);
        Self::at(separators, || {
            let key = &sampled[rng.below(sampled.len() as u64) as usize];
            let off = rng.below(2 * AROUND + 1);
            (index.find(key) as u64 + off).saturating_sub(AROUND).min(last)
        })
    }

    fn at(separators: &FencesBuilder, mut next: impl FnMut() -> u64) -> Self {
        let mut questions = Self { bytes: Vec::new(), ends: Vec::new() };
        for _ in 0..ROUNDS * LOOKUPS {
            // A key inside the block, where keys usually are.
            questions.bytes.extend_from_slice(separators.separator(next() as usize));
            questions.bytes.extend_from_slice(&[0x55; 4]);
            questions.ends.push(questions.bytes.len());
        }
        questions
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}

/// Median nanoseconds per lookup of each index, their rounds interleaved, so that a disturbance hits all of them.
pub fn ns_per_lookup(indexes: &[&BlockIndex<'_>], questions: &Questions) -> Vec<f64> {
    let mut rounds = vec![[f64::INFINITY; ROUNDS]; indexes.len()];
    for round in 0..ROUNDS {
        for (index, times) in indexes.iter().zip(&mut rounds) {
            let started = Instant::now();
            let mut sum = 0usize;
            for at in round * LOOKUPS..(round + 1) * LOOKUPS {
                sum = sum.wrapping_add(index.find(questions.get(at)));
            }
            std::hint::black_box(sum);
            times[round] = started.elapsed().as_nanos() as f64 / LOOKUPS as f64;
        }
    }
    rounds
        .into_iter()
        .map(|mut times| {
            times.sort_unstable_by(f64::total_cmp);
            times[ROUNDS / 2]
        })
        .collect()
}

/// What one index costs on the questions of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateTrial {
    /// Kind, in the names of `IndexKind`; `binary-search` for the plain search over all separators.
    pub kind: &'static str,
    /// Error bound in separators; 0 when exact.
    pub error_bound: u32,
    /// The one that serves reads.
    pub is_live: bool,
    /// What was asked for; `None` for the live index and the reference.
    pub policy: Option<IndexPolicy>,
    /// Bytes of the index, separators included.
    pub index_bytes: u64,
    /// Median nanoseconds per lookup.
    pub ns_per_lookup: f64,
    /// Mean lines of separators compared per lookup.
    pub lines_per_lookup: f64,
    /// Nanoseconds that its build took, choice and verification included; 0 for the live index.
    pub build_ns: u64,
    /// Lookups whose answer differs from the live index's: always 0, or something is broken.
    pub wrong_answers: u64,
}

/// The candidates for one live segment.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentTrial {
    /// File number.
    pub id: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Runs of blocks that the index tells apart.
    pub separators: u64,
    /// The questions follow recent lookups; when false, too few were sampled, and they are spread evenly.
    pub follows_workload: bool,
    /// The live index, the binary search, and one per policy that was asked for, in its order.
    pub candidates: Vec<CandidateTrial>,
}

/// How an index maps keys to positions, at some of its separators.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentCurve {
    /// File number.
    pub id: u64,
    /// Kind, in the names of `IndexKind`.
    pub kind: &'static str,
    /// Error bound in separators; 0 when exact.
    pub error_bound: u32,
    /// Separators in all.
    pub separators: u64,
    /// In key order.
    pub points: Vec<CurvePoint>,
}

/// One separator on the curve.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// The separator's bytes.
    pub key: Vec<u8>,
    /// Its true position.
    pub position: u64,
    /// Where the model expects it; `None` when the kind predicts nothing.
    pub predicted: Option<u64>,
}

/// At most `points_max` separators of `live`, evenly spread, with what the index of `policy` expects of each; the
/// live index itself without a policy. `first` stands for the first separator.
pub fn curve(
    live: &BlockIndex<'_>,
    first: &[u8],
    policy: Option<IndexPolicy>,
    points_max: usize,
) -> Result<SegmentCurve> {
    let separators = live.separators(first);
    let built = policy.map(|policy| build(&separators, policy, false)).transpose()?;
    let opened = built.as_ref().and_then(|built| BlockIndex::open(built.kind, &built.image));
    let index = opened.as_ref().unwrap_or(live);
    let step = separators.len().div_ceil(points_max.max(1)).max(1);
    let points = (0..separators.len()).step_by(step).map(|at| {
        let key = separators.separator(at).to_vec();
        let predicted = index.predict(&key).map(|position| position as u64);
        CurvePoint { key, position: at as u64, predicted }
    });
    Ok(SegmentCurve {
        id: 0,
        kind: index.kind_name(),
        error_bound: index.error_bound(),
        separators: separators.len() as u64,
        points: points.collect(),
    })
}

/// Tries `policies` over the separators of `live`, whose image has `live_bytes`; `first` stands for the first
/// separator. Returns whether the questions follow `sampled`, and a row per candidate.
pub fn trial(
    live: &BlockIndex<'_>,
    live_bytes: u64,
    first: &[u8],
    policies: &[IndexPolicy],
    sampled: &[Vec<u8>],
) -> Result<(bool, Vec<CandidateTrial>)> {
    let separators = live.separators(first);
    let follows_workload = !sampled.is_empty();
    let questions = match follows_workload {
        true => Questions::around(&separators, live, sampled),
        false => Questions::drawn(&separators),
    };
    let mut built = vec![timed(None, || Ok(build_fences(&separators)))?];
    for &policy in policies {
        built.push(timed(Some(policy), || build(&separators, policy, true))?);
    }
    let mut candidates = vec![CandidateTrial { is_live: true, ..row(live, live_bytes) }];
    let mut opened = Vec::new();
    for (policy, index, build_ns) in &built {
        let Some(open) = BlockIndex::open(index.kind, &index.image) else { continue };
        let row = row(&open, index.image.len() as u64);
        candidates.push(CandidateTrial { policy: *policy, build_ns: *build_ns, ..row });
        opened.push(open);
    }
    let indexes: Vec<&BlockIndex<'_>> = std::iter::once(live).chain(&opened).collect();
    for (candidate, ns) in candidates.iter_mut().zip(ns_per_lookup(&indexes, &questions)) {
        candidate.ns_per_lookup = ns;
    }
    for (candidate, index) in candidates.iter_mut().zip(&indexes) {
        let mut lines = 0;
        for key in (0..questions.len()).map(|at| questions.get(at)) {
            let (run, compared) = index.find_traced(key);
            lines += u64::from(compared);
            candidate.wrong_answers += u64::from(run != live.find(key));
        }
        candidate.lines_per_lookup = lines as f64 / questions.len() as f64;
    }
    Ok((follows_workload, candidates))
}

type Timed = (Option<IndexPolicy>, BuiltIndex, u64);

fn timed(policy: Option<IndexPolicy>, make: impl FnOnce() -> Result<BuiltIndex>) -> Result<Timed> {
    let started = Instant::now();
    make().map(|index| (policy, index, started.elapsed().as_nanos() as u64))
}

/// What is known of a candidate before it is asked.
fn row(index: &BlockIndex<'_>, index_bytes: u64) -> CandidateTrial {
    CandidateTrial {
        kind: index.kind_name(),
        error_bound: index.error_bound(),
        is_live: false,
        policy: None,
        index_bytes,
        ns_per_lookup: 0.0,
        lines_per_lookup: 0.0,
        build_ns: 0,
        wrong_answers: 0,
    }
}
