//! Close promises to commit what is queued. With both frozen memtables waiting for their flush it
//! refused the rest of the queue instead, because the thread that flushes had already ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use varve_files::simulate::Disk;
use varve_kv::{Durability, OpenOptions, Store, Threads};

use super::{DIR, batch, options};

#[test]
fn everything_queued_is_committed() {
    let disk = Disk::new(1);
    let options = OpenOptions { threads: Threads::Own, ..options(&disk) };
    let store = Store::open(DIR, options).unwrap();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    for number in 0..40 {
        let count = acknowledged.clone();
        let big = batch(&format!("key {number}"), &[7; 60 << 10]);
        let done = move |outcome: varve_types::Result<varve_kv::Receipt>| {
            outcome.expect("a queued write is committed");
            count.fetch_add(1, Ordering::Relaxed);
        };
        store.write_with(big, Durability::Fast, done).unwrap();
    }
    store.close().unwrap();
    assert_eq!(acknowledged.load(Ordering::Relaxed), 40);
    let store = super::open(&disk);
    for number in 0..40 {
        assert!(store.get(None, format!("key {number}").as_bytes()).unwrap().is_some(), "key {number}");
    }
}
