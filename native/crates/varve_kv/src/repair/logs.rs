//! The log of a damaged store: replayed when it is sound, else salvaged record by record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use varve_types::{ErrorCode, Result};

use super::{note, read_file};
use crate::IndexPolicy;
use crate::batch::Batch;
use crate::catalogue::Catalogue;
use crate::inner::{memtable_need, new_memtable};
use crate::log::mark::Mark;
use crate::log::record::{Place, batches};
use crate::log::replay::{Known, open_slots, replay, scan};
use crate::names;
use crate::segment::{Segment, SegmentBuilder, SegmentPlan};
use crate::stats::RepairReport;
use varve_files::Files;

/// Commits of a log by their numbers; each batch parses.
pub type Commits = BTreeMap<u64, Batch>;

/// The log's commits as a segment.
pub struct Folded {
    /// `None` when there was no commit behind the folded ones.
    pub segment: Option<Arc<Segment>>,
    /// Last commit known to have existed.
    pub known: u64,
}

/// Reads all commits behind `catalogue.folded` and writes them into one segment.
pub fn salvage(
    files: &dyn Files,
    dir: &Path,
    catalogue: &mut Catalogue,
    report: &mut RepairReport,
) -> Result<Folded> {
    let known = match Mark::open(files, dir, catalogue.store_id) {
        Ok(mark) => mark.known(),
        Err(error) => {
            note(report, &error)?;
            Known::default()
        }
    };
    let mut commits = Commits::new();
    let replayed = open_slots(files, dir, catalogue).and_then(|mut slots| {
        replay(dir, catalogue, &mut slots, known, |sequence, batch| keep(&mut commits, sequence, batch))
    });
    let known = match replayed {
        Ok(end) => end.last.max(known.synced),
        Err(error) => {
            note(report, &error)?;
            commits.clear();
            pick_up(files, dir, catalogue, known, &mut commits)?
        }
    };
    let segment = fold(files, dir, catalogue, &commits, known, report)?;
    Ok(Folded { segment, known })
}

/// Adds a commit, unless its batch is malformed: that one is lost.
pub fn keep(commits: &mut Commits, sequence: u64, batch: &[u8]) -> Result<()> {
    match Batch::from_packed(batch.to_vec()) {
        Ok(batch) => drop(commits.insert(sequence, batch)),
        Err(error) if error.code() == ErrorCode::ArgumentInvalid => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Takes every whole record from every log file; returns the last commit known to have existed.
fn pick_up(
    files: &dyn Files,
    dir: &Path,
    catalogue: &Catalogue,
    known: Known,
    commits: &mut Commits,
) -> Result<u64> {
    let mut last = known.synced.max(catalogue.durable);
    let mut records = Vec::new();
    let mut contents = Vec::new();
    for log in &catalogue.logs {
        let path = names::log(dir, log.id);
        let bytes = read_file(files, &path)?.unwrap_or_default();
        let place = Place { store_id: catalogue.store_id, file: log.id };
        let file = contents.len();
        for header in scan(&bytes, place).filter(|header| header.epoch <= catalogue.epoch) {
            last = last.max(header.synced);
            if header.last() > catalogue.folded {
                records.push((header.first, std::cmp::Reverse(header.epoch), file, header));
            }
        }
        contents.push(bytes);
    }
    records.sort_by_key(|record| (record.0, record.1));
    let mut next = catalogue.folded + 1;
    for (_, _, file, header) in records {
        let Some(payload) = header.payload(&contents[file]).filter(|_| header.last() >= next) else {
            continue;
        };
        for (sequence, batch) in (header.first..).zip(batches(payload)) {
            if let Some(batch) = batch.filter(|_| sequence >= next) {
                keep(commits, sequence, batch)?;
            }
        }
        next = header.last() + 1;
    }
    Ok(last.max(next - 1))
}

/// Writes `commits`, all behind `catalogue.folded`, into one segment, and reports which numbers up to `known` are not
/// among them.
pub fn fold(
    files: &dyn Files,
    dir: &Path,
    catalogue: &mut Catalogue,
    commits: &Commits,
    known: u64,
    report: &mut RepairReport,
) -> Result<Option<Arc<Segment>>> {
    let mut next = catalogue.folded + 1;
    for &sequence in commits.keys().chain([&(known + 1)]) {
        if sequence > next {
            report.lost_sequences.push((next, sequence - 1));
        }
        next = next.max(sequence + 1);
    }
    report.kept_commits = commits.len() as u64;
    let memtable = Arc::new(new_memtable(commits.values().map(memtable_need).sum::<usize>().max(1 << 16))?);
    for (&sequence, batch) in commits {
        batch.ops().for_each(|op| memtable.insert(op, sequence));
    }
    if memtable.is_empty() {
        return Ok(None);
    }
    let plan = SegmentPlan {
        id: catalogue.take_file_number(),
        sequences: (catalogue.folded + 1, known),
        entries_max: memtable.entries(),
        filter_bits: 10,
        policy: IndexPolicy::Auto,
        has_clock: false,
    };
    let mut builder = SegmentBuilder::create(files, names::segment(dir, plan.id), plan)?;
    let mut iter = memtable.iter(u64::MAX);
    iter.seek(&[]);
    while iter.valid() {
        builder.add(iter.key(), iter.value())?;
        iter.next();
    }
    let mut check = builder.finish(files, None)?;
    while !check.step(files, usize::MAX / 2)? {}
    Ok(Some(check.into_segment()))
}
