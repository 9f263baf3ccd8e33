//! "After a failed sync the store poisons itself and says so" held for the log alone: when the sync of a
//! new segment or of the directory failed, the store tried again, although a second sync proves nothing
//! about what the first one could not write.

use varve_files::simulate::{Action, Disk, Verdict};
use varve_kv::{Durability, Store};
use varve_types::ErrorCode;

use super::{batch, is, open, put};

fn check(action: Action, name: &'static str, work: impl Fn(&Store)) {
    let disk = Disk::new(1);
    let store = open(&disk);
    put(&store, "key", b"value");
    super::fail_once(&disk, Verdict::Fail(libc::EIO), move |call| is(call, action, name));
    work(&store);
    let told = store.stats().poisoned.expect("the store is poisoned");
    assert!(told.contains("cannot sync"), "{told}");
    let refused = store.write_wait(batch("more", b""), Durability::Fast).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StorePoisoned);
    assert_eq!(store.get(None, b"key").unwrap().unwrap(), b"value");
    disk.end_process();
    drop(store);
    assert_eq!(open(&disk).get(None, b"key").unwrap().unwrap(), b"value");
}

#[test]
fn every_failed_sync_poisons() {
    let flush = |store: &Store| assert!(store.flush().is_err());
    check(Action::Sync, ".vseg", flush);
    check(Action::Sync, "CATALOGUE.next", flush);
    check(Action::SyncDir, "/store", flush);
    check(Action::Sync, ".vlog", |store| {
        store.write_wait(batch("other", b""), Durability::Synced).unwrap_err();
    });
}
