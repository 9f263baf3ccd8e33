//! The Node-API face of Varve's native crates: converts, calls, converts back.
//!
//! It decides nothing. Expected failures cross as data ([`outcome::Outcome`]); one TypeScript file throws them.
//! Calls that may wait for a disk run on a native thread of their own and settle a promise; calls on the hot
//! path are plain Node-API callbacks bound to one store ([`kv::hot`]).

#[cfg(feature = "kv")]
mod kv;
mod outcome;
mod raw;
#[cfg(any(feature = "sql", feature = "scan"))]
mod sql;
#[cfg(feature = "tiny")]
mod tiny;
mod work;
