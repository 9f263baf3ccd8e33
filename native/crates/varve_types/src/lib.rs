//! What every Varve crate and the TypeScript side share: errors, instruction sets, generated data, and comparing bytes.
//!
//! This crate depends on nothing and does no I/O.

mod bytes;
mod error;
mod generated;
mod isa;

pub use bytes::{same_bytes, strip_bytes};
pub use error::{Result, VarveError};
pub use generated::{ErrorCode, capabilities};
pub use isa::Isa;
