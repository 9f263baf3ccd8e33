//! Power cuts. Segments, key runs and the mark lie on the simulated disk, which forgets what was not synced. The catalogue
//! lies on the real disk; what a cut leaves of it follows from when SQLite syncs: a commit syncs its log and returns, a
//! checkpoint writes the database file after the log was synced, and syncs it before the log is used anew.

use std::path::Path;
use std::sync::Arc;

use varve_files::simulate::{Action, Disk, Random, Verdict};

use super::drive::{self, Outcome};
use super::model::Model;
use super::session::Session;

const SECTOR: usize = 512;
const FILES: [&str; 2] = ["catalogue.db", "catalogue.db-wal"];

pub(super) fn power(seed: u64) -> super::Verdict {
    let random = &mut Random::new(seed);
    let disk = Disk::new(seed);
    let mut session = Session::new(seed, Arc::new(disk.clone()));
    let database = session.open().map_err(|error| error.to_string())?;
    session.runtime.block_on(drive::define(&database)).map_err(|error| error.to_string())?;
    session.close(database);
    let mut is_met = false;
    for life in 0..3 {
        let database = session.open().map_err(|error| format!("life {life} does not open: {error}"))?;
        session.steps(&database, random.below(8))?;
        let doubt = if random.once_in(2) {
            cut_in_a_commit(&mut session, database, &disk, random)?
        } else {
            cut_at_a_call(&mut session, database, &disk, random)?
        };
        is_met |= doubt.is_some();
        let database =
            session.open().map_err(|error| format!("after cut {life} it does not open: {error}"))?;
        session.settle(&database, doubt).map_err(|what| format!("after cut {life}: {what}"))?;
        session.close(database);
    }
    Ok(is_met)
}

/// At a call of the file layer; SQLite has synced whatever it committed by then.
fn cut_at_a_call(
    session: &mut Session,
    database: crate::Database,
    disk: &Disk,
    random: &mut Random,
) -> Result<Option<Model>, String> {
    let at = 1 + random.any_size(80);
    disk.set_plan(Some(Box::new(
        move |call| {
            if call.number == at { Verdict::PowerOff } else { Verdict::Proceed }
        },
    )));
    let mut doubt = None;
    for _ in 0..6 {
        let (outcome, after) = session.step(&database);
        if disk.is_off() {
            doubt = Some(after);
            break;
        }
        match outcome {
            Outcome::Done => session.model = after,
            Outcome::Refused(error) | Outcome::InDoubt(error) => {
                return Err(format!("with the power on: {error}"));
            }
        }
    }
    let left = FILES.map(|name| read(&session.path(name)));
    restart(session, database, disk, random, &left);
    Ok(doubt)
}

/// Between the first write of a commit and its sync: the file layer sees nothing of it.
fn cut_in_a_commit(
    session: &mut Session,
    database: crate::Database,
    disk: &Disk,
    random: &mut Random,
) -> Result<Option<Model>, String> {
    let mark = session.path("last-commit");
    let (before, old_mark) = (FILES.map(|name| read(&session.path(name))), disk.bytes(&mark));
    let watched = mark.clone();
    disk.set_plan(Some(Box::new(move |call| {
        let is_after = call.action == Action::Write && call.path == watched;
        if is_after { Verdict::PowerOff } else { Verdict::Proceed }
    })));
    let (outcome, after) = session.step(&database);
    let is_cut = disk.is_off();
    let written = FILES.map(|name| read(&session.path(name)));
    match outcome {
        Outcome::Refused(error) | Outcome::InDoubt(error) if !is_cut => {
            return Err(format!("with the power on: {error}"));
        }
        _ => {}
    }
    let left = if is_cut { unsynced(&before, &written, random) } else { written };
    restart(session, database, disk, random, &left);
    if is_cut {
        disk.put(&mark, old_mark.filter(|_| !random.once_in(4)));
        return Ok(Some(after));
    }
    session.model = after;
    Ok(None)
}

fn restart(
    session: &Session,
    database: crate::Database,
    disk: &Disk,
    random: &mut Random,
    left: &[Vec<u8>; 2],
) {
    session.close(database);
    disk.restart(random);
    disk.set_plan(None);
    for (name, bytes) in FILES.iter().zip(left) {
        let path = session.path(name);
        if bytes.is_empty() {
            let _not_there = std::fs::remove_file(path);
        } else {
            std::fs::write(path, bytes).expect("a healthy disk");
        }
    }
}

/// A file that is not there is as good as an empty one.
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

/// What may be on disk between two synced states of database and log.
fn unsynced(before: &[Vec<u8>; 2], after: &[Vec<u8>; 2], random: &mut Random) -> [Vec<u8>; 2] {
    let is_checkpoint = before[0] != after[0] && random.once_in(2);
    if is_checkpoint {
        return [mix(&before[0], &after[0], random), after[1].clone()];
    }
    [before[0].clone(), mix(&before[1], &after[1], random)]
}

/// Sectors of one file or the other, up to any length between; one of them torn.
fn mix(before: &[u8], after: &[u8], random: &mut Random) -> Vec<u8> {
    let (low, high) = (before.len().min(after.len()) as u64, before.len().max(after.len()) as u64);
    let mut left = before.to_vec();
    left.resize(high as usize, 0);
    let kept = random.below(high + 1) as usize;
    let is_ordered = random.once_in(2);
    for start in (0..after.len()).step_by(SECTOR) {
        let end = (start + SECTOR).min(after.len());
        let end = if is_ordered {
            end.min(kept)
        } else if random.once_in(2) {
            start
        } else {
            end
        };
        if start < end {
            left[start..end].copy_from_slice(&after[start..end]);
        }
    }
    let length = if random.once_in(2) { high } else { low + random.below(high - low + 1) };
    left.truncate(length as usize);
    left
}
