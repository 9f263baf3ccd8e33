//! What finished queries taught: by how much estimates were wrong.
//!
//! A correction belongs to what was misjudged and nothing else: the filters of a table by their shape, whatever constants
//! are in them, or a pair of columns that are joined. It moves half-way to each new observation, so that what has changed
//! fades. They are kept as long as the engine is open and ANALYZE does not begin anew.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;

/// So many corrections are kept; the one that was not observed for longest goes.
const CORRECTIONS_MAX: usize = 1024;
/// No estimate is corrected by more: a factor of a million.
const LOG_MAX: f64 = 13.8;
/// How far a correction moves to a new observation.
const RATE: f64 = 0.5;

/// What an estimate is of, as a number.
pub(crate) type Shape = u64;

/// The number of what is described.
pub(crate) fn shape(of: impl Hash) -> Shape {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The corrections of one engine.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    corrections: Mutex<Corrections>,
}

#[derive(Debug, Default)]
struct Corrections {
    by_shape: HashMap<Shape, Correction>,
    observations: u64,
}

#[derive(Debug)]
struct Correction {
    /// The logarithm of actual over estimated rows.
    log: f64,
    observed: u64,
}

impl Learned {
    /// By what an uncorrected estimate is to be multiplied.
    pub(crate) fn factor(&self, shape: Shape) -> f64 {
        self.corrections.lock().by_shape.get(&shape).map_or(1.0, |correction| correction.log.exp())
    }

    /// So many rows came where so many were estimated without correction.
    pub(crate) fn observe(&self, shape: Shape, estimated: f64, actual: f64) {
        let log = (actual.max(1.0) / estimated.max(1.0)).ln().clamp(-LOG_MAX, LOG_MAX);
        let mut corrections = self.corrections.lock();
        corrections.observations += 1;
        let observed = corrections.observations;
        if let Some(correction) = corrections.by_shape.get_mut(&shape) {
            correction.log += (log - correction.log) * RATE;
            correction.observed = observed;
            return;
        }
        if corrections.by_shape.len() >= CORRECTIONS_MAX {
            let oldest = corrections.by_shape.iter().min_by_key(|(_, correction)| correction.observed);
            if let Some(oldest) = oldest.map(|(shape, _)| *shape) {
                corrections.by_shape.remove(&oldest);
            }
        }
        corrections.by_shape.insert(shape, Correction { log, observed });
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.corrections.lock().by_shape.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_moves_towards_what_is_observed_and_fades() {
        let learned = Learned::default();
        let near = |factor: f64, wanted: f64| assert!((factor / wanted - 1.0).abs() < 1e-9, "{factor}");
        near(learned.factor(1), 1.0);
        learned.observe(1, 10.0, 1000.0);
        near(learned.factor(1), 100.0);
        learned.observe(1, 10.0, 10.0);
        near(learned.factor(1), 10.0);
        near(learned.factor(2), 1.0);
        learned.observe(3, 1.0, f64::INFINITY);
        assert!(learned.factor(3) < 1.1e6);
        for shape in 10..10 + CORRECTIONS_MAX as u64 {
            learned.observe(shape, 1.0, 2.0);
        }
        near(learned.factor(1), 1.0);
        assert_eq!(learned.corrections.lock().by_shape.len(), CORRECTIONS_MAX);
        learned.forget();
        near(learned.factor(10), 1.0);
    }
}
