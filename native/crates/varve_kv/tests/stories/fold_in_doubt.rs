//! With an external log the caller stores the catalogue. When it reported that storing failed, the new
//! segment's file was removed at once; but a failed commit may be on disk all the same, and then the
//! stored catalogue names a file that is gone.

use std::sync::{Arc, Mutex};

use varve_files::simulate::Disk;
use varve_kv::{Batch, Event, LogMode, OpenOptions, Step, Store};

use super::{DIR, options};

type Folds = Arc<Mutex<Vec<(u64, Vec<u8>)>>>;

fn external(disk: &Disk, catalogue: Option<Vec<u8>>, folds: &Folds) -> Store {
    let folds = folds.clone();
    let on_event = move |event| {
        if let Event::Fold { ticket, catalogue, .. } = event {
            folds.lock().unwrap().push((ticket, catalogue));
        }
    };
    let log = LogMode::External { catalogue };
    Store::open(DIR, OpenOptions { log, on_event: Some(Arc::new(on_event)), ..options(disk) }).unwrap()
}

#[test]
fn the_segment_of_a_failed_fold_stays_readable() {
    let disk = Disk::new(1);
    let folds = Folds::default();
    let first = external(&disk, None, &folds);
    let catalogue = first.catalogue();
    drop(first);
    let store = external(&disk, Some(catalogue), &folds);
    let mut batch = Batch::new();
    batch.put(b"key", b"value").unwrap();
    store.apply(&batch, 1).unwrap();
    store.flush().unwrap();
    while store.step().unwrap() != Step::Idle {}
    let (ticket, stored) = folds.lock().unwrap().pop().unwrap();
    store.fold_failed(ticket).unwrap();
    disk.end_process();
    drop(store);
    // The catalogue had reached the disk in spite of the error.
    let store = external(&disk, Some(stored), &folds);
    assert_eq!(store.get(None, b"key").unwrap().unwrap(), b"value");
}
