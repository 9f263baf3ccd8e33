//! Databases that lie: something in them is not what was written, and every checksum above it is right again. A fuzzer that
//! knows no checksums would be stopped at the door; this one is let in.

use std::path::{Path, PathBuf};

use varve_files::simulate::Random;

use crate::catalogue::lie::{self, Record};
use crate::key::KeyRunMeta;
use crate::segment::SegmentMeta;

/// Changes one thing in the closed database in `dir`, and mends what tells of it. Returns what it was.
pub fn lie(dir: &Path, random: &mut Random) -> String {
    let mut records = lie::records(dir);
    let at = random.below(records.len() as u64) as usize;
    let mut record = records.swap_remove(at);
    match record.kind() {
        "key_runs" if random.once_in(2) => file_of_keys(dir, &mut record, random),
        "segments" if random.once_in(2) => file_of_segment(dir, &mut record, random),
        kind => {
            let kind = kind.to_owned();
            // Numbers in JSON are changed as numbers, or it would hardly ever be JSON still.
            let how = match std::str::from_utf8(&record.payload).ok().map(|text| other_number(text, random)) {
                Some(changed) if !random.once_in(3) => {
                    record.payload = changed.into_bytes();
                    "a number".to_owned()
                }
                _ => change(&mut record.payload, random),
            };
            lie::replace(dir, &record);
            format!("{kind}: {how}")
        }
    }
}

fn file_of_keys(dir: &Path, record: &mut Record, random: &mut Random) -> String {
    let mut meta: KeyRunMeta = serde_json::from_slice(&record.payload).expect("it is whole");
    let path = folder(dir).join(crate::key::file_name(meta.segment, meta.index));
    let mut bytes = std::fs::read(&path).expect("a file");
    // The head says how all the rest is read.
    let head = random.once_in(2).then_some(64);
    let how = change_within(&mut bytes, head, random);
    (meta.bytes, meta.sum) = (bytes.len() as u64, crc32c::crc32c(&bytes));
    put(&path, &bytes);
    record.payload = serde_json::to_vec(&meta).expect("plain data");
    lie::replace(dir, record);
    format!("the file of a key run: {how}")
}

fn file_of_segment(dir: &Path, record: &mut Record, random: &mut Random) -> String {
    let mut meta: SegmentMeta = serde_json::from_slice(&record.payload).expect("it is whole");
    let path = folder(dir).join(crate::segment::file_name(meta.id));
    let mut bytes = std::fs::read(&path).expect("a file");
    let footer_at = meta.footer_at as usize;
    let mut footer = bytes.split_off(footer_at);
    let how = change_within(&mut footer, None, random);
    bytes.extend_from_slice(&footer);
    (meta.bytes, meta.footer_sum) = (bytes.len() as u64, crc32c::crc32c(&footer));
    put(&path, &bytes);
    record.payload = serde_json::to_vec(&meta).expect("plain data");
    lie::replace(dir, record);
    format!("the footer of a segment: {how}")
}

fn folder(dir: &Path) -> PathBuf {
    dir.join(crate::segment::FOLDER)
}

/// Under a new file, for somebody may have the old one mapped.
fn put(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).and_then(|()| std::fs::write(path, bytes)).expect("a file");
}

/// Puts another number in the place of one.
fn other_number(text: &str, random: &mut Random) -> String {
    let bytes = text.as_bytes();
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| {
            bytes[*at].is_ascii_digit()
                && !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit())
        })
        .collect();
    if starts.is_empty() {
        return text.to_owned();
    }
    let start = *random.pick(&starts);
    let end =
        bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |at| start + at);
    let numbers =
        ["0", "1", "2", "7", "4294967295", "4294967296", "9223372036854775807", "18446744073709551615"];
    format!("{}{}{}", &text[..start], random.pick(&numbers), &text[end..])
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    change_within(bytes, None, random)
}

/// Only in the first `head` bytes, when it is given.
fn change_within(bytes: &mut Vec<u8>, head: Option<usize>, random: &mut Random) -> String {
    let end = head.unwrap_or(bytes.len()).min(bytes.len());
    if end == 0 {
        bytes.push(0);
        return "a byte where none was".to_owned();
    }
    let at = random.below(end as u64) as usize;
    match random.below(5) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let value = *random.pick(&[0x00, 0x01, 0x7f, 0x80, 0xff]);
            bytes[at] = value;
            format!("byte {at} is {value:#x}")
        }
        2 => {
            let word = *random.pick(&[0_u64, 1, 1 << 31, 1 << 32, 1 << 47, u64::MAX]);
            let at = at & !7;
            for (place, byte) in bytes[at..].iter_mut().zip(word.to_le_bytes()) {
                *place = byte;
            }
            format!("the word at {at} is {word:#x}")
        }
        3 => {
            let from = random.below(end as u64) as usize;
            let count = (1 + random.below(16) as usize).min(end - from.max(at));
            bytes.copy_within(from..from + count, at);
            format!("{count} bytes from {from} at {at}")
        }
        _ => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
    }
}
