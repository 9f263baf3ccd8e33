//! Adapting: tables are laid out for what queries ask of them.
//!
//! ```text
//! scans ──report──> Workload ──┐
//! a sample of rows ──trials────┼─> Evidence ──decide──> decisions ──rewrite──> segments
//! the log ──what was learned───┘                            └──────> log ──judge──> what is learned
//! ```
//!
//! Invariants
//! 1. `decide` is a pure function of the evidence, which the log keeps: a decision can be made again.
//! 2. A rewrite and its entry in the log are one commit. Interrupted anywhere, the table is as before or as decided.
//! 3. A segment that would grow by more than a tenth stays as it is.
//! 4. One rewrite at a time; readers and writers never wait for it.

mod decide;
mod evidence;
mod log;
mod run;
mod trial;
mod workload;

pub use decide::{Decision, decide};
pub use evidence::{Constants, Evidence, SegmentFacts, Trial};
pub use log::{Adaptation, Adaptive, Done, Learned, State};
pub use workload::{Class, Observed, Predicate, PredicateKind, ScanReport, Workload};
