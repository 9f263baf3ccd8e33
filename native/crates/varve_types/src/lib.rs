//! Types that every Varve crate and the TypeScript side share: errors and generated data.
//!
//! This crate depends on nothing and does no I/O.

mod error;
mod generated;

pub use error::{Result, VarveError};
pub use generated::{ErrorCode, capabilities};
