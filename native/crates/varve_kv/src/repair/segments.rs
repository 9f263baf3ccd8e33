//! A damaged segment, rewritten from its sound blocks.

use std::path::Path;

use varve_types::Result;

use super::{note_segment, read_file};
use crate::IndexPolicy;
use crate::background::entry_of;
use crate::catalogue::{Catalogue, SegmentEntry};
use crate::limits::BLOCK_BYTES;
use crate::names;
use crate::segment::block::{Block, checksum};
use crate::segment::footer::BLOCKS_AT;
use crate::segment::{Segment, SegmentBuilder, SegmentPlan, Verification};
use crate::stats::RepairReport;
use varve_files::Files;

/// Keeps or rewrites every segment of `catalogue`; returns those that there are then, newest first.
pub fn salvage_all(
    files: &dyn Files,
    dir: &Path,
    catalogue: &mut Catalogue,
    report: &mut RepairReport,
) -> Result<Vec<SegmentEntry>> {
    let mut kept = Vec::new();
    for entry in catalogue.segments.clone() {
        kept.extend(salvage(files, dir, &entry, catalogue, report)?);
    }
    Ok(kept)
}

/// Keeps the segment of `entry`, or rewrites what is readable of it; `None` when nothing is.
fn salvage(
    files: &dyn Files,
    dir: &Path,
    entry: &SegmentEntry,
    catalogue: &mut Catalogue,
    report: &mut RepairReport,
) -> Result<Option<SegmentEntry>> {
    let path = names::segment(dir, entry.id);
    let opened = Segment::open(files, path.clone(), entry.id, Some(entry.bytes)).and_then(|segment| {
        let mut check = Verification::of(segment.into());
        while !check.step(files, usize::MAX / 2)? {}
        let segment = check.into_segment();
        segment.check_sections()?;
        Ok(segment)
    });
    match opened {
        Ok(segment) => {
            report.kept_entries += segment.footer().entries;
            return Ok(Some(entry.clone()));
        }
        Err(error) => note_segment(report, &error)?,
    }
    let bytes = read_file(files, &path)?.unwrap_or_default();
    let plan = SegmentPlan {
        id: catalogue.take_file_number(),
        sequences: entry.sequences,
        entries_max: entry.entries,
        filter_bits: 10,
        policy: IndexPolicy::Auto,
        has_clock: false,
    };
    let new_path = names::segment(dir, plan.id);
    let mut builder = SegmentBuilder::create(files, new_path.clone(), plan)?;
    let gaps = copy_sound_blocks(&bytes, entry, &mut builder)?;
    report.kept_entries += builder.entries();
    if builder.entries() < entry.entries {
        report.lost_keys.extend(gaps);
    }
    if builder.entries() == 0 {
        let _orphan = files.remove(&new_path);
        return Ok(None);
    }
    let mut check = builder.finish(files, None)?;
    while !check.step(files, usize::MAX / 2)? {}
    Ok(Some(entry_of(&check.into_segment())))
}

type Gap = (Vec<u8>, Vec<u8>);

/// Copies every entry of every block that proves its place; returns the key ranges between them in
/// which blocks failed.
fn copy_sound_blocks(bytes: &[u8], entry: &SegmentEntry, builder: &mut SegmentBuilder) -> Result<Vec<Gap>> {
    let mut gaps = Vec::new();
    let mut last = entry.key_min.clone();
    let mut is_gap = false;
    let mut number = 0u64;
    loop {
        let at = BLOCKS_AT + number as usize * BLOCK_BYTES;
        if at + BLOCK_BYTES > bytes.len() {
            break;
        }
        let Some((block, run)) = sound_run(bytes, at, entry.id, number) else {
            is_gap = true;
            number += 1;
            continue;
        };
        let prefix = block.prefix(run).unwrap_or_default();
        for position in 0..block.count() {
            let Some(found) = block.entry(run, position) else { continue };
            let key = [prefix, found.suffix].concat();
            if is_gap {
                gaps.push((last.clone(), key.clone()));
                is_gap = false;
            }
            builder.add(&key, found.value)?;
            last = key;
        }
        number += block.blocks() as u64;
    }
    // What follows the last sound block may be blocks or sections; the caller compares the counts.
    if last < entry.key_max || builder.entries() == 0 {
        gaps.push((last, entry.key_max.clone()));
    }
    Ok(gaps)
}

fn sound_run(bytes: &[u8], at: usize, segment: u64, number: u64) -> Option<(Block, &[u8])> {
    let first = bytes.get(at..at + BLOCK_BYTES)?;
    let run = bytes.get(at..at + Block::header(first)?.blocks() * BLOCK_BYTES)?;
    let block = Block::parse(run)?;
    let stored = u32::from_le_bytes([run[0], run[1], run[2], run[3]]);
    (checksum(run, segment, number) == stored).then_some((block, run))
}
