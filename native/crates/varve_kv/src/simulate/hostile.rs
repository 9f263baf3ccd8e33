//! Hostile files: bytes that a fuzzer makes up go in, and whatever comes out must be an answer or a code.
//!
//! A checksum stops a fuzzer at the door, so a flag in the input can have all checksums mended first: then the
//! file is a well-formed lie, which may be read as it says but must never panic or read outside itself.

use std::path::Path;
use std::sync::Arc;

use varve_types::{ErrorCode, Result, VarveError};

use crate::batch::Batch;
use crate::catalogue::{Catalogue, LogEntry};
use crate::hash::hash;
use crate::limits::BLOCK_BYTES;
use crate::log::record::{self, HEADER, Header, Place, RECORDS_AT};
use crate::log::replay::{Known, open_slots, replay};
use crate::names;
use crate::segment::block::{Block, checksum};
use crate::segment::footer::{self, BLOCKS_AT, FOOTER_BYTES};
use crate::segment::{SegIter, Segment, SegmentBuilder, SegmentPlan, Verification};
use crate::{IndexPolicy, limits};
use varve_files::simulate::Disk;

const ID: u64 = 7;
const DIR: &str = "/hostile";
const STORE_ID: [u8; 16] = [9; 16];

/// Entries that a scan visits at most.
const VISITS_MAX: usize = 20_000;

/// Opens a segment file and reads it in every way.
///
/// `data`: `u8` (bit 0: mend all checksums), the file.
pub fn segment(data: &[u8]) {
    let Some((flags, file)) = data.split_first() else { return };
    let mut bytes = file.to_vec();
    if flags & 1 != 0 {
        mend_segment(&mut bytes);
    }
    let disk = Disk::new(1);
    let path = names::segment(Path::new(DIR), ID);
    disk.put(&path, Some(bytes));
    match Segment::open(&disk, path, ID, None) {
        Ok(segment) => read_segment(&disk, &Arc::new(segment)).unwrap_or_else(|error| admit(&error)),
        Err(error) => admit(&error),
    }
}

fn read_segment(disk: &Disk, segment: &Arc<Segment>) -> Result<()> {
    let mut keys =
        vec![Vec::new(), vec![0xff; 20], segment.key_range().0.to_vec(), segment.key_range().1.to_vec()];
    let mut iter = SegIter::new(segment.clone());
    // A damaged place ends one way of reading, not the others.
    let forward = iter.seek(&[]).and_then(|()| visit(&mut iter, &mut keys, SegIter::next));
    let backward = iter.seek_back(None).and_then(|()| visit(&mut iter, &mut keys, SegIter::previous));
    for outcome in [forward, backward] {
        outcome.unwrap_or_else(|error| admit(&error));
    }
    for key in &keys {
        segment.get(key, hash(key)).map(drop).unwrap_or_else(|error| admit(&error));
        iter.seek(key).unwrap_or_else(|error| admit(&error));
        iter.seek_back(Some(key)).unwrap_or_else(|error| admit(&error));
    }
    let mut check = Verification::of(segment.clone());
    while !check.step(disk, 64)? {}
    Ok(())
}

fn visit(
    iter: &mut SegIter,
    keys: &mut Vec<Vec<u8>>,
    step: impl Fn(&mut SegIter) -> Result<()>,
) -> Result<()> {
    for at in 0..VISITS_MAX {
        if !iter.valid() {
            break;
        }
        iter.value()?;
        if at % 61 == 0 {
            keys.push(iter.key().to_vec());
        }
        step(iter)?;
    }
    Ok(())
}

/// Only codes that name a file's state may come out.
fn admit(error: &VarveError) {
    let code = error.code();
    let is_expected =
        matches!(code, ErrorCode::StoreDamaged | ErrorCode::StoreForeign | ErrorCode::StoreNewerFormat);
    assert!(is_expected, "a hostile file answers {error}");
}

/// Makes head, footer, sections and blocks prove what they say.
fn mend_segment(bytes: &mut [u8]) {
    if bytes.len() < BLOCKS_AT + FOOTER_BYTES {
        return;
    }
    bytes[..BLOCKS_AT].copy_from_slice(&footer::head_page(ID));
    let at = bytes.len() - FOOTER_BYTES;
    // The fields stay as they are, but for the number and the checksums.
    let template = footer::Footer { id: ID, ..footer::Footer::default() }.encode();
    bytes[at..at + 12].copy_from_slice(&template[..12]);
    bytes[at + 16..at + 24].copy_from_slice(&ID.to_le_bytes());
    for section in 0..4 {
        let field = at + 104 + 20 * section;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let span = footer::Section { offset: number(field), bytes: number(field + 8), crc: 0 };
        let end = span.offset.checked_add(span.bytes).filter(|&end| end <= at as u64);
        if let Some(end) = end {
            let crc = crc32c::crc32c(&bytes[span.offset as usize..end as usize]);
            bytes[field + 16..field + 20].copy_from_slice(&crc.to_le_bytes());
        }
    }
    let mut block = 0u64;
    while let Some(first) = bytes[..at].get(BLOCKS_AT + block as usize * BLOCK_BYTES..) {
        let Some(header) = Block::header(first) else { break };
        let span = header.blocks().max(1) * BLOCK_BYTES;
        let from = BLOCKS_AT + block as usize * BLOCK_BYTES;
        if let Some(run) = bytes[..at].get(from..from + span) {
            let sum = checksum(run, ID, block);
            bytes[from..from + 4].copy_from_slice(&sum.to_le_bytes());
        }
        block += 1;
    }
    let crc = crc32c::crc32c(&bytes[at..at + FOOTER_BYTES - 4]);
    bytes[at + FOOTER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
}

/// Replays a log file twice: both times the same commits, numbered without gaps, each a sound batch.
///
/// `data`: `u8` (bit 0: mend all checksums), the file.
pub fn log_record(data: &[u8]) {
    let Some((flags, file)) = data.split_first() else { return };
    let mut bytes = file.to_vec();
    bytes.truncate(1 << 20);
    bytes.resize((bytes.len() + HEADER).max(RECORDS_AT as usize + HEADER).next_multiple_of(8), 0);
    let place = Place { store_id: STORE_ID, file: ID };
    if flags & 1 != 0 {
        let head = record::head_page(place, bytes.len() as u64);
        bytes[..head.len()].copy_from_slice(&head);
        mend_records(&mut bytes, place);
    }
    let entry = LogEntry { id: ID, bytes: bytes.len() as u64 };
    let catalogue = Catalogue {
        store_id: STORE_ID,
        epoch: u64::MAX,
        next_file: ID + 1,
        logs: vec![entry],
        ..Catalogue::default()
    };
    let disk = Disk::new(1);
    disk.put(&names::log(Path::new(DIR), ID), Some(bytes));
    let Some(first) = replayed(&disk, &catalogue) else { return };
    assert_eq!(Some(first), replayed(&disk, &catalogue), "a second replay differs");
}

fn replayed(disk: &Disk, catalogue: &Catalogue) -> Option<Vec<Vec<u8>>> {
    let dir = Path::new(DIR);
    let mut commits: Vec<Vec<u8>> = Vec::new();
    let outcome = open_slots(disk, dir, catalogue).and_then(|mut slots| {
        replay(dir, catalogue, &mut slots, Known::default(), |sequence, batch| {
            commits.push(batch.to_vec());
            assert_eq!(sequence, commits.len() as u64, "a gap in the chain");
            match Batch::from_packed(batch.to_vec()) {
                Ok(batch) => batch.ops().for_each(|op| assert!(op.key.len() <= limits::KEY_BYTES_MAX)),
                // Too long for this build, which the engine answers as such.
                Err(error) => assert_ne!(error.code(), ErrorCode::ArgumentInvalid, "{error}"),
            }
            Ok(())
        })
    });
    match outcome {
        Ok(end) => {
            assert_eq!(end.last, commits.len() as u64);
            Some(commits)
        }
        Err(error) => {
            admit(&error);
            None
        }
    }
}

/// Makes records prove their place, one behind the other, with the lengths that they claim.
fn mend_records(bytes: &mut [u8], place: Place) {
    let mut at = RECORDS_AT as usize;
    let mut first = 1;
    while let Some(raw) = bytes.get(at..at + HEADER) {
        let number = |at: usize| u32::from_le_bytes(raw[at..at + 4].try_into().unwrap_or_default());
        let room = bytes.len() - at - HEADER;
        let payload = (number(12) as usize).min(room);
        let commits = number(32) % 1000;
        if commits == 0 || payload == 0 {
            break;
        }
        let mut sealed = vec![0; HEADER];
        sealed.extend_from_slice(&bytes[at + HEADER..at + HEADER + payload]);
        let header = Header {
            payload_crc: 0,
            payload_bytes: 0,
            epoch: 1,
            first,
            commits,
            offset: at as u64,
            synced: first - 1,
        };
        record::seal(&mut sealed, header, place);
        let end = bytes.len().min(at + sealed.len());
        bytes[at..end].copy_from_slice(&sealed[..end - at]);
        (at, first) = (end, first + u64::from(commits));
    }
}

/// A small segment file: plain, mixed, deleted and large entries.
pub fn sound_segment() -> Result<Vec<u8>> {
    let disk = Disk::new(1);
    let plan = SegmentPlan {
        id: ID,
        sequences: (1, 9),
        entries_max: 200,
        filter_bits: 10,
        policy: IndexPolicy::Auto,
        has_clock: false,
    };
    let path = names::segment(Path::new(DIR), ID);
    let mut builder = SegmentBuilder::create(&disk, path.clone(), plan)?;
    for number in 0..120u32 {
        let key = format!("key/{number:04}");
        match number {
            50 => builder.add(key.as_bytes(), Some(&[b'x'; 5000]))?,
            _ if number % 7 == 0 => builder.add(key.as_bytes(), None)?,
            _ => builder.add(key.as_bytes(), Some(&vec![number as u8; (number % 40) as usize]))?,
        }
    }
    let mut check = builder.finish(&disk, None)?;
    while !check.step(&disk, usize::MAX / 2)? {}
    Ok(disk.bytes(&path).unwrap_or_default())
}

/// A small log file of three records.
pub fn sound_log() -> Result<Vec<u8>> {
    let place = Place { store_id: STORE_ID, file: ID };
    let mut bytes = record::head_page(place, 0);
    let mut first = 1;
    for commits in 1..=3u32 {
        let mut sealed = Vec::new();
        record::begin(&mut sealed);
        for commit in 0..commits {
            let mut batch = Batch::new();
            batch.put(format!("key {first}").as_bytes(), &[commit as u8; 30])?;
            batch.delete(b"gone")?;
            record::push(&mut sealed, batch.bytes());
        }
        let header = Header {
            payload_crc: 0,
            payload_bytes: 0,
            epoch: 1,
            first,
            commits,
            offset: bytes.len() as u64,
            synced: first - 1,
        };
        record::seal(&mut sealed, header, place);
        bytes.extend_from_slice(&sealed);
        first += u64::from(commits);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(mend: bool, file: &[u8]) -> Vec<u8> {
        [&[u8::from(mend)], file].concat()
    }

    /// The fuzz targets' entry points on their own seeds, flipped one byte at a time.
    #[test]
    fn one_flip_anywhere_is_answered() {
        let (sound, records) = (sound_segment().unwrap(), sound_log().unwrap());
        for mend in [false, true] {
            for at in (0..sound.len()).step_by(if mend { 13 } else { 97 }) {
                let mut bytes = sound.clone();
                bytes[at] ^= 0x41;
                segment(&input(mend, &bytes));
            }
            for at in (0..records.len()).step_by(3) {
                let mut bytes = records.clone();
                bytes[at] ^= 0x41;
                log_record(&input(mend, &bytes));
            }
        }
    }

    /// Story: block starts far behind the last block, under sound checksums, made a point read ask beyond the end
    /// whether its block was checked: a panic instead of `STORE_DAMAGED`.
    #[test]
    fn starts_behind_the_end_are_damage() {
        let sound = sound_segment().unwrap();
        let starts = footer::Footer::decode(&sound).unwrap().starts.span();
        assert!(!starts.is_empty(), "the sound segment has a large entry");
        for at in starts.step_by(4) {
            let mut bytes = sound.clone();
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            segment(&input(true, &bytes));
        }
    }

    #[test]
    fn the_seeds_are_sound() {
        let disk = Disk::new(1);
        let path = names::segment(Path::new(DIR), ID);
        disk.put(&path, Some(sound_segment().unwrap()));
        let opened = Segment::open(&disk, path, ID, None).unwrap();
        read_segment(&disk, &Arc::new(opened)).unwrap();
    }
}
