//! The names of a store's files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Locked by the owner; empty.
pub const LOCK: &str = "LOCK";
/// What is live.
pub const CATALOGUE: &str = "CATALOGUE";
/// The next catalogue, before its rename.
pub const CATALOGUE_NEXT: &str = "CATALOGUE.next";
/// How far the log is synced.
pub const MARK: &str = "MARK";
/// Decisions of the store's self-tuning loop, written by its owner; no data.
pub const JOURNAL: &str = "control-journal.jsonl";

/// The file of log number `id`.
pub fn log(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("log-{id:08x}.vlog"))
}

/// The file of segment `id`.
pub fn segment(dir: &Path, id: u64) -> Arc<Path> {
    dir.join(format!("segment-{id:08x}.vseg")).into()
}

/// What a file name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Lock,
    Catalogue,
    CatalogueNext,
    Mark,
    Journal,
    Log(u64),
    Segment(u64),
    Unknown,
}

/// Parses a file name.
pub fn kind(name: &str) -> Kind {
    let number = |name: &str, head: &str, tail: &str| {
        u64::from_str_radix(name.strip_prefix(head)?.strip_suffix(tail)?, 16).ok()
    };
    match name {
        LOCK => Kind::Lock,
        CATALOGUE => Kind::Catalogue,
        CATALOGUE_NEXT => Kind::CatalogueNext,
        MARK => Kind::Mark,
        JOURNAL => Kind::Journal,
        _ => match (number(name, "log-", ".vlog"), number(name, "segment-", ".vseg")) {
            (Some(id), _) => Kind::Log(id),
            (_, Some(id)) => Kind::Segment(id),
            _ => Kind::Unknown,
        },
    }
}
