//! What the caller wants of an index: the decision rules of the chooser, as data.

use crate::kind::Kind;

/// The way an index is mostly used; the trial measures this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Independent single lookups.
    #[default]
    Point,
    /// Batches of 32 and more.
    Batch,
    /// Each lookup waits for the answer of the last one.
    Dependent,
}

/// Who picks the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Choice {
    /// A trial of some 10,000 lookups on each candidate.
    #[default]
    Measured,
    /// Counted properties alone, no clock: the same keys always give the same image.
    Counted,
    /// The caller. A kind that the keys do not allow (affine without a constant stride, a line probe over fewer than
    /// 16 keys) becomes an S+ tree, and the report says so.
    Forced(Kind),
}

/// How to build an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Who picks the kind.
    pub choice: Choice,
    /// The dominant way of use.
    pub mode: Mode,
    /// Most bytes of index per key; candidates above it are not considered. When none is left, the smallest is
    /// taken, sparse fences at 0.14. Infinite by default.
    pub bytes_per_key_max: f64,
    /// No kind is chosen that is slower than the S+ tree by more than this factor, unless the memory budget forbids
    /// the S+ tree. 1.25 by default.
    pub slowdown_max: f64,
    /// What a byte per key is worth: candidates compare by `time * (1 + byte_price * bytes per key)`.
    /// 0.5 by default; 0 wants speed at any size.
    pub byte_price: f64,
    /// Error bounds to try for the line probe, in positions. 16 and 40 by default.
    pub epsilons: Vec<u32>,
    /// Threads for training and replay, used from a million keys on; the image does not depend on it. Two, or the
    /// number of cores if smaller, by default.
    pub threads: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            choice: Choice::Measured,
            mode: Mode::Point,
            bytes_per_key_max: f64::INFINITY,
            slowdown_max: 1.25,
            byte_price: 0.5,
            epsilons: vec![16, 40],
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(2),
        }
    }
}

impl Policy {
    /// The default with a kind chosen by the caller.
    pub fn forced(kind: Kind) -> Self {
        Self { choice: Choice::Forced(kind), ..Self::default() }
    }

    /// The default without a clock.
    pub fn counted() -> Self {
        Self { choice: Choice::Counted, ..Self::default() }
    }

    /// Threads to use for this many keys.
    pub(crate) fn threads_for(&self, key_count: usize) -> usize {
        if key_count < 1_000_000 { 1 } else { self.threads.max(1) }
    }
}
