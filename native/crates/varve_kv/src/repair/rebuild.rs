//! A lost catalogue, rebuilt from what the files say about themselves.

use std::path::Path;

use varve_types::Result;

use crate::background::entry_of;
use crate::catalogue::{Catalogue, LogEntry, SegmentEntry};
use crate::codec::Reader;
use crate::error::io;
use crate::files::{Access, Files};
use crate::names::{self, Kind};
use crate::segment::Segment;
use crate::stats::RepairReport;

/// The best catalogue that the files of `dir` allow.
///
/// Segments say which commits they cover. One whose commits all lie inside another's was merged into
/// it; of several covering the same ones the latest file wins.
pub fn catalogue(files: &dyn Files, dir: &Path, listed: &[String]) -> Result<Catalogue> {
    let mut catalogue = Catalogue { store_id: [0; 16], epoch: 0, next_file: 1, ..Catalogue::default() };
    let mut found: Vec<SegmentEntry> = Vec::new();
    for name in listed {
        match names::kind(name) {
            Kind::Segment(id) => {
                if let Ok(segment) = Segment::open(files, names::segment(dir, id), id, None) {
                    found.push(entry_of(&segment));
                }
            }
            Kind::Log(id) => {
                let path = names::log(dir, id);
                let file = files.open(&path, Access::Read).map_err(|error| io("open", &path, error))?;
                let bytes = file.len().map_err(|error| io("measure", &path, error))?;
                let mut page = [0; 64];
                if file.read_at(&mut page, 0).is_ok()
                    && let Some((store_id, bytes_at_creation)) = head_fields(&page)
                {
                    catalogue.store_id = store_id;
                    catalogue.logs.push(LogEntry { id, bytes: bytes_at_creation });
                } else {
                    catalogue.logs.push(LogEntry { id, bytes });
                }
            }
            _ => {}
        }
    }
    if catalogue.store_id == [0; 16] {
        catalogue.store_id = files.random().map_err(|error| io("read random bytes for", dir, error))?;
    }
    found.sort_by_key(|entry| {
        (std::cmp::Reverse(entry.sequences.1), entry.sequences.0, std::cmp::Reverse(entry.id))
    });
    for entry in found {
        let covered = catalogue
            .segments
            .iter()
            .any(|kept| kept.sequences.0 <= entry.sequences.0 && entry.sequences.1 <= kept.sequences.1);
        if !covered {
            catalogue.segments.push(entry);
        }
    }
    catalogue.folded = catalogue.segments.first().map_or(0, |entry| entry.sequences.1);
    // Any record may be the latest one.
    catalogue.epoch = u64::MAX / 2;
    Ok(catalogue)
}

/// Commits that no segment covers although later ones are folded.
pub fn note_gaps(catalogue: &Catalogue, report: &mut RepairReport) {
    if catalogue.epoch < u64::MAX / 2 {
        return;
    }
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
