//! One file per fixed bug; each opens with its story.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue_lost_beside_a_stray;
mod catalogue_lost_twice;
mod close_with_full_memtables;
mod cursor_after_an_error;
mod failed_sync_of_a_segment;
mod flush_without_room;
mod fold_in_doubt;
mod log_moves_to_another_file;
mod merge_without_catalogue;
mod open_without_sync;
mod ordered_load;
mod repair_beside_a_foreign_head;
mod repair_of_a_malformed_batch;
mod repair_without_descriptors;
mod shrink_in_doubt;
mod verify_on_a_full_disk;

use std::sync::Arc;

use varve_files::simulate::{Action, Call, Disk, Verdict};
use varve_kv::{Batch, Durability, OpenOptions, Store, Threads};

const DIR: &str = "/store";

fn options(disk: &Disk) -> OpenOptions {
    OpenOptions {
        files: Arc::new(disk.clone()),
        threads: Threads::Manual,
        memtable_bytes: 64 << 10,
        log_file_bytes: 1 << 20,
        ..OpenOptions::default()
    }
}

fn open(disk: &Disk) -> Store {
    Store::open(DIR, options(disk)).unwrap()
}

fn put(store: &Store, key: &str, value: &[u8]) {
    store.write_wait(batch(key, value), Durability::Synced).unwrap();
}

fn batch(key: &str, value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key.as_bytes(), value).unwrap();
    batch
}

/// Fails the first call that `wanted` picks.
fn fail_once(disk: &Disk, verdict: Verdict, wanted: impl Fn(&Call<'_>) -> bool + Send + 'static) {
    let mut is_done = false;
    disk.set_plan(Some(Box::new(move |call| {
        if is_done || !wanted(call) {
            return Verdict::Proceed;
        }
        is_done = true;
        verdict
    })));
}

fn is(call: &Call<'_>, action: Action, name: &str) -> bool {
    call.action == action && call.path.to_string_lossy().contains(name)
}

/// The one file whose name ends so.
fn file(disk: &Disk, ending: &str) -> std::path::PathBuf {
    disk.paths().into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
}
