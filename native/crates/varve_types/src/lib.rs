//! Types that every Varve crate and the TypeScript side share: errors, instruction sets and generated data.
//!
//! This crate depends on nothing and does no I/O.

mod error;
mod generated;
mod isa;

pub use error::{Result, VarveError};
pub use generated::{ErrorCode, capabilities};
pub use isa::Isa;
