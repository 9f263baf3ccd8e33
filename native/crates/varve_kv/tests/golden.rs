//! A store of any format must open and read exactly, for ever; files of unknown formats are told apart.
//!
//! `VARVE_WRITE_GOLDEN=1 cargo test -p varve_kv --test golden` writes the files of the newest one again, which only a
//! new format may need. Trailing zeros of the preallocated log are left out of the committed file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use varve_files::simulate::Disk;
use varve_kv::{Batch, Durability, IndexPolicy, OpenOptions, Range, Store, Threads, repair};
use varve_types::ErrorCode;

const DIR: &str = "/store";
const LOG_BYTES: usize = 1 << 20;

/// Of segments; logs and catalogues are still of format 1.
const NEWEST: u32 = 2;

fn folder(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}"))
}

fn open(disk: &Disk) -> Result<Store, varve_types::VarveError> {
    let files = Arc::new(disk.clone());
    Store::open(DIR, OpenOptions { files, threads: Threads::Manual, ..OpenOptions::default() })
}

/// Entry `n`: short, empty, equal-sized, spanning blocks; every seventh is deleted again later.
fn entry(n: u32) -> (Vec<u8>, Vec<u8>) {
    match n % 5 {
        0 => (format!("flight/{n:06}").into_bytes(), vec![n as u8; 24]),
        1 => (n.to_be_bytes().to_vec(), Vec::new()),
        2 => (vec![b'k'; 20 + n as usize % 3], n.to_le_bytes().to_vec()),
        3 => (format!("block/{n}").into_bytes(), vec![n as u8; if n == 33 { 9000 } else { 300 }]),
        _ => ([&[0xff, 0x00], &n.to_le_bytes()[..]].concat(), format!("value {n}").into_bytes()),
    }
}

fn write(from: u32, to: u32, store: &Store, truth: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    for n in from..to {
        let (key, value) = entry(n);
        let mut batch = Batch::new();
        batch.put(&key, &value).unwrap();
        truth.insert(key, value);
        if n % 7 == 0 {
            let (gone, _) = entry(n / 2);
            batch.delete(&gone).unwrap();
            truth.remove(&gone);
        }
        store.write_wait(batch, Durability::Synced).unwrap();
    }
}

/// Two segments and a log behind them; what it must hold.
fn written() -> (Disk, BTreeMap<Vec<u8>, Vec<u8>>) {
    let (disk, mut truth) = (Disk::new(1), BTreeMap::new());
    let store = open(&disk).unwrap();
    write(0, 120, &store, &mut truth);
    store.flush().unwrap();
    write(120, 140, &store, &mut truth);
    store.flush().unwrap();
    write(140, 150, &store, &mut truth);
    store.close().unwrap();
    (disk, truth)
}

fn golden(format: u32) -> Disk {
    let disk = Disk::new(2);
    for file in fs::read_dir(folder(format)).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "vlog") {
            bytes.resize(LOG_BYTES, 0);
        }
        disk.put(&Path::new(DIR).join(path.file_name().unwrap()), Some(bytes));
    }
    disk
}

#[test]
fn every_format_reads_exactly() {
    let (fresh, truth) = written();
    if std::env::var_os("VARVE_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(folder(NEWEST)).unwrap();
        for path in fresh.paths() {
            let mut bytes = fresh.bytes(&path).unwrap();
            if path.extension().is_some_and(|extension| extension == "vlog") {
                bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
            }
            fs::write(folder(NEWEST).join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    for format in 1..=NEWEST {
        check(format, &truth);
    }
}

fn check(format: u32, truth: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let store = open(&golden(format)).unwrap();
    let mut found = BTreeMap::new();
    let mut cursor = store.cursor(None, Range::default()).unwrap();
    while let Some((key, value)) = cursor.next_entry().unwrap() {
        found.insert(key.to_vec(), value.to_vec());
    }
    assert_eq!(found, *truth, "format {format}");
    for (key, value) in truth {
        assert_eq!(store.get(None, key).unwrap().as_ref(), Some(value), "format {format}");
    }
    assert_eq!(store.stats().sequence, 150);
    assert!(store.stats().folded_sequence < 150, "some commits must come from the log");
    assert_eq!(store.verify(|_, _| {}).unwrap().damage, []);
}

/// Writes `format` into a file's header and mends the checksum over `covered` bytes.
fn with_format(bytes: &mut [u8], format: u32, covered: usize) {
    bytes[8..12].copy_from_slice(&format.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..covered]);
    bytes[covered..covered + 4].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn newer_and_foreign_files_are_told_apart() {
    let path_of = |ending: &str| {
        golden(NEWEST).paths().into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
    };
    let whole = golden(NEWEST).bytes(&path_of("CATALOGUE")).unwrap().len() - 4;
    for (ending, covered) in [("CATALOGUE", whole), (".vlog", 48), (".vseg", 24)] {
        let (disk, path) = (golden(NEWEST), path_of(ending));
        let mut bytes = disk.bytes(&path).unwrap();
        with_format(&mut bytes, NEWEST + 1, covered);
        disk.put(&path, Some(bytes.clone()));
        let error = open(&disk).err().unwrap();
        assert_eq!(error.code(), ErrorCode::StoreNewerFormat, "{error}");
        assert!(error.message().contains(ending), "{error}");
        bytes[..8].copy_from_slice(b"SOMEBODY");
        with_format(&mut bytes, 1, covered);
        disk.put(&path, Some(bytes));
        let error = open(&disk).err().unwrap();
        // A log without its magic cannot be told from a damaged one.
        let expected = if ending == ".vlog" { ErrorCode::StoreDamaged } else { ErrorCode::StoreForeign };
        assert_eq!(error.code(), expected, "{error}");
    }
    let disk = Disk::new(1);
    disk.put(&Path::new(DIR).join("notes.txt"), Some(b"mine".to_vec()));
    assert_eq!(open(&disk).err().unwrap().code(), ErrorCode::StoreForeign);
    assert_eq!(disk.bytes(&Path::new(DIR).join("notes.txt")).unwrap(), b"mine");
}

/// Gives the index of a segment another format version, under sound checksums.
fn with_index_format(segment: &mut [u8], format: u32) {
    let footer = segment.len() - 256;
    // Of its section in the footer: offset, length, checksum.
    let at = footer + 144;
    let number = |at: usize| u64::from_le_bytes(segment[at..at + 8].try_into().unwrap()) as usize;
    let (from, to) = (number(at), number(at) + number(at + 8));
    let image = &mut segment[from..to];
    assert_eq!(&image[..8], b"VRVINDEX");
    image[8..12].copy_from_slice(&format.to_le_bytes());
    image[12..16].fill(0);
    let crc = crc32c::crc32c(image);
    image[12..16].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c(&segment[from..to]);
    segment[at + 16..at + 20].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c(&segment[footer..footer + 252]);
    segment[footer + 252..].copy_from_slice(&crc.to_le_bytes());
}

/// What a build before index format 4 wrote with line probes: its blocks are sound, its index is not read any more.
#[test]
fn repair_makes_an_older_index_anew() {
    let disk = Disk::new(1);
    let options = || OpenOptions {
        files: Arc::new(disk.clone()),
        threads: Threads::Manual,
        index_policy: IndexPolicy::named("line-probe", Some(15)).unwrap(),
        ..OpenOptions::default()
    };
    let (mut truth, store) = (BTreeMap::new(), Store::open(DIR, options()).unwrap());
    for n in 0..600u32 {
        let (key, value) = ((n * n).to_be_bytes(), vec![n as u8; 2100]);
        let mut batch = Batch::new();
        batch.put(&key, &value).unwrap();
        store.write_wait(batch, Durability::Fast).unwrap();
        truth.insert(key, value);
    }
    store.flush().unwrap();
    assert_eq!(store.stats().segments[0].index_kind, "line-probe");
    store.close().unwrap();
    let path = disk.paths().into_iter().find(|path| path.to_string_lossy().ends_with(".vseg")).unwrap();
    let mut bytes = disk.bytes(&path).unwrap();
    with_index_format(&mut bytes, 4);
    assert_eq!(disk.bytes(&path).unwrap(), bytes, "the format of today is 4");
    with_index_format(&mut bytes, 3);
    disk.put(&path, Some(bytes));

    let error = Store::open(DIR, options()).err().unwrap();
    assert_eq!(error.code(), ErrorCode::StoreDamaged, "{error}");
    assert!(
        error.message().contains("the index is malformed") && error.hint().contains("run repair"),
        "{error}"
    );
    let report = repair(DIR, Arc::new(disk.clone())).unwrap();
    assert_eq!((report.damage.len(), report.kept_entries), (1, 600), "{report:?}");
    assert!(report.lost_keys.is_empty() && report.lost_sequences.is_empty(), "{report:?}");
    let store = Store::open(DIR, options()).unwrap();
    for (key, value) in &truth {
        assert_eq!(store.get(None, key).unwrap().as_ref(), Some(value));
    }
    assert_eq!(store.verify(|_, _| {}).unwrap().damage, []);
}
