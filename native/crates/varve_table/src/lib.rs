//! Tables of Varve: hot rows and catalogue in SQLite, immutable segments in the Vortex format.
//!
//! One [`Database`] owns a directory. It knows tables, rows, versions and commits; it knows nothing of SQL, and of
//! expressions only what Vortex needs to skip and filter rows while it reads them.
//!
//! ```text
//! DIRECTORY/
//!   catalogue.db     SQLite: definitions, hot rows, deletions, which segments are live
//!   last-commit      the number of the last commit, against a log that lost its end
//!   lock             held while the database is open
//!   segments/        one Vortex file per segment
//! ```
//!
//! Invariants
//! 1. One SQLite commit is the commit. What it names is durable and verified before.
//! 2. A [`Version`] never changes. Readers hold one, take no lock and never wait; writers never wait for them.
//! 3. There is one writer at a time, and commits become durable and visible in the order of their numbers.
//! 4. Damage is reported, never guessed away: everything of ours in SQLite and every part of a segment has a checksum,
//!    the catalogue as a whole a digest, the end of its log a mark.
//! 5. After a failed commit nothing is written until the database is opened again.

mod adapt;
mod bounds;
mod catalogue;
mod change;
mod committer;
mod compression;
mod database;
mod definition;
mod error;
mod hot;
mod ids;
pub mod ipc;
mod key;
mod load;
mod point;
mod progress;
mod rewrite;
mod rows;
mod seal;
mod segment;
#[cfg(feature = "simulate")]
pub mod simulate;
mod sorted;
mod statistics;
mod stored_file;
mod threads;
mod transaction;
mod upkeep;
mod version;

pub use adapt::{
    Adaptation, Adaptive, Class, Constants, Decision, Done, Evidence, Learned, Observed, Predicate,
    PredicateKind, ScanReport, SegmentFacts, State, Trial, Workload, decide,
};
pub use bounds::ColumnBounds;
pub use compression::{Layout, Profile};
pub use database::{DEFAULT_SCHEMA, Database, Options};
pub use definition::{Check, Column, Index, Table, View};
pub use hot::{HotChunk, HotRows};
pub use ids::{ColumnId, CommitSeq, IndexId, SegmentId, TableId};
pub use key::{Key, KeyColumns, KeyRange, KeyRef, KeyRun, KeyRunMeta, Keys, Lookup, PRIMARY, SortedKeys};
pub use point::{PointReader, PointRow};
pub use progress::Progress;
pub use rewrite::Rewrite;
pub use rows::{Place, RowAddress, RowSet};
pub use segment::{DAMAGE, Dictionaries, Segment, SegmentMeta};
pub use statistics::{ColumnSummary, TableStatistics};
pub use threads::Threads;
pub use transaction::{Savepoint, Transaction};
pub use version::{LiveSegment, TableVersion, Version};
