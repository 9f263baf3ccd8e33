//! Calls of the file layer that fail: what was acknowledged stays, and what was not is whole or absent.

use std::sync::Arc;

use varve_files::simulate::{Disk, Random, Verdict};
use varve_types::ErrorCode;

use super::drive::{self, Outcome};
use super::session::Session;

/// One call of segments, key runs or the mark fails, whole or halfway; or there is no room.
pub(super) fn fail(seed: u64) -> super::Verdict {
    let random = &mut Random::new(seed);
    let disk = Disk::new(seed);
    let mut session = Session::new(seed, Arc::new(disk.clone()));
    let mut database = session.open().map_err(|error| error.to_string())?;
    session.runtime.block_on(drive::define(&database)).map_err(|error| error.to_string())?;
    let mut is_met = false;
    for _ in 0..3 {
        session.steps(&database, 1 + random.below(6))?;
        let before = disk.faults();
        let at = 1 + random.any_size(60);
        let error = *random.pick(&[libc::EIO, libc::ENOSPC]);
        let verdict = *random.pick(&[Verdict::Fail(error), Verdict::FailHalfway(error)]);
        if random.once_in(3) {
            disk.set_capacity(disk.used() + random.any_size(100_000));
        } else {
            disk.set_plan(Some(Box::new(
                move |call| if call.number == at { verdict } else { Verdict::Proceed },
            )));
        }
        let mut doubt = None;
        for _ in 0..4 {
            match session.step(&database) {
                (Outcome::Done, after) => session.model = after,
                (Outcome::Refused(error), _) => {
                    expect_fault(error.code()).map_err(|what| format!("{what}: {error}"))?
                }
                (Outcome::InDoubt(error), after) => {
                    expect_fault(error.code()).map_err(|what| format!("{what}: {error}"))?;
                    doubt = Some(after);
                    break;
                }
            }
        }
        is_met |= disk.faults() > before;
        session.close(database);
        disk.set_plan(None);
        disk.set_capacity(u64::MAX);
        disk.end_process();
        database = session.open().map_err(|error| format!("it does not open again: {error}"))?;
        session.settle(&database, doubt)?;
    }
    session.close(database);
    Ok(is_met)
}

/// A healthy store has no damage to report, whatever the disk refuses.
pub(super) fn expect_fault(code: ErrorCode) -> Result<(), String> {
    use ErrorCode::{StoreDescriptors, StoreFull, StoreIo, StorePoisoned, StoreUnwritable};
    match code {
        StoreFull | StoreIo | StoreUnwritable | StoreDescriptors | StorePoisoned => Ok(()),
        other => Err(format!("a failing disk is reported as {}", other.as_str())),
    }
}
