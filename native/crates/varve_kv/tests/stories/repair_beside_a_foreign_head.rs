//! A segment whose head had another magic under a sound checksum ended the whole repair with `STORE_FOREIGN`: with a
//! catalogue and without one, the sound rest of the store stayed out of reach.

use std::sync::Arc;

use varve_files::simulate::Disk;
use varve_kv::repair;

use super::{DIR, file, open, put};

#[test]
fn the_rest_is_salvaged() {
    for is_catalogue_lost in [false, true] {
        let disk = Disk::new(1);
        let store = open(&disk);
        put(&store, "flushed", b"value");
        store.flush().unwrap();
        put(&store, "logged", b"value");
        store.close().unwrap();
        let path = file(&disk, ".vseg");
        let mut bytes = disk.bytes(&path).unwrap();
        bytes[..8].copy_from_slice(b"ELSEWHER");
        let crc = crc32c::crc32c(&bytes[..24]);
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        disk.put(&path, Some(bytes));
        if is_catalogue_lost {
            disk.put(&file(&disk, "CATALOGUE"), None);
        }
        let report = repair(DIR, Arc::new(disk.clone())).unwrap();
        let named: Vec<_> = report.damage.iter().map(|damage| damage.what.as_str()).collect();
        assert!(named.contains(&"not a Varve segment"), "{named:?}");
        assert_eq!((report.lost_sequences, report.lost_keys), (vec![], vec![]), "{is_catalogue_lost}");
        let store = open(&disk);
        // By the blocks of the segment, which prove themselves, or by the log, whose file was not used again yet.
        assert_eq!(store.get(None, b"flushed").unwrap().unwrap(), b"value");
        assert_eq!(store.get(None, b"logged").unwrap().unwrap(), b"value");
    }
}
