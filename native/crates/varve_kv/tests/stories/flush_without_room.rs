//! With an external log, a flush that found every place for frozen memtables taken waited for a fold while it held
//! the writer lock. The caller's one thread then stood in `apply`, waiting for that lock, and never came to commit the
//! fold: a store with its log on LevelDB hung for ever when commits and flushes came together.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use varve_files::simulate::Disk;
use varve_kv::{Batch, Event, LogMode, OpenOptions, Store, Threads};

use super::{DIR, options};

/// Long enough for any machine; a hang would be for ever.
const PATIENCE: Duration = Duration::from_secs(30);

fn apply(store: &Arc<Store>, sequence: u64) -> bool {
    let (done, outcome) = mpsc::channel();
    let store = Arc::clone(store);
    thread::spawn(move || {
        let mut batch = Batch::new();
        batch.put(&sequence.to_be_bytes(), b"value").unwrap();
        // The test may have given up.
        let _sent = done.send(store.apply(&batch, sequence).is_ok());
    });
    outcome.recv_timeout(PATIENCE).expect("apply never waits for a fold")
}

#[test]
fn apply_goes_on_while_a_flush_waits_for_room() {
    let disk = Disk::new(1);
    let (tell, folds): (Sender<u64>, Receiver<u64>) = mpsc::channel();
    let tell = Mutex::new(tell);
    let on_event = move |event| {
        if let Event::Fold { ticket, .. } = event {
            let _sent = tell.lock().unwrap().send(ticket);
        }
    };
    let open = OpenOptions {
        log: LogMode::External { catalogue: None },
        threads: Threads::Own,
        on_event: Some(Arc::new(on_event)),
        ..options(&disk)
    };
    let store = Arc::new(Store::open(DIR, open).unwrap());
    // Two flushes take both places for frozen memtables, a third waits.
    let flushes: Vec<_> = (1..=3)
        .map(|sequence| {
            assert!(apply(&store, sequence));
            let flushing = Arc::clone(&store);
            let flush = thread::spawn(move || flushing.flush());
            while sequence < 3 && store.stats().frozen_memtables < sequence {
                thread::yield_now();
            }
            flush
        })
        .collect();
    thread::sleep(Duration::from_millis(100));
    assert!(apply(&store, 4), "there is room in the active memtable");
    while !flushes.iter().all(thread::JoinHandle::is_finished) {
        if let Ok(ticket) = folds.recv_timeout(Duration::from_millis(10)) {
            store.fold_committed(ticket).unwrap();
        }
    }
    for flush in flushes {
        flush.join().unwrap().unwrap();
    }
    for sequence in 1..=4u64 {
        assert_eq!(store.get(None, &sequence.to_be_bytes()).unwrap().unwrap(), b"value");
    }
}
