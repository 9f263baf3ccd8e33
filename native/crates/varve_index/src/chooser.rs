//! The chooser: which kind an index becomes.
//!
//! Rules, in this order:
//! 1. Keys at a constant stride are affine; nothing else comes near.
//! 2. Candidates above the memory budget are out; when all are, the smallest stays.
//! 3. Candidates slower than `slowdown_max` times the S+ tree in the trial are out, if the S+ tree is in.
//! 4. Of the rest the least `time * (1 + byte_price * bytes per key)` wins.
//!
//! Over millions of keys a sample chooses the error bound of the line probe first, so that one model is built and not
//! one per bound; bounds that it cannot tell apart all go to the trial.
//!
//! Without a clock ([`Choice::Counted`]) counts stand in for the trial: the S+ tree while the keys fit the cache, and
//! where the line probe would take more than half a byte per key, else the line probe. Figures behind the limits:
//! `design.md`.

use varve_types::Result;

use crate::image::{HEADER_BYTES, Header, Image};
use crate::index::View;
use crate::kind::Kind;
use crate::line_probe::LineProbe;
use crate::policy::{Choice, Mode, Policy};
use crate::replay::replay;
use crate::report::{Candidate, per_key};
use crate::segment::WINDOW_KEYS;
use crate::segment_train;
use crate::sparse_fences::SparseFences;
use crate::splus_tree::SplusTree;
use crate::trial::{Questions, trial};

/// A line probe of more bytes per key, which gaps of very different sizes make, loses its advantage.
const PROBE_BYTES_MAX: f64 = 0.5;

/// Two megabytes of keys: within it every level of an S+ tree is in the cache, and it is twice as fast.
const IN_CACHE_KEYS: usize = 1 << 18;

/// From this many keys on a sample chooses the error bound: below, it would cost more than it saves.
const SAMPLED_KEYS: usize = 1 << 22;

/// The sample: stretches long enough for the curve to bend as it does everywhere, many enough to meet its kinds.
const STRETCHES: usize = 16;
const STRETCH_KEYS: usize = 1 << 16;

/// What a line walked costs, in lookups: a branch predicted wrongly and a line that nobody asked for early. In batches
/// only the second, and not alone.
const WALK_PRICE: f64 = 0.35;
const WALK_PRICE_BATCH: f64 = 0.15;

/// Costs that differ by less say nothing: the sample does not see which caches the whole will fit.
const SAMPLE_MARGIN: f64 = 1.1;

/// An index that is laid out but has neither replay nor header yet.
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    pub(crate) image: Image,
    pub(crate) segment_count: usize,
    pub(crate) ns: f64,
}

impl Draft {
    pub(crate) fn affine() -> Self {
        Self::of(Kind::Affine, Image::zeroed(HEADER_BYTES), 0)
    }

    pub(crate) fn splus_tree(keys: &[u64], threads: usize) -> Self {
        Self::of(Kind::SplusTree, SplusTree::image_of(keys, threads), 0)
    }

    fn sparse_fences(keys: &[u64]) -> Self {
        Self::of(Kind::SparseFences, SparseFences::image_of(keys), 0)
    }

    fn line_probe(keys: &[u64], epsilon: u32, threads: usize) -> Self {
        let segments = segment_train::train(keys, epsilon, threads);
        Self::of(Kind::LineProbe { epsilon }, LineProbe::image_of(&segments), segments.len())
    }

    fn of(kind: Kind, image: Image, segment_count: usize) -> Self {
        Self { kind, image, segment_count, ns: 0.0 }
    }

    /// The lookup as it will run; `keys` are those that the draft was made of.
    pub(crate) fn view<'a>(&'a self, keys: &'a [u64]) -> Result<View<'a>> {
        let header = Header { segment_count: self.segment_count as u64, ..Header::default() };
        View::open(self.kind, &header, &self.image, keys)
    }

    pub(crate) fn epsilon(&self) -> u32 {
        if let Kind::LineProbe { epsilon } = self.kind { epsilon } else { 0 }
    }

    fn bytes_per_key(&self, keys: &[u64]) -> f64 {
        per_key(self.image.len() as f64, keys.len())
    }

    fn cost(&self, keys: &[u64], policy: &Policy) -> f64 {
        self.ns * (1.0 + policy.byte_price * self.bytes_per_key(keys))
    }
}

/// What was chosen, and everything that was looked at.
pub(crate) struct Chosen {
    pub(crate) draft: Draft,
    pub(crate) candidates: Vec<Candidate>,
}

/// Chooses among all kinds but the affine one. `keys` is not empty.
pub(crate) fn choose(
    keys: &[u64],
    policy: &Policy,
    threads: usize,
    clock: &mut dyn FnMut() -> u64,
) -> Chosen {
    match policy.choice {
        Choice::Forced(kind) => {
            let draft = match kind {
                Kind::LineProbe { epsilon } if keys.len() >= WINDOW_KEYS => {
                    Draft::line_probe(keys, epsilon, threads)
                }
                Kind::SparseFences => Draft::sparse_fences(keys),
                _ => Draft::splus_tree(keys, threads),
            };
            chosen(draft, Vec::new())
        }
        Choice::Counted => by_count(keys, policy, threads),
        Choice::Measured => by_trial(keys, policy, threads, clock),
    }
}

fn chosen(draft: Draft, others: Vec<Draft>) -> Chosen {
    let candidates = std::iter::once(&draft)
        .chain(&others)
        .map(|draft| Candidate {
            kind: draft.kind,
            bytes: draft.image.len(),
            segment_count: draft.segment_count,
            ns: draft.ns,
        })
        .collect();
    Chosen { draft, candidates }
}

fn fits(bytes: usize, keys: &[u64], policy: &Policy) -> bool {
    // The header is a constant: over few keys it would rule out everything.
    per_key(bytes.saturating_sub(HEADER_BYTES) as f64, keys.len()) <= policy.bytes_per_key_max
}

fn by_count(keys: &[u64], policy: &Policy, threads: usize) -> Chosen {
    let tree_fits = fits(SplusTree::bytes(keys.len()), keys, policy);
    if tree_fits && keys.len() <= IN_CACHE_KEYS {
        return chosen(Draft::splus_tree(keys, threads), Vec::new());
    }
    // A tight bound means fewer lines walked, which batches feel; a wide one means less memory.
    let epsilons = policy.epsilons.iter().copied().filter(|_| keys.len() >= WINDOW_KEYS);
    let epsilon = if policy.mode == Mode::Batch { epsilons.min() } else { epsilons.max() };
    let probe = epsilon.map(|epsilon| Draft::line_probe(keys, epsilon, threads));
    let is_easy =
        |draft: &Draft| fits(draft.image.len(), keys, policy) && draft.bytes_per_key(keys) <= PROBE_BYTES_MAX;
    match probe {
        Some(probe) if is_easy(&probe) => chosen(probe, Vec::new()),
        probe if tree_fits => chosen(Draft::splus_tree(keys, threads), probe.into_iter().collect()),
        probe => chosen(Draft::sparse_fences(keys), probe.into_iter().collect()),
    }
}

fn by_trial(keys: &[u64], policy: &Policy, threads: usize, clock: &mut dyn FnMut() -> u64) -> Chosen {
    let questions = Questions::draw(keys, policy.epsilons.len() + 2);
    let epsilons = match keys.len() {
        0..WINDOW_KEYS => Vec::new(),
        WINDOW_KEYS..SAMPLED_KEYS => policy.epsilons.clone(),
        _ => epsilons_by_sample(keys, policy),
    };
    let epsilons = epsilons.into_iter();
    let mut drafts: Vec<Draft> = epsilons.map(|epsilon| Draft::line_probe(keys, epsilon, threads)).collect();
    if fits(SplusTree::bytes(keys.len()), keys, policy) {
        drafts.push(Draft::splus_tree(keys, threads));
    }
    drafts.push(Draft::sparse_fences(keys));
    drop_over_budget(&mut drafts, keys, policy);
    trial(&mut drafts, keys, &questions, policy.mode, clock);
    let tree_ns =
        drafts.iter().find(|draft| draft.kind == Kind::SplusTree).map_or(f64::INFINITY, |tree| tree.ns);
    let winner = (0..drafts.len())
        .filter(|at| drafts[*at].ns <= policy.slowdown_max.max(1.0) * tree_ns)
        .min_by(|a, b| drafts[*a].cost(keys, policy).total_cmp(&drafts[*b].cost(keys, policy)))
        .unwrap_or(0);
    let winner = drafts.swap_remove(winner);
    chosen(winner, drafts)
}

/// The error bounds of the policy whose line probes promise the least cost, by their lines walked and their bytes over
/// stretches of the keys, of which there are at least [`STRETCH_KEYS`]: one, or all that the sample cannot tell apart,
/// for the trial. Cost: a million keys for each bound.
fn epsilons_by_sample(keys: &[u64], policy: &Policy) -> Vec<u32> {
    let walk_price = if policy.mode == Mode::Batch { WALK_PRICE_BATCH } else { WALK_PRICE };
    let promise = |epsilon: u32| {
        let (bytes, walked) = sample(keys, epsilon);
        // Above the budget the smallest is the best.
        let excess = (bytes - policy.bytes_per_key_max).max(0.0);
        (excess, (1.0 + walk_price * walked) * (1.0 + policy.byte_price * bytes))
    };
    let promises: Vec<_> = policy.epsilons.iter().map(|epsilon| (*epsilon, promise(*epsilon))).collect();
    let in_order = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
    let best = promises.iter().map(|(_, promise)| *promise).min_by(in_order).unwrap_or_default();
    let is_close = |promise: &(f64, f64)| promise.0 == best.0 && promise.1 <= best.1 * SAMPLE_MARGIN;
    promises.into_iter().filter(|(_, promise)| is_close(promise)).map(|(epsilon, _)| epsilon).collect()
}

/// Bytes per key and mean lines walked of line probes over stretches of the keys.
fn sample(keys: &[u64], epsilon: u32) -> (f64, f64) {
    let (mut bytes, mut walked) = (0, 0.0);
    for stretch in 0..STRETCHES {
        let start = (keys.len() - STRETCH_KEYS) * stretch / (STRETCHES - 1);
        let keys = &keys[start..start + STRETCH_KEYS];
        let draft = Draft::line_probe(keys, epsilon, 1);
        bytes += draft.image.len() - HEADER_BYTES;
        // A model that fails on a stretch would fail on the whole.
        let replayed = draft.view(keys).map_err(|error| error.to_string());
        let replayed = replayed.and_then(|view| replay(&view, keys, epsilon, 1));
        walked += replayed.map_or(f64::INFINITY, |walked| f64::from(walked.mean()));
    }
    (bytes as f64 / (STRETCHES * STRETCH_KEYS) as f64, walked / STRETCHES as f64)
}

/// Leaves at least one draft: the smallest.
fn drop_over_budget(drafts: &mut Vec<Draft>, keys: &[u64], policy: &Policy) {
    let smallest = drafts.iter().map(|draft| draft.image.len()).min();
    drafts.retain(|draft| fits(draft.image.len(), keys, policy) || Some(draft.image.len()) == smallest);
}

#[cfg(test)]
mod tests {
    use super::{STRETCH_KEYS, epsilons_by_sample};
    use crate::policy::{Mode, Policy};

    /// Keys whose distances are random powers of two.
    fn keys(octaves: u64) -> Vec<u64> {
        let (mut key, mut state) = (0u64, 42u64);
        let steps = (0..2 * STRETCH_KEYS).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            key += 1 << ((state >> 33) % octaves);
            key
        });
        steps.collect()
    }

    fn check(name: &str, keys: &[u64], policy: Policy, expected: &[u32]) {
        assert_eq!(epsilons_by_sample(keys, &policy), expected, "{name}: {policy:?}");
    }

    #[test]
    fn the_sample_weighs_lines_against_bytes() {
        let (rough, exact) = (keys(20), keys(1));
        let policy = Policy { epsilons: vec![16, 800], ..Policy::default() };
        check("fewer lines walked win", &rough, policy.clone(), &[16]);
        check("a high price of bytes wins", &rough, Policy { byte_price: 1e3, ..policy.clone() }, &[800]);
        check(
            "in batches a walk costs too little to tell",
            &rough,
            Policy { mode: Mode::Batch, epsilons: vec![16, 40], ..policy.clone() },
            &[16, 40],
        );
        let budget = Policy { bytes_per_key_max: 0.01, ..policy.clone() };
        check("a budget forbids the larger", &rough, budget, &[800]);
        check(
            "the smallest of those above it",
            &rough,
            Policy { bytes_per_key_max: 0.0, ..policy.clone() },
            &[800],
        );
        let near = Policy { epsilons: vec![32, 40], ..policy.clone() };
        check("equals go to the trial", &exact, near, &[32, 40]);
        check("no bounds to try", &rough, Policy { epsilons: Vec::new(), ..policy }, &[]);
    }
}
