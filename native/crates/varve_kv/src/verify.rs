//! Scrubbing: reads everything that is stored and reports what is damaged.

use std::sync::Arc;

use varve_types::{ErrorCode, Result, VarveError};

use crate::inner::Inner;
use crate::log::mark::Mark;
use crate::log::record::{Header, Place};
use crate::log::replay::{open_slots, scan};
use crate::names;
use crate::segment::Verification;
use crate::stats::{Damage, VerifyReport};

/// Runs checked between two calls of `progress`.
const STEP: usize = 256;

/// Checks all segments and the log of `inner`.
pub fn verify(inner: &Inner, mut progress: impl FnMut(u64, u64)) -> Result<VerifyReport> {
    let version = inner.version.load_full();
    let total: u64 = version.levels.segments().map(|segment| segment.footer().blocks).sum();
    let mut report = VerifyReport::default();
    for segment in version.levels.segments() {
        let mut check = Verification::of(Arc::clone(segment));
        let before = report.blocks;
        loop {
            match check.step(&*inner.files, STEP) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => {
                    report.damage.push(damage_of(&error)?);
                    check.skip();
                }
            }
            progress(before + check.runs() as u64, total);
        }
        for (section, what) in segment.bad_sections() {
            report.damage.push(Damage {
                file: file_name(segment.path()),
                offset: section,
                what: what.to_owned(),
            });
        }
        report.entries += check.entries();
        report.blocks = before + segment.footer().blocks;
        report.segments += 1;
        progress(report.blocks, total);
    }
    if !inner.settings.external {
        verify_log(inner, &mut report)?;
    }
    Ok(report)
}

/// Reads the log files as they are: every record up to the last commit must be there and whole.
fn verify_log(inner: &Inner, report: &mut VerifyReport) -> Result<()> {
    // The writer waits meanwhile, so that no file is reused or half written.
    let writer = inner.writer.lock();
    let catalogue = inner.keeper.get();
    let Some(log) = writer.as_ref() else { return Ok(()) };
    if let Err(error) = Mark::open(&*inner.files, &inner.dir, catalogue.store_id) {
        report.damage.push(damage_of(&error)?);
    }
    if let Err(error) = crate::catalogue::Catalogue::load(&*inner.files, &inner.dir) {
        report.damage.push(damage_of(&error)?);
    }
    let slots = match open_slots(&*inner.files, &inner.dir, &catalogue) {
        Ok(slots) => slots,
        Err(error) => {
            report.damage.push(damage_of(&error)?);
            return Ok(());
        }
    };
    let mut covered: Vec<(u64, u64)> = Vec::new();
    for slot in &slots {
        let path = names::log(&inner.dir, slot.id);
        let mut bytes = vec![0; slot.bytes as usize];
        slot.file.read_at(&mut bytes, 0).map_err(|error| crate::error::io("read", &path, error))?;
        let place = Place { store_id: catalogue.store_id, file: slot.id };
        // A record that a full disk cut short lies behind the last commit; the next one overwrites it.
        let counts = |header: &Header| header.last() > catalogue.folded && header.first <= log.last();
        for header in scan(&bytes, place).filter(counts) {
            report.log_records += 1;
            if header.payload(&bytes).is_some() {
                covered.push((header.first, header.last()));
            } else {
                let what =
                    format!("the record of commits {} to {} fails its checksum", header.first, header.last());
                report.damage.push(Damage { file: file_name(&path), offset: header.offset, what });
            }
        }
    }
    covered.sort_unstable();
    let mut next = catalogue.folded + 1;
    for (first, last) in covered.into_iter().chain([(log.last() + 1, log.last() + 1)]) {
        if first > next {
            let what = format!("commits {next} to {} cannot be read", first - 1);
            report.damage.push(Damage { file: "log".to_owned(), offset: 0, what });
        }
        next = next.max(last + 1);
    }
    Ok(())
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The place that a `STORE_DAMAGED` names; other errors stay errors.
fn damage_of(error: &VarveError) -> Result<Damage> {
    match error.code() {
        ErrorCode::StoreDamaged => Ok(Damage::of(error)),
        _ => Err(crate::error::Failure::of(error).to_error()),
    }
}
