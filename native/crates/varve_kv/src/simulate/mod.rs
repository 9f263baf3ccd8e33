//! A simulated disk, and the torture of whole stores on it. Behind the feature `simulate`, for tests and
//! for the binary `kv_torture`; no part of a shipped store.

mod disk;
mod disk_files;
pub mod hostile;
mod random;
pub mod torture;
mod unsynced;

pub use disk::{Action, Call, Disk, Plan, Verdict};
pub use random::Random;
