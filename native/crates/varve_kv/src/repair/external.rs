//! The engine's part in salvaging a store whose log is the caller's: segments, and commits that the caller read.
//!
//! The caller reads what its log still holds, this side keeps or rewrites the segments and makes one more of the
//! commits, and the caller stores the catalogue that comes out; that is the one durable step. Nothing that was there is
//! removed: the next open removes the segments that its catalogue does not name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use varve_types::Result;

use super::logs::{self, Commits};
use super::{add, note, number_behind, rebuild, segments};
use crate::background::entry_of;
use crate::catalogue::Catalogue;
use crate::error::{failed_sync, io};
use crate::lock::StoreLock;
use crate::names::{self, Kind};
use crate::stats::{Damage, RepairReport};
use varve_files::Files;

/// A repair under way; the store's lock is held until it is dropped.
pub struct ExternalRepair {
    files: Arc<dyn Files>,
    dir: PathBuf,
    /// Names of the files when it began.
    listed: Vec<String>,
    _lock: StoreLock,
}

/// What the caller found in its log.
#[derive(Debug, Default)]
pub struct FoundLog {
    /// The newest catalogue; `None` when it is lost, or when none was ever stored.
    pub catalogue: Option<Vec<u8>>,
    /// Commits behind the folded ones, and possibly some of those.
    pub commits: Vec<(u64, Vec<u8>)>,
    /// Last commit known to have existed.
    pub known: u64,
    /// The log opened and was read to its end.
    pub is_sound: bool,
}

/// What is to be stored in the place of the log's contents.
#[derive(Debug)]
pub struct Salvaged {
    /// The catalogue that makes the result live; it has folded every commit up to `folded`.
    pub catalogue: Vec<u8>,
    /// Last commit that the segments stand for.
    pub folded: u64,
}

impl ExternalRepair {
    /// Begins, with the lock of the store in `dir`. Errors: those of the disk.
    pub fn begin(dir: impl AsRef<Path>, files: Arc<dyn Files>, lock: StoreLock) -> Result<Self> {
        let dir = dir.as_ref().to_path_buf();
        let listed = files.list(&dir).map_err(|error| io("list", &dir, error))?;
        Ok(Self { files, dir, listed, _lock: lock })
    }

    /// Verifies every segment, and unless all is sound, the log too, makes a store of what is left. Blocks.
    ///
    /// Returns the report, and what to store; nothing when the store is to be left alone.
    ///
    /// Errors: `STORE_NEWER_FORMAT` and those of the disk; everything is as it was then.
    pub fn salvage(&self, found: &FoundLog) -> Result<(RepairReport, Option<Salvaged>)> {
        self.work(found).inspect_err(|_| self.discard())
    }

    /// Removes the segments that it made: without a catalogue, a later repair would take them for whole.
    pub fn discard(&self) {
        for name in self.files.list(&self.dir).unwrap_or_default() {
            if matches!(names::kind(&name), Kind::Segment(_)) && !self.listed.contains(&name) {
                let _best_effort = self.files.remove(&self.dir.join(name));
            }
        }
    }

    fn work(&self, found: &FoundLog) -> Result<(RepairReport, Option<Salvaged>)> {
        let (files, dir) = (&*self.files, self.dir.as_path());
        let mut report = RepairReport::default();
        let mut catalogue = self.catalogue(found.catalogue.as_deref(), &mut report)?;
        catalogue.next_file = number_behind(&self.listed).max(catalogue.next_file);
        let commits = Self::commits(found, catalogue.folded, &mut report)?;
        let segments = segments::salvage_all(files, dir, &mut catalogue, &mut report)?;
        if found.is_sound && report.damage.is_empty() {
            report.kept_commits = commits.len() as u64;
            return Ok((report, None));
        }
        let known = found.known.max(catalogue.folded);
        let folded = logs::fold(files, dir, &mut catalogue, &commits, known, &mut report)?;
        let mut kept = Vec::from_iter(folded.as_deref().map(entry_of));
        kept.extend(segments);
        files.sync_dir(dir).map_err(|error| failed_sync(dir, error))?;
        catalogue = Catalogue { folded: known, durable: known, segments: kept, ..catalogue };
        report.lost_sequences.sort_unstable();
        Ok((report, Some(Salvaged { catalogue: catalogue.encode(), folded: known })))
    }

    /// The commits behind `folded` whose batches parse.
    fn commits(found: &FoundLog, folded: u64, report: &mut RepairReport) -> Result<Commits> {
        let mut commits = Commits::new();
        for (sequence, batch) in found.commits.iter().filter(|(sequence, _)| *sequence > folded) {
            logs::keep(&mut commits, *sequence, batch)?;
            if !commits.contains_key(sequence) {
                let what = format!("the batch of commit {sequence} is malformed");
                add(report, Damage { file: "log".to_owned(), offset: 0, what });
            }
        }
        Ok(commits)
    }

    /// The catalogue that the log has, or the best that the segments allow.
    fn catalogue(&self, found: Option<&[u8]>, report: &mut RepairReport) -> Result<Catalogue> {
        match found.map(|bytes| Catalogue::decode(bytes, &self.dir.join(names::CATALOGUE))) {
            Some(Ok(catalogue)) => return Ok(catalogue),
            Some(Err(error)) => note(report, &error)?,
            None => {
                if let Some(name) =
                    self.listed.iter().find(|name| matches!(names::kind(name), Kind::Segment(_)))
                {
                    let what = format!("the catalogue is missing although {name} exists");
                    add(report, Damage { file: "log".to_owned(), offset: 0, what });
                }
            }
        }
        rebuild::catalogue(&*self.files, &self.dir, &self.listed, report)
    }
}
