//! The trial: some 10,000 lookups on each candidate, timed by the caller's clock in the caller's mode.
//!
//! Rounds of the candidates are interleaved, so that a disturbance hits all of them, and the median round counts.
//! Every round asks for other keys, because repeated ones would be found in the cache. The keys are drawn *before*
//! the candidates are built: drawing touches the very lines that a lookup must wait for, and building, which reads
//! all keys, drives them out of the cache again.

use varve_types::Isa;

use crate::chooser::Draft;
use crate::index::{Find, View};
use crate::kind::{GROUP, Lookup};
use crate::lanes::{Lanes, with_lanes};
use crate::policy::Mode;

const ROUNDS: usize = 5;
const LOOKUPS: usize = 2048;
/// Lookups before the clock starts, to bring code and upper levels back.
const WARM_UP: usize = 256;

/// The keys that a trial asks for.
pub(crate) struct Questions(Vec<u64>);

impl Questions {
    /// Draws for a number of candidates, uniformly over `keys`, at least one; the same in every run.
    pub(crate) fn draw(keys: &[u64], candidates: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut draw = || {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            keys[((u128::from(mixed) * keys.len() as u128) >> 64) as usize]
        };
        Self((0..candidates * ROUNDS * (WARM_UP + LOOKUPS)).map(|_| draw()).collect())
    }
}

/// Sets `ns` of every draft, of which there are at most as many as candidates were drawn for.
pub(crate) fn trial(
    drafts: &mut [Draft],
    keys: &[u64],
    questions: &Questions,
    mode: Mode,
    clock: &mut dyn FnMut() -> u64,
) {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); drafts.len()];
    let mut questions = questions.0.chunks_exact(WARM_UP + LOOKUPS);
    for _ in 0..ROUNDS {
        for ((draft, times), asked) in drafts.iter().zip(&mut rounds).zip(&mut questions) {
            let Ok(view) = draft.view(keys) else { continue };
            let (warm_up, asked) = asked.split_at(WARM_UP);
            std::hint::black_box(run(&view, warm_up, mode));
            let start = clock();
            std::hint::black_box(run(&view, asked, mode));
            times.push(clock().saturating_sub(start) as f64 / LOOKUPS as f64);
        }
    }
    for (draft, times) in drafts.iter_mut().zip(&mut rounds) {
        times.sort_unstable_by(f64::total_cmp);
        draft.ns = times.get(times.len() / 2).copied().unwrap_or(f64::INFINITY);
    }
}

fn run(view: &View<'_>, queries: &[u64], mode: Mode) -> usize {
    let isa = Isa::detect();
    // SAFETY: the CPU has the instruction set that was detected.
    unsafe {
        match mode {
            Mode::Point => run_point(view.find(isa), view, queries),
            Mode::Batch => with_lanes!(isa, run_batch(view: &View<'_>, queries: &[u64]) -> usize),
            Mode::Dependent => with_lanes!(isa, run_dependent(view: &View<'_>, queries: &[u64]) -> usize),
        }
    }
}

/// Through the call that a user makes: compiled into one loop, lookups would overlap as they never do outside of it,
/// and the S+ tree, which has no branches to predict, would seem twice as fast as it is.
///
/// # Safety
/// `find` is that of `view`.
unsafe fn run_point(find: Find, view: &View<'_>, queries: &[u64]) -> usize {
    // SAFETY: as the caller vouches.
    queries.iter().map(|query| unsafe { find(view, *query) }).fold(0, usize::wrapping_add)
}

#[inline(always)]
unsafe fn run_batch<L: Lanes>(view: &View<'_>, queries: &[u64]) -> usize {
    let mut found = [0; GROUP];
    let mut sum = 0usize;
    for group in queries.chunks(GROUP) {
        // SAFETY: as the caller vouches.
        unsafe { view.locate_group::<L>(group, &mut found[..group.len()]) };
        sum = found.iter().fold(sum, |sum, at| sum.wrapping_add(*at));
    }
    sum
}

#[inline(always)]
unsafe fn run_dependent<L: Lanes>(view: &View<'_>, queries: &[u64]) -> usize {
    // The CPU cannot know that adding the carried bit changes hardly any key.
    let mut found = 0;
    for query in queries {
        // SAFETY: as the caller vouches.
        found = unsafe {
            view.locate::<L, ()>(query.wrapping_add(std::hint::black_box(found) as u64 >> 63), &mut ())
        };
    }
    found
}
