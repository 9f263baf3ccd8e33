//! A store lost its catalogue, and a file manager had left a `.DS_Store` in its directory. Open and repair both said that
//! the directory is somebody else's (`STORE_FOREIGN`), although mark, log and segments were there, because
//! the directory listed the stray file first; where it came last, all could be repaired. So since the first release.

use std::path::Path;
use std::sync::Arc;

use varve_files::simulate::Disk;
use varve_kv::repair;
use varve_types::ErrorCode;

use super::{DIR, file, open, options, put};

fn check(stray: &str, flushes: bool) {
    let disk = Disk::new(1);
    let store = open(&disk);
    put(&store, "key", b"value");
    if flushes {
        store.flush().unwrap();
    }
    store.close().unwrap();
    let stray = Path::new(DIR).join(stray);
    disk.put(&stray, Some(b"not ours".to_vec()));
    disk.put(&file(&disk, "CATALOGUE"), None);

    let error = varve_kv::Store::open(DIR, options(&disk)).err().unwrap();
    assert_eq!(error.code(), ErrorCode::StoreDamaged, "{error}");
    let report = repair(DIR, Arc::new(disk.clone())).unwrap();
    assert_eq!((report.lost_sequences, report.lost_keys), (vec![], vec![]));
    let store = open(&disk);
    assert_eq!(store.get(None, b"key").unwrap().unwrap(), b"value");
    assert_eq!(disk.bytes(&stray).unwrap(), b"not ours");
}

#[test]
fn it_is_damage_whatever_comes_first() {
    for stray in [".DS_Store", "Aaa", "MASK", "notes.txt", "zzz"] {
        for flushes in [false, true] {
            check(stray, flushes);
        }
    }
}

/// A mark alone tells nothing: the log on LevelDB has a file of that name, among others that are strange here.
#[test]
fn without_data_the_directory_is_somebody_elses() {
    for (stray, kept) in [(".DS_Store", "LOCK"), ("zzz", "LOCK"), ("CURRENT", "MARK"), ("zzz", "MARK")] {
        let disk = Disk::new(1);
        open(&disk).close().unwrap();
        for path in disk.paths().into_iter().filter(|path| !path.ends_with(kept)) {
            disk.put(&path, None);
        }
        disk.put(&Path::new(DIR).join(stray), Some(Vec::new()));
        let error = varve_kv::Store::open(DIR, options(&disk)).err().unwrap();
        assert_eq!(error.code(), ErrorCode::StoreForeign, "{error}");
        assert_eq!(repair(DIR, Arc::new(disk.clone())).err().unwrap().code(), ErrorCode::StoreForeign);
    }
}
