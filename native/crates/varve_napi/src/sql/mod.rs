//! Tables for JavaScript: `NativeSql` of core/sql.
//!
//! What is behind the face is `behind`: SQL, or plans alone, by feature. Both have the same engine and session.

#[cfg(feature = "sql")]
mod adaptation;
mod append;
mod batches;
#[cfg(feature = "sql")]
mod blocks;
mod database;
#[cfg(feature = "sql")]
mod given;
mod head;
mod ipc;
mod packed_row;
mod params;
mod piece;
mod point;
mod promise;
mod query;
#[cfg(feature = "sql")]
mod slot;
mod transaction;
#[cfg(all(feature = "scan", not(feature = "sql")))]
mod with_plans;
#[cfg(feature = "sql")]
mod with_sql;

#[cfg(all(feature = "scan", not(feature = "sql")))]
use with_plans as behind;
#[cfg(feature = "sql")]
use with_sql as behind;
