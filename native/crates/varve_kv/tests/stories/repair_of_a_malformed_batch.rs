//! A logged batch that does not parse, under sound checksums, was left out by repair but counted as kept: its commit
//! was gone, and no report said so.

use std::sync::Arc;

use varve_files::simulate::Disk;
use varve_kv::repair;

use super::{DIR, file, open, put};

const RECORD: usize = 4096;
const PAYLOAD: usize = RECORD + 64;

#[test]
fn its_commit_is_lost() {
    let disk = Disk::new(1);
    let store = open(&disk);
    put(&store, "first", b"value");
    put(&store, "second", b"value");
    store.close().unwrap();
    let path = file(&disk, ".vlog");
    let mut bytes = disk.bytes(&path).unwrap();
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    // No operation has this number; the checksums of payload and header are made to fit.
    bytes[PAYLOAD + 4] = 9;
    let length = number(&bytes, RECORD + 12) as usize;
    let payload_crc = crc32c::crc32c(&bytes[PAYLOAD..PAYLOAD + length]);
    bytes[RECORD + 8..RECORD + 12].copy_from_slice(&payload_crc.to_le_bytes());
    let store_id = bytes[32..48].to_vec();
    let header_crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[RECORD + 8..PAYLOAD]), &store_id);
    bytes[RECORD + 4..RECORD + 8].copy_from_slice(&header_crc.to_le_bytes());
    disk.put(&path, Some(bytes));

    let report = repair(DIR, Arc::new(disk.clone())).unwrap();
    assert_eq!((report.lost_sequences, report.kept_commits), (vec![(1, 1)], 1));
    let store = open(&disk);
    assert_eq!(store.get(None, b"first").unwrap(), None);
    assert_eq!(store.get(None, b"second").unwrap().unwrap(), b"value");
}
