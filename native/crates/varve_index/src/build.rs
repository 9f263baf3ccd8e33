//! Building an index: check the keys, choose a kind, replay it, seal the image.

use std::time::Instant;

use varve_types::{ErrorCode, Isa, Result, VarveError};

use crate::affine::Affine;
use crate::chooser::{self, Draft};
use crate::image::{Header, Image};
use crate::index::{kind_code, report_of};
use crate::kind::Kind;
use crate::lanes::{Lanes, with_lanes};
use crate::policy::{Choice, Policy};
use crate::replay::{Walked, replay};
use crate::report::Report;

/// A finished index.
#[derive(Debug)]
pub struct Built {
    /// The serialised index, for [`crate::Index::open`].
    pub image: Image,
    /// What was chosen and why.
    pub report: Report,
}

/// Builds an index over ascending `keys`, duplicates allowed; trials run on the machine's clock.
///
/// # Errors
/// `INDEX_UNSORTED` names the first position that is smaller than the one before. `LIMIT_EXCEEDED` above 2^32 - 1
/// keys.
///
/// Cost: 4-8 ns per key with two threads, trial and replay included; memory for the candidates, at most 1.5 bytes per
/// key.
pub fn build(keys: &[u64], policy: &Policy) -> Result<Built> {
    let start = Instant::now();
    build_with_clock(keys, policy, &mut || start.elapsed().as_nanos() as u64)
}

/// [`build`] with a clock of the caller's: nanoseconds that never run backwards. It is read only by
/// [`Choice::Measured`].
///
/// # Errors
/// As [`build`].
pub fn build_with_clock(keys: &[u64], policy: &Policy, clock: &mut dyn FnMut() -> u64) -> Result<Built> {
    if keys.len() > u32::MAX as usize {
        let message = format!("an index over {} keys, the limit is {}", keys.len(), u32::MAX);
        return Err(VarveError::new(
            ErrorCode::LimitExceeded,
            message,
            "split the keys into several indexes",
        ));
    }
    let threads = policy.threads_for(keys.len());
    if let Some(at) = first_descent(keys, threads) {
        let message = format!("key {at} is smaller than the key before it");
        return Err(VarveError::new(ErrorCode::IndexUnsorted, message, "sort the keys first"));
    }
    if let Some(affine) = exact_fit(keys, policy.choice) {
        let header = Header { stride: affine.stride(), ..Header::default() };
        return Ok(seal(keys, Draft::affine(), header, Walked::default(), None));
    }
    let choice = chooser::choose(keys, policy, threads, clock);
    let draft = choice.draft;
    let fallback = match policy.choice {
        Choice::Forced(wanted) if wanted != draft.kind => Some(format!("these keys do not allow {wanted}")),
        _ => None,
    };
    let mut built = match replay(&draft.view(keys)?, keys, draft.epsilon(), threads) {
        Ok(walked) => seal(keys, draft, Header::default(), walked, fallback),
        Err(why) => seal_fallback(keys, &why, threads)?,
    };
    built.report.candidates = choice.candidates;
    Ok(built)
}

/// The affine index, where it may and can be used: always over no keys at all.
fn exact_fit(keys: &[u64], choice: Choice) -> Option<Affine> {
    let wanted = !matches!(choice, Choice::Forced(kind) if kind != Kind::Affine);
    if wanted || keys.is_empty() { Affine::fit(keys) } else { None }
}

/// The first position that holds a smaller key than its predecessor.
fn first_descent(keys: &[u64], threads: usize) -> Option<usize> {
    let share = keys.len().div_ceil(threads).max(2);
    let isa = Isa::detect();
    let ascends = |part: &[u64]| {
        // SAFETY: the CPU has the instruction set that was detected.
        unsafe { with_lanes!(isa, ascends(part: &[u64]) -> bool) }
    };
    let sorted = std::thread::scope(|scope| {
        let helpers: Vec<_> = (share..keys.len())
            .step_by(share)
            .map(|from| scope.spawn(move || ascends(&keys[from - 1..keys.len().min(from + share)])))
            .collect();
        let own = ascends(&keys[..share.min(keys.len())]);
        helpers
            .into_iter()
            .fold(own, |sorted, helper| sorted & helper.join().expect("comparing does not panic"))
    });
    if sorted { None } else { keys.windows(2).position(|pair| pair[0] > pair[1]).map(|at| at + 1) }
}

/// A count rather than a search: it takes vectors, and unsorted keys are rare.
#[inline(always)]
unsafe fn ascends<L: Lanes>(keys: &[u64]) -> bool {
    let followers = keys.get(1..).unwrap_or(&[]);
    keys.iter().zip(followers).fold(0, |descents, (key, next)| descents + u64::from(key > next)) == 0
}

fn seal_fallback(keys: &[u64], why: &str, threads: usize) -> Result<Built> {
    let draft = Draft::splus_tree(keys, threads);
    let walked = replay(&draft.view(keys)?, keys, 0, threads).map_err(|also| {
        let message = format!("no index can be verified over these keys: {why}; {also}");
        VarveError::new(ErrorCode::IndexDamaged, message, "check this machine's memory")
    })?;
    Ok(seal(keys, draft, Header::default(), walked, Some(why.to_owned())))
}

fn seal(keys: &[u64], mut draft: Draft, header: Header, walked: Walked, fallback: Option<String>) -> Built {
    let header = Header {
        key_count: keys.len() as u64,
        first_key: *keys.first().unwrap_or(&0),
        last_key: *keys.last().unwrap_or(&0),
        kind: kind_code(draft.kind),
        epsilon: draft.epsilon(),
        segment_count: draft.segment_count as u64,
        walked_max: walked.max,
        walked_mean: walked.mean(),
        predicted_ns: draft.ns as f32,
        ..header
    };
    draft.image.seal(&header);
    let report = Report { fallback, ..report_of(&header, draft.kind, draft.image.len()) };
    Built { image: draft.image, report }
}
