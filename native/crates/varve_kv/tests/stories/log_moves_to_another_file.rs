//! Log files had at least 1 MiB, which hardly a tortured store filled, so two promises were never tried: the torture
//! passed with a log that did not sync the file which it left, and with one that reused a file before it was folded.

use varve_files::simulate::{Disk, Random};
use varve_kv::limits::LOG_FILE_BYTES_MIN;
use varve_kv::{Durability, OpenOptions, Store};

use super::{DIR, batch, options};

/// Fifteen of these fill a log file, sixty a memtable.
const VALUE: [u8; 1000] = [7; 1000];

fn open(disk: &Disk) -> Store {
    Store::open(DIR, OpenOptions { log_file_bytes: LOG_FILE_BYTES_MIN, ..options(disk) }).unwrap()
}

fn put(store: &Store, key: u64, durability: Durability) {
    store.write_wait(batch(&key.to_string(), &VALUE), durability).unwrap();
}

/// The first of `keys` keys that is gone.
fn missing(store: &Store, keys: u64) -> Option<u64> {
    (0..keys).find(|key| store.get(None, key.to_string().as_bytes()).unwrap().is_none())
}

#[test]
fn a_sync_covers_the_file_that_writing_left() {
    // Luck decides what a power cut keeps of unsynced bytes.
    for luck in 0..20 {
        let disk = Disk::new(1);
        let store = open(&disk);
        (0..20).for_each(|key| put(&store, key, Durability::Fast));
        put(&store, 20, Durability::Synced);
        disk.restart(&mut Random::new(luck));
        drop(store);
        assert_eq!(missing(&open(&disk), 21), None, "luck {luck}");
    }
}

#[test]
fn a_file_is_reused_only_when_it_is_folded() {
    let disk = Disk::new(1);
    // Each life goes on with files that the one before left full, some of them folded.
    for life in 0..4 {
        let store = open(&disk);
        assert_eq!(missing(&store, life * 100), None, "life {life}");
        (life * 100..(life + 1) * 100).for_each(|key| put(&store, key, Durability::Fast));
        disk.end_process();
    }
    assert_eq!(missing(&open(&disk), 400), None);
}
