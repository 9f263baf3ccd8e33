//! Opening raised the epoch, stored the catalogue and rewrote the mark each time: five syncs before the first read of a
//! store that was closed in order, most of the time of a cold open. The first record of a session claims the store now.

use varve_files::simulate::{Action, Disk, Verdict};

use super::{open, put};

#[test]
fn reading_a_store_that_was_closed_in_order_changes_nothing_on_disk() {
    let disk = Disk::new(1);
    let store = open(&disk);
    put(&store, "key", b"value");
    store.close().unwrap();

    disk.set_plan(Some(Box::new(|call| match call.action {
        Action::Sync | Action::SyncDir | Action::Write | Action::Rename => Verdict::Fail(5),
        _ => Verdict::Proceed,
    })));
    let store = open(&disk);
    assert_eq!(store.get(None, b"key").unwrap().as_deref(), Some(&b"value"[..]));
    store.close().unwrap();
    disk.set_plan(None);

    let store = open(&disk);
    put(&store, "another", b"value");
    disk.end_process();
    drop(store);
    let store = open(&disk);
    assert!(store.get(None, b"key").unwrap().is_some() && store.get(None, b"another").unwrap().is_some());
}
