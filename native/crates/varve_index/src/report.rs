//! What a build decided and why, and what an open index can still tell.

use crate::kind::Kind;

/// What an index is, and what its build found. Kept in the image, but for `candidates` and `fallback`.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The kind that was built.
    pub kind: Kind,
    /// Keys indexed.
    pub key_count: usize,
    /// Bytes of the image.
    pub bytes: usize,
    /// Segments of the line probe; 0 for other kinds.
    pub segment_count: usize,
    /// Lines of eight keys visited beyond the predicted one, on average over all keys (the replay's count).
    pub walked_mean: f32,
    /// The most lines visited beyond the predicted one, over all keys and gaps.
    pub walked_max: u32,
    /// Nanoseconds per lookup in the trial, in the policy's mode; 0 when nothing was timed.
    pub predicted_ns: f32,
    /// Everything that was considered, in the order of the trial; empty after `open`.
    pub candidates: Vec<Candidate>,
    /// Why the S+ tree stands in for the kind that was wanted; `None` when nothing went wrong, and after `open`.
    pub fallback: Option<String>,
}

impl Report {
    /// Segments per million keys.
    pub fn segments_per_million(&self) -> f64 {
        per_key(self.segment_count as f64 * 1e6, self.key_count)
    }

    /// Bytes of the index per key, without the keys.
    pub fn bytes_per_key(&self) -> f64 {
        per_key(self.bytes as f64, self.key_count)
    }
}

/// One kind that the chooser looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The kind.
    pub kind: Kind,
    /// Bytes of its image.
    pub bytes: usize,
    /// Segments; 0 for kinds without a model.
    pub segment_count: usize,
    /// Nanoseconds per lookup in the trial; 0 when it was not timed.
    pub ns: f64,
}

pub(crate) fn per_key(amount: f64, key_count: usize) -> f64 {
    if key_count == 0 { 0.0 } else { amount / key_count as f64 }
}
