//! Varve's key-value store: a durable log, a multi-version memtable, and at most four levels of
//! memory-mapped segments in which a learned index predicts the one 4 KiB block that a key can be in.
//!
//! It is not a server and knows nothing of JavaScript. One [`Store`] owns a directory.
//!
//! Invariants
//! 1. An acknowledged `Synced` batch survives process and power loss and any single I/O error.
//! 2. Damage is reported with file and offset, never guessed away.
//! 3. Reads never touch the log and take no lock.
//! 4. A crash at any point leaves the state before or after the one catalogue commit.
//!
//! File formats, the recovery argument and rejected options: `design.md` in this crate.

mod background;
pub mod batch;
mod catalogue;
mod codec;
mod commit;
mod cursor;
pub mod error;
mod event;
mod hash;
mod index_policy;
mod inner;
mod level_iter;
mod levels;
pub mod limits;
mod lock;
mod log;
mod memtable;
mod merge_policy;
mod names;
mod open;
mod options;
mod prefetch;
mod read;
mod read_types;
mod rectangle;
mod repair;
mod segment;
#[cfg(feature = "simulate")]
pub mod simulate;
mod stats;
mod store;
mod telemetry;
mod verify;
mod version;

pub use batch::Batch;
pub use cursor::Cursor;
pub use event::{Event, Job};
pub use index_policy::{IndexPolicy, instruction_set, kind_name};
pub use lock::StoreLock;
pub use options::{AckSink, Durability, LogMode, OpenOptions, Receipt, Threads};
pub use read_types::{Fields, Filled, Found, MISSING, PackedKeys, PackedMany, Range};
pub use repair::{ExternalRepair, FoundLog, Salvaged, repair};
pub use segment::{CandidateTrial, CurvePoint, SegmentCurve, SegmentTrial};
pub use stats::{Damage, ReadStats, RepairReport, SegmentStats, Stats, VerifyReport};
pub use store::{Step, Store};
pub use version::Snapshot;
