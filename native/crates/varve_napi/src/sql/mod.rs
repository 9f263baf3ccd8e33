//! Tables and SQL for JavaScript: `NativeSql` of core/sql.

mod append;
mod batches;
mod database;
mod ipc;
mod packed_row;
mod params;
mod point;
mod promise;
mod query;
mod transaction;
