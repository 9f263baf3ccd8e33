//! A lost catalogue, rebuilt from what the files say about themselves.

use std::path::Path;

use varve_types::Result;

use super::note;
use crate::background::entry_of;
use crate::catalogue::{Catalogue, LogEntry, SegmentEntry};
use crate::codec::Reader;
use crate::error::io;
use crate::files::{Access, Files};
use crate::log::record::Place;
use crate::log::replay::scan;
use crate::names::{self, Kind};
use crate::segment::Segment;
use crate::stats::RepairReport;

/// The best catalogue that the files of `dir` allow; notes files that say nothing any more, and commits
/// that are gone with them.
///
/// Segments say which commits they cover. One whose commits all lie inside another's was merged into
/// it; of several covering the same ones the latest file wins.
pub fn catalogue(
    files: &dyn Files,
    dir: &Path,
    listed: &[String],
    report: &mut RepairReport,
) -> Result<Catalogue> {
    let mut catalogue = Catalogue { next_file: 1, ..Catalogue::default() };
    let mut logs = Vec::new();
    for name in listed {
        match names::kind(name) {
            Kind::Segment(id) => match Segment::open(files, names::segment(dir, id), id, None) {
                Ok(segment) => catalogue.segments.push(entry_of(&segment)),
                Err(error) => note(report, &error)?,
            },
            Kind::Log(id) => logs.push((id, read_whole(files, &names::log(dir, id))?)),
            _ => {}
        }
    }
    let heads: Vec<_> = logs.iter().map(|(_, bytes)| head_fields(bytes)).collect();
    catalogue.store_id = match heads.iter().flatten().next() {
        Some((store_id, _)) => *store_id,
        None => files.random().map_err(|error| io("read random bytes for", dir, error))?,
    };
    for ((id, bytes), head) in logs.iter().zip(heads) {
        let bytes_at_creation = head.map_or(bytes.len() as u64, |(_, bytes)| bytes);
        catalogue.logs.push(LogEntry { id: *id, bytes: bytes_at_creation });
        let place = Place { store_id: catalogue.store_id, file: *id };
        catalogue.epoch = scan(bytes, place).map(|header| header.epoch).fold(catalogue.epoch, u64::max);
    }
    keep_latest(&mut catalogue);
    catalogue.folded = catalogue.segments.first().map_or(0, |entry| entry.sequences.1);
    note_gaps(&catalogue, report);
    Ok(catalogue)
}

fn keep_latest(catalogue: &mut Catalogue) {
    let mut found = std::mem::take(&mut catalogue.segments);
    found.sort_by_key(|entry| {
        (std::cmp::Reverse(entry.sequences.1), entry.sequences.0, std::cmp::Reverse(entry.id))
    });
    for entry in found {
        let covers = |kept: &SegmentEntry| {
            kept.sequences.0 <= entry.sequences.0 && entry.sequences.1 <= kept.sequences.1
        };
        if !catalogue.segments.iter().any(covers) {
            catalogue.segments.push(entry);
        }
    }
}

fn read_whole(files: &dyn Files, path: &Path) -> Result<Vec<u8>> {
    let file = files.open(path, Access::Read).map_err(|error| io("open", path, error))?;
    let mut bytes = vec![0; file.len().map_err(|error| io("measure", path, error))? as usize];
    file.read_at(&mut bytes, 0).map_err(|error| io("read", path, error))?;
    Ok(bytes)
}

/// Commits that no segment covers although later ones are folded.
fn note_gaps(catalogue: &Catalogue, report: &mut RepairReport) {
    let mut above = catalogue.folded + 1;
    for entry in &catalogue.segments {
        if entry.sequences.1 + 1 < above {
            report.lost_sequences.push((entry.sequences.1 + 1, above - 1));
        }
        above = above.min(entry.sequences.0);
    }
    if above > 1 && catalogue.folded > 0 {
        report.lost_sequences.push((1, above - 1));
    }
}

fn head_fields(page: &[u8]) -> Option<([u8; 16], u64)> {
    let mut reader = Reader::new(page);
    reader.raw(24)?;
    let bytes = reader.u64()?;
    let store_id = reader.raw(16)?.try_into().ok()?;
    let crc = reader.u32()?;
    (crc == crc32c::crc32c(&page[..48])).then_some((store_id, bytes))
}
