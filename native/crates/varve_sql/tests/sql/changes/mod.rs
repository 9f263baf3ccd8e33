//! What changes tables: against SQLite, in a small memory, and what is known of it before.

mod against_sqlite;
mod memory;
mod returned;
