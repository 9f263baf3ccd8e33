//! SQL over Varve's tables; the only crate that names DataFusion.
//!
//! An [`Engine`] owns threads, memory and, mostly, a database; a [`Session`] runs statements, each at one snapshot.
//! DataFusion plans and runs queries; what changes data is rewritten to a query for row addresses and new values, whose
//! answer goes to a transaction of varve_table. DataFusion's own INSERT, UPDATE and DELETE are never reached.

mod aggregate;
mod alike_windows;
mod barriers;
mod bounded;
mod cardinality;
mod catalogue;
mod chains;
mod checked;
mod covered;
mod dates;
mod decimals;
mod dependencies;
mod describe;
mod digits;
mod doubles;
mod drawn;
mod empty_input;
mod engine;
mod error;
mod explain;
mod expressions;
mod failing;
mod files;
mod filter_columns;
mod frames;
mod guarded;
mod interrupt;
mod intervals;
mod join_order;
mod json;
mod lambdas;
mod limits;
mod membership;
mod multisets;
mod null_joins;

mod output;
mod param;
mod patterns;
mod percentile;
mod planner;
mod planning;
mod plans;
mod pushdown;
mod resorted;
mod resummed;
mod rules;
mod run;
mod scaled;
mod scan;
mod session;
mod settings;
mod signs;
mod sort_merge;
mod statement;
mod states;
mod subqueries;
mod substituted;
mod sums;
mod system;
mod time_zones;
mod turned;
mod types;
mod using;
mod values;
mod zeros;

pub use describe::{StatementShape, TableShape};
pub use engine::{Engine, Options};
pub use output::Output;
pub use param::{Param, Params, number_names};
pub use session::{AtOnce, Session};
pub use system::TableAdaptation;
pub use varve_table::Progress;
