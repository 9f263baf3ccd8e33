//! Repair without a catalogue raised the store's epoch to half of all numbers, so that no log record
//! could seem to come from the future. After a second loss of the catalogue the records written since
//! did: every commit in the log was dropped (and reported as lost).

use std::sync::Arc;

use varve_files::simulate::Disk;
use varve_kv::repair;

use super::{DIR, file, open, put};

#[test]
fn the_log_survives_both_losses() {
    let disk = Disk::new(1);
    for round in 0..3 {
        let store = open(&disk);
        put(&store, &format!("key {round}"), b"value");
        store.close().unwrap();
        disk.put(&file(&disk, "CATALOGUE"), None);
        let report = repair(DIR, Arc::new(disk.clone())).unwrap();
        assert_eq!((report.lost_sequences, report.lost_keys), (vec![], vec![]), "round {round}");
        let store = open(&disk);
        for known in 0..=round {
            assert!(store.get(None, format!("key {known}").as_bytes()).unwrap().is_some(), "key {known}");
        }
    }
}
