//! Salvages a damaged native store in place and says exactly what is gone.
//!
//! A store that opens and verifies is left alone. Otherwise everything readable is kept: sound segments
//! as they are, damaged ones rewritten from their sound blocks, the commits of the log folded into one
//! new segment. One catalogue commit makes the result live; until then nothing is removed, so that a
//! crash in the middle only means repairing again.

mod external;
mod logs;
mod rebuild;
mod segments;

use std::path::Path;
use std::sync::Arc;

use varve_types::{ErrorCode, Result, VarveError};

use crate::background::entry_of;
use crate::catalogue::Catalogue;
use crate::error::{Failure, failed_sync, io};
use crate::lock::StoreLock;
use crate::log::mark::Mark;
use crate::names::{self, Kind};
use crate::stats::{Damage, RepairReport};
use crate::{OpenOptions, Store, Threads};
use varve_files::{Access, Files};

pub use external::{ExternalRepair, FoundLog, Salvaged};

/// Salvages a damaged native store in place and says exactly what is gone. Blocks.
///
/// Errors: `STORE_LOCKED`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`, and those of the disk. After an error
/// the directory still holds everything that it held before.
pub fn repair(dir: impl AsRef<Path>, files: Arc<dyn Files>) -> Result<RepairReport> {
    let dir = dir.as_ref();
    let mut report = RepairReport::default();
    if is_sound(dir, &files, &mut report)? {
        return Ok(report);
    }
    let _lock = StoreLock::take(dir, &*files, false)?;
    let listed = files.list(dir).map_err(|error| io("list", dir, error))?;
    let mut catalogue = match Catalogue::load(&*files, dir) {
        Ok(Some(catalogue)) => catalogue,
        Ok(None) => rebuild::catalogue(&*files, dir, &listed, &mut report)?,
        Err(error) => {
            note(&mut report, &error)?;
            rebuild::catalogue(&*files, dir, &listed, &mut report)?
        }
    };
    catalogue.next_file = number_behind(&listed).max(catalogue.next_file);

    let folded = logs::salvage(&*files, dir, &mut catalogue, &mut report)?;
    let mut kept = Vec::from_iter(folded.segment.as_deref().map(entry_of));
    kept.extend(segments::salvage_all(&*files, dir, &mut catalogue, &mut report)?);
    let known = folded.known.max(catalogue.folded);
    catalogue = Catalogue {
        epoch: catalogue.epoch + 1,
        folded: known,
        durable: known,
        logs: Vec::new(),
        segments: kept,
        ..catalogue
    };
    files.sync_dir(dir).map_err(|error| failed_sync(dir, error))?;
    catalogue.store(&*files, dir)?;
    Mark::create(&*files, dir, catalogue.store_id, known)?;
    remove_rest(&*files, dir, &catalogue);
    report.lost_sequences.sort_unstable();
    report.damage.dedup();
    Ok(report)
}

/// Opens and verifies; true when nothing is wrong.
fn is_sound(dir: &Path, files: &Arc<dyn Files>, report: &mut RepairReport) -> Result<bool> {
    let options = OpenOptions {
        files: files.clone(),
        create_if_missing: false,
        threads: Threads::Manual,
        ..OpenOptions::default()
    };
    let store = match Store::open(dir, options) {
        Ok(store) => store,
        Err(error) => {
            // Where there is a catalogue, nothing but a segment's head can be foreign: that file is damaged.
            match error.code() {
                ErrorCode::StoreForeign if Catalogue::load(&**files, dir)?.is_some() => {
                    note_segment(report, &error)?;
                }
                _ => note(report, &error)?,
            }
            return Ok(false);
        }
    };
    let verified = store.verify(|_, _| {})?;
    report.damage.extend(verified.damage);
    report.kept_entries = verified.entries;
    let stats = store.stats();
    report.kept_commits = stats.sequence - stats.folded_sequence;
    store.close()?;
    Ok(report.damage.is_empty())
}

/// Adds a `STORE_DAMAGED` to the report; any other error ends the repair.
fn note(report: &mut RepairReport, error: &VarveError) -> Result<()> {
    if error.code() != ErrorCode::StoreDamaged {
        return Err(Failure::of(error).to_error());
    }
    add(report, Damage::of(error));
    Ok(())
}

/// The same for a segment's error. Its name makes the file ours: a foreign head is damage.
fn note_segment(report: &mut RepairReport, error: &VarveError) -> Result<()> {
    if error.code() != ErrorCode::StoreForeign {
        return note(report, error);
    }
    add(report, Damage::of(error));
    Ok(())
}

fn add(report: &mut RepairReport, damage: Damage) {
    if !report.damage.contains(&damage) {
        report.damage.push(damage);
    }
}

/// The bytes of a file; `None` when it is gone. Only that counts as lost: any other failure may pass.
fn read_file(files: &dyn Files, path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match files.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("open", path, error)),
    };
    let mut bytes = vec![0; file.len().map_err(|error| io("measure", path, error))? as usize];
    file.read_at(&mut bytes, 0).map_err(|error| io("read", path, error))?;
    Ok(Some(bytes))
}

/// A file number that no file of the directory has, nor any lower one in future.
fn number_behind(listed: &[String]) -> u64 {
    let numbers = listed.iter().filter_map(|name| match names::kind(name) {
        Kind::Segment(id) | Kind::Log(id) => Some(id + 1),
        _ => None,
    });
    numbers.max().unwrap_or(0)
}

fn remove_rest(files: &dyn Files, dir: &Path, catalogue: &Catalogue) {
    for name in files.list(dir).unwrap_or_default() {
        let rest = match names::kind(&name) {
            Kind::Segment(id) => catalogue.segments.iter().all(|entry| entry.id != id),
            Kind::Log(_) | Kind::CatalogueNext => true,
            _ => false,
        };
        if rest {
            // What stays is an orphan; the next open removes it.
            let _best_effort = files.remove(&dir.join(name));
        }
    }
}
