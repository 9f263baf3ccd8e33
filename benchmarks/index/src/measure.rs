//! Interleaved rounds, medians and quartiles.

use std::time::Instant;

use crate::report::Value;
use crate::rivals::{Asking, Rival, draw};
use crate::rng::Rng;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds over all rivals.
    pub rounds: usize,
    /// Lookups per rival and round.
    pub lookups: usize,
}

/// Nanoseconds per lookup of each rival.
///
/// Each rival gets its own queries in each round: those of another would already lie in the cache. The sum of the
/// positions is compared with the known one.
///
/// # Panics
/// When a rival answers wrongly.
pub fn lookups(
    keys: &[u64],
    rivals: &[(String, Rival<'_>)],
    asking: Asking,
    miss_share: f64,
    effort: Effort,
    rng: &mut Rng,
) -> Vec<Value> {
    let mut times = vec![Vec::new(); rivals.len()];
    for round in 0..=effort.rounds {
        // Round 0 checks and warms up.
        let count = if round == 0 { effort.lookups / 10 + 1 } else { effort.lookups };
        for turn in 0..rivals.len() {
            // Each round starts with another rival, so that none always follows the same one.
            let turn = (round + turn) % rivals.len();
            let ((name, rival), times) = (&rivals[turn], &mut times[turn]);
            let drawn = draw(keys, count, miss_share, rng);
            let queries: Vec<u64> = drawn.iter().map(|query| query.key).collect();
            let expected = drawn.iter().fold(0usize, |sum, query| sum.wrapping_add(query.position));
            let start = Instant::now();
            let sum = std::hint::black_box(rival.run(asking, &queries, keys.len()));
            let ns = start.elapsed().as_nanos() as f64 / count as f64;
            assert_eq!(sum, expected, "{name} answers wrongly ({asking:?})");
            if round > 0 {
                times.push(ns);
            }
        }
    }
    rivals.iter().zip(times).map(|((name, _), times)| Value::of(name, times)).collect()
}

/// Nanoseconds per unit of `work`, `rounds` times.
pub fn build_ns<T>(name: &str, rounds: usize, units: usize, mut work: impl FnMut() -> T) -> (T, Value) {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..rounds.max(1) {
        drop(last.take());
        let start = Instant::now();
        last = Some(work());
        times.push(start.elapsed().as_nanos() as f64 / units.max(1) as f64);
    }
    (last.expect("at least one round"), Value::of(name, times))
}
