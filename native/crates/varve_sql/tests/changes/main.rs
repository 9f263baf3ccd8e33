//! What changes tables: in a small memory, and what is known of it before.

mod memory;
mod returned;
