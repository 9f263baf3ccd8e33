//! A disk in memory that loses power, fails calls and rots. Behind the feature `simulate`, for tests and torture; no
//! part of a shipped store.

mod disk;
mod disk_files;
mod random;
mod unsynced;

pub use disk::{Action, Call, Disk, Plan, Verdict};
pub use random::Random;
