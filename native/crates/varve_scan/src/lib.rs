//! Query plans over Varve's tables without SQL: scan, filter, join by key, aggregate, order, limit.
//!
//! An [`Engine`] owns a database, one thread and a limit of memory; a [`Session`] runs plans, each at one snapshot, and
//! changes rows by key. What a plan means stands in `core/interfaces`, `query-plan.ts`; kernels of Arrow do the work, and
//! Vortex skips what filters rule out.
//!
//! Invariants
//! 1. Rows come in batches, and between two of them a plan can be stopped.
//! 2. What a plan holds beyond the batch that it works on is charged to its budget before.
//! 3. A filter that Vortex evaluates is evaluated again on what it leaves: it skips rows, and decides nothing.

mod aggregate;
mod budget;
mod coerce;
mod compare;
mod engine;
mod error;
mod expr;
mod groups;
mod join;
mod keys;
mod literal;
mod output;
mod pipeline;
mod plan;
mod pushdown;
mod rows;
mod scan;
mod session;
mod sort;

pub use engine::{Engine, Options};
pub use output::Output;
pub use plan::QueryPlan;
pub use session::{Session, TableShape};
pub use varve_table::Progress;
