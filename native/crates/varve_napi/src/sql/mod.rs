//! Tables and SQL for JavaScript: `NativeSql` of core/sql.

mod database;
mod ipc;
mod params;
mod promise;
mod query;
mod transaction;
