//! A lost catalogue, rebuilt from what the files say about themselves.

use std::path::Path;

use varve_types::Result;

use super::{note_segment, read_file};
use crate::background::entry_of;
use crate::catalogue::{Catalogue, LogEntry, SegmentEntry};
use crate::codec::Reader;
use crate::error::io;
use crate::log::record::Place;
use crate::log::replay::scan;
use crate::names::{self, Kind};
use crate::segment::footer::Footer;
use crate::segment::{Origin, Segment, Span};
use crate::stats::RepairReport;
use varve_files::Files;

/// The best catalogue that the files of `dir` allow; notes files that say nothing any more, and commits
/// that are gone with them.
///
/// Segments say which keys and commits they cover. One that others cover entirely was merged into them; of several that
/// cover the same the latest file wins.
pub fn catalogue(
    files: &dyn Files,
    dir: &Path,
    listed: &[String],
    report: &mut RepairReport,
) -> Result<Catalogue> {
    let mut catalogue = Catalogue { next_file: 1, ..Catalogue::default() };
    let (mut found, mut unreadable, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    for name in listed {
        match names::kind(name) {
            Kind::Segment(id) => match Segment::open(files, names::segment(dir, id), id, None) {
                Ok(segment) => {
                    found.push(Found { entry: entry_of(&segment), origin: segment.origin().clone() })
                }
                Err(error) => {
                    note_segment(report, &error)?;
                    let bytes = read_file(files, &names::segment(dir, id))?.unwrap_or_default();
                    unreadable.extend(Footer::decode(&bytes));
                }
            },
            Kind::Log(id) => {
                logs.extend(read_file(files, &names::log(dir, id))?.map(|bytes| (id, bytes)));
            }
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
    catalogue.segments = keep_live(found, report);
    catalogue.folded = catalogue.segments.first().map_or(0, |entry| entry.sequences.1);
    note_gaps(&catalogue, report);
    note_unreadable(&unreadable, catalogue.folded, report);
    Ok(catalogue)
}

/// A segment that says of itself what it covers.
struct Found {
    entry: SegmentEntry,
    origin: Origin,
}

impl Found {
    /// Whether this may have been made of `other`: it covers the commits of `other` and some of its keys.
    fn may_replace(&self, other: &Self) -> bool {
        let (own, others) = (self.entry.sequences, other.entry.sequences);
        let later = own != others || self.entry.id > other.entry.id;
        own.0 <= others.0 && others.1 <= own.1 && later && self.origin.span.meets(&other.origin.span)
    }

    /// Whether others together cover all its keys and commits.
    fn is_replaced(&self, found: &[Self]) -> bool {
        let Span { from, to: end } = &self.origin.span;
        let mut from = from;
        while from < end {
            let next =
                found.iter().filter(|other| other.may_replace(self) && other.origin.span.from <= *from);
            match next.map(|other| &other.origin.span.to).max() {
                Some(to) if to > from => from = to,
                _ => return false,
            }
        }
        true
    }
}

/// The live ones, latest commits first. Inputs of a merge are not live any more, and outputs not yet while one of them
/// is missing: some input is then not replaced.
fn keep_live(mut found: Vec<Found>, report: &mut RepairReport) -> Vec<SegmentEntry> {
    let is_unfinished = |output: &Found, found: &[Found]| {
        found.iter().any(|input| output.may_replace(input) && !input.is_replaced(found))
    };
    while let Some(at) = found.iter().position(|output| is_unfinished(output, &found)) {
        let Found { entry, origin } = found.swap_remove(at);
        let is_there = |input: &u64| found.iter().any(|segment| segment.entry.id == *input);
        if !origin.inputs.iter().all(is_there) {
            report.lost_keys.push((entry.key_min, entry.key_max));
        }
    }
    let live = found.iter().filter(|segment| !segment.is_replaced(&found));
    let mut live: Vec<SegmentEntry> = live.map(|segment| segment.entry.clone()).collect();
    live.sort_by_key(|entry| std::cmp::Reverse((entry.sequences.1, entry.sequences.0)));
    live
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

/// Commits of segments that cannot be read, but for their footers: no gap shows them when a merge of other keys covers
/// commits on both sides. One without a footer may never have been finished; it is reported as damage only.
fn note_unreadable(unreadable: &[Footer], folded: u64, report: &mut RepairReport) {
    for footer in unreadable {
        // Behind `folded` the log tells.
        let (from, to) = (footer.sequence_from, footer.sequence_to.min(folded));
        let is_known = report.lost_sequences.iter().any(|lost| lost.0 <= from && to <= lost.1);
        if from <= to && !is_known {
            report.lost_sequences.push((from, to));
        }
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
