//! Files that are written by a generator and checked for staleness in CI.

pub mod capabilities;
mod error_codes;

pub use error_codes::ErrorCode;
