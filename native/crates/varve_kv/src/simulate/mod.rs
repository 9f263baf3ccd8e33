//! The torture of whole stores on a simulated disk. Behind the feature `simulate`, for tests and for the binary
//! `kv_torture`; no part of a shipped store.

pub mod hostile;
pub mod torture;
