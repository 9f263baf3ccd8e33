//! A merge may have several outputs. Without a catalogue their commits alone do not tell whether all of them are there:
//! an output that covers the commits of an input, but not all of its keys, must not replace it. Nor may an input that is
//! still there, because it could not be removed, bring back what was deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use varve_files::simulate::{Action, Disk, Verdict};
use varve_kv::{Batch, Durability, OpenOptions, Step, Store, repair};

use super::{DIR, file, is, options};

type Truth = BTreeMap<u32, Option<u8>>;

fn small(disk: &Disk) -> OpenOptions {
    OpenOptions { segment_bytes: 16 << 10, ..options(disk) }
}

fn write(store: &Store, truth: &mut Truth, round: u8) {
    for key in (0..600u32).map(|n| n * (2 + u32::from(round % 3))) {
        let value = (key % 5 != u32::from(round % 5)).then_some(round);
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(&key.to_be_bytes(), &[value; 100]).unwrap(),
            None => batch.delete(&key.to_be_bytes()).unwrap(),
        };
        store.write_wait(batch, Durability::Fast).unwrap();
        truth.insert(key, value);
    }
}

fn check(disk: &Disk, truth: &Truth, when: &str) {
    disk.put(&file(disk, "CATALOGUE"), None);
    let report = repair(DIR, Arc::new(disk.clone())).unwrap();
    assert_eq!(report.lost_sequences, [], "{when}");
    let store = Store::open(DIR, small(disk)).unwrap();
    for (key, value) in truth {
        let found = store.get(None, &key.to_be_bytes()).unwrap();
        assert_eq!(found, value.map(|value| vec![value; 100]), "{when}: {key}");
    }
}

/// Stops after every number of background steps, so after any number of outputs.
#[test]
fn outputs_are_not_live_before_all_are() {
    let mut worked = 0;
    for steps in 0.. {
        let disk = Disk::new(1);
        let mut truth = Truth::new();
        let store = Store::open(DIR, small(&disk)).unwrap();
        for round in 0..4 {
            write(&store, &mut truth, round);
            store.flush().unwrap();
        }
        worked = (0..steps).take_while(|_| store.step().unwrap() != Step::Idle).count();
        drop(store);
        check(&disk, &truth, &format!("after {steps} steps"));
        if worked < steps {
            break;
        }
    }
    assert!(worked > 3, "{worked} steps only");
}

#[test]
fn inputs_that_stay_bring_nothing_back() {
    let disk = Disk::new(1);
    let mut truth = Truth::new();
    let store = Store::open(DIR, small(&disk)).unwrap();
    let mut removals = 0;
    disk.set_plan(Some(Box::new(move |call| {
        removals += u32::from(is(call, Action::Remove, "segment"));
        match is(call, Action::Remove, "segment") && removals % 2 == 0 {
            true => Verdict::Fail(libc::EACCES),
            false => Verdict::Proceed,
        }
    })));
    for round in 0..9 {
        write(&store, &mut truth, round);
        store.flush().unwrap();
        store.compact().unwrap();
    }
    drop(store);
    disk.set_plan(None);
    check(&disk, &truth, "inputs left");
}

/// A merge of other keys may cover the commits on both sides of a lost segment, so that no gap shows them.
#[test]
fn a_segment_that_cannot_be_read_is_reported() {
    let disk = Disk::new(1);
    let store = Store::open(DIR, small(&disk)).unwrap();
    for (key, value) in [(1u32, 1), (9, 2), (1, 3), (2, 4)] {
        let mut batch = Batch::new();
        batch.put(&key.to_be_bytes(), &[value; 100]).unwrap();
        store.write_wait(batch, Durability::Synced).unwrap();
        store.flush().unwrap();
    }
    while store.step().unwrap() != Step::Idle {}
    let lone =
        store.stats().segments.into_iter().find(|segment| segment.key_min == 9u32.to_be_bytes()).unwrap();
    drop(store);
    let path = file(&disk, &format!("segment-{:08x}.vseg", lone.id));
    let mut bytes = disk.bytes(&path).unwrap();
    bytes[0] ^= 1;
    disk.put(&path, Some(bytes));
    disk.put(&file(&disk, "CATALOGUE"), None);
    let report = repair(DIR, Arc::new(disk.clone())).unwrap();
    assert!(report.lost_sequences.iter().any(|&(from, to)| from <= 2 && 2 <= to), "{report:?}");
}
