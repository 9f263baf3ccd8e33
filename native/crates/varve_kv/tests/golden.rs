//! A store written by format 1 must open and read exactly, for ever; files of other formats are told apart.
//!
//! `VARVE_WRITE_GOLDEN=1 cargo test -p varve_kv --test golden` writes the files again, which only a new
//! format may need. Trailing zeros of the preallocated log are left out of the committed file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use varve_kv::simulate::Disk;
use varve_kv::{Batch, Durability, OpenOptions, Range, Store, Threads};
use varve_types::ErrorCode;

const DIR: &str = "/store";
const LOG_BYTES: usize = 1 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1")
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

fn golden() -> Disk {
    let disk = Disk::new(2);
    for file in fs::read_dir(folder()).unwrap() {
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
fn format_1_reads_exactly() {
    let (fresh, truth) = written();
    if std::env::var_os("VARVE_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(folder()).unwrap();
        for path in fresh.paths() {
            let mut bytes = fresh.bytes(&path).unwrap();
            if path.extension().is_some_and(|extension| extension == "vlog") {
                bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
            }
            fs::write(folder().join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    let store = open(&golden()).unwrap();
    let mut found = BTreeMap::new();
    let mut cursor = store.cursor(None, Range::default()).unwrap();
    while let Some((key, value)) = cursor.next_entry().unwrap() {
        found.insert(key.to_vec(), value.to_vec());
    }
    assert_eq!(found, truth);
    for (key, value) in &truth {
        assert_eq!(store.get(None, key).unwrap().as_ref(), Some(value));
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
        golden().paths().into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
    };
    let whole = golden().bytes(&path_of("CATALOGUE")).unwrap().len() - 4;
    for (ending, covered) in [("CATALOGUE", whole), (".vlog", 48), (".vseg", 24)] {
        let (disk, path) = (golden(), path_of(ending));
        let mut bytes = disk.bytes(&path).unwrap();
        with_format(&mut bytes, 2, covered);
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
