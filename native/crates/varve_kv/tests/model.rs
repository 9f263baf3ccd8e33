//! The store against a sorted map over random histories: batches, flushes, merges, snapshots, cleared ranges,
//! crashes, and both kinds of log; every way of reading must agree with the map.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use varve_files::simulate::{Disk, Random};
use varve_kv::{
    Batch, Durability, Event, Fields, LogMode, MISSING, OpenOptions, PackedKeys, Range, Snapshot, Step,
    Store, Threads,
};

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;
type Operation = (Vec<u8>, Option<Vec<u8>>);

#[derive(Clone, Debug)]
enum Action {
    Write(Vec<Operation>),
    Clear(Bounds),
    Flush,
    Compact,
    Steps(u8),
    Snapshot,
    Scan(Bounds, bool, u8, Vec<u8>),
    Kill,
    CutPower(u64),
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Few letters, so that keys meet, share prefixes and are sometimes empty.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => vec(0u8..3, 0..6), 2 => vec(any::<u8>(), 8..20), 1 => vec(Just(7u8), 4000..4200)]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let of_length = |length: std::ops::Range<usize>| (any::<u8>(), length).prop_map(|(b, n)| vec![b; n]);
    prop_oneof![6 => of_length(0..60), 2 => Just(vec![1; 16]), 1 => of_length(3000..20_000)]
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let bound = || {
        prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
    };
    (bound(), bound())
}

fn action() -> impl Strategy<Value = Action> {
    let operation = (key(), proptest::option::weighted(0.8, value()));
    prop_oneof![
        20 => vec(operation, 1..12).prop_map(Action::Write),
        1 => bounds().prop_map(Action::Clear),
        3 => Just(Action::Flush),
        1 => Just(Action::Compact),
        3 => (0u8..20).prop_map(Action::Steps),
        2 => Just(Action::Snapshot),
        6 => (bounds(), any::<bool>(), any::<u8>(), key()).prop_map(|(b, r, l, k)| Action::Scan(b, r, l, k)),
        1 => Just(Action::Kill),
        1 => any::<u64>().prop_map(Action::CutPower),
    ]
}

/// Ticket, catalogue, last folded commit.
type Fold = (u64, Vec<u8>, u64);

/// The caller's side of an external log: what it stored durably.
#[derive(Default)]
struct Outside {
    catalogue: Option<Vec<u8>>,
    commits: Vec<(u64, Batch)>,
    folds: Arc<Mutex<Vec<Fold>>>,
}

struct World {
    disk: Disk,
    store: Option<Store>,
    truth: Contents,
    snapshots: Vec<(Snapshot, Contents)>,
    outside: Option<Outside>,
}

impl World {
    fn new(is_external: bool) -> Self {
        let outside = is_external.then(Outside::default);
        let mut world =
            Self { disk: Disk::new(1), store: None, truth: Contents::new(), snapshots: Vec::new(), outside };
        world.open();
        world
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn open(&mut self) {
        let mut options = OpenOptions {
            files: Arc::new(self.disk.clone()),
            threads: Threads::Manual,
            memtable_bytes: 64 << 10,
            segment_bytes: 4 << 10,
            log_file_bytes: 1 << 20,
            ..OpenOptions::default()
        };
        if let Some(outside) = &self.outside {
            let folds = outside.folds.clone();
            options.log = LogMode::External { catalogue: outside.catalogue.clone() };
            options.on_event = Some(Arc::new(move |event| {
                if let Event::Fold { ticket, catalogue, folded_sequence } = event {
                    folds.lock().unwrap().push((ticket, catalogue, folded_sequence));
                }
            }));
        }
        self.store = Some(Store::open("/store", options).unwrap());
        if let Some(mut outside) = self.outside.take() {
            let catalogue = self.store().catalogue();
            outside.catalogue.get_or_insert(catalogue);
            let commits = outside.commits.clone();
            self.outside = Some(outside);
            for (sequence, batch) in &commits {
                self.apply(batch, *sequence);
            }
        }
    }

    /// Stores the catalogues of finished folds and drops the folded commits, in one step.
    fn commit_folds(&mut self) {
        let Some(outside) = &mut self.outside else { return };
        let folds = std::mem::take(&mut *outside.folds.lock().unwrap());
        for (ticket, catalogue, folded) in folds {
            outside.catalogue = Some(catalogue);
            outside.commits.retain(|(sequence, _)| *sequence > folded);
            self.store.as_ref().unwrap().fold_committed(ticket).unwrap();
        }
    }

    fn apply(&mut self, batch: &Batch, sequence: u64) {
        while !self.store().can_apply(batch) {
            self.store().step().unwrap();
            self.commit_folds();
        }
        self.store().apply(batch, sequence).unwrap();
    }

    fn write(&mut self, operations: &[Operation]) {
        let mut batch = Batch::new();
        for (key, value) in operations {
            match value {
                Some(value) => {
                    batch.put(key, value).unwrap();
                    self.truth.insert(key.clone(), value.clone());
                }
                None => {
                    batch.delete(key).unwrap();
                    self.truth.remove(key);
                }
            }
        }
        match &mut self.outside {
            None => drop(self.store().write_wait(batch, Durability::Synced).unwrap()),
            Some(outside) => {
                let sequence = self.store.as_ref().unwrap().stats().sequence + 1;
                outside.commits.push((sequence, batch.clone()));
                self.apply(&batch, sequence);
            }
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Write(operations) => self.write(operations),
            Action::Clear(bounds) if self.outside.is_none() => {
                let gone = keys_in(&self.truth, bounds);
                let cleared = self.store().clear_range(range(bounds), Durability::Synced).unwrap();
                assert_eq!(cleared, gone.len() as u64);
                gone.iter().for_each(|key| drop(self.truth.remove(key)));
            }
            Action::Clear(_) => {}
            // With an external log a flush ends at the first fold that waits for its commit.
            Action::Flush if self.outside.is_some() => drop(self.store().flush()),
            Action::Flush => self.store().flush().unwrap(),
            Action::Compact if self.outside.is_none() => {
                self.store().compact().unwrap();
                let stats = self.store().stats();
                assert!(stats.segments.iter().all(|segment| segment.level == 0 && segment.tombstones == 0));
            }
            Action::Compact => {}
            Action::Steps(count) => {
                for _ in 0..*count {
                    if self.store().step().unwrap() == Step::Idle {
                        break;
                    }
                }
            }
            Action::Snapshot => {
                self.snapshots.truncate(3);
                let taken = (self.store().snapshot(), self.truth.clone());
                assert_eq!(taken.0.sequence(), self.store().stats().sequence);
                self.snapshots.insert(0, taken);
            }
            Action::Scan(bounds, reverse, limit, seek) => {
                let limit = if *limit < 128 { u64::from(*limit / 8) } else { u64::MAX };
                let range = Range { reverse: *reverse, limit, ..range(bounds) };
                check_scan(self.store(), None, &self.truth, &range, seek);
                for (view, contents) in &self.snapshots {
                    check_scan(self.store(), Some(view), contents, &range, seek);
                }
            }
            Action::Kill => {
                self.disk.end_process();
                self.reopen();
            }
            Action::CutPower(seed) => {
                self.disk.restart(&mut Random::new(*seed));
                self.reopen();
            }
        }
        self.commit_folds();
    }

    fn reopen(&mut self) {
        self.snapshots.clear();
        self.store = None;
        if let Some(outside) = &self.outside {
            outside.folds.lock().unwrap().clear();
        }
        self.open();
    }

    fn check(&self) {
        let everything = Range::default();
        check_scan(self.store(), None, &self.truth, &everything, b"");
        check_points(self.store(), None, &self.truth);
        for (view, contents) in &self.snapshots {
            check_scan(self.store(), Some(view), contents, &everything, b"");
            check_points(self.store(), Some(view), contents);
        }
        assert_eq!(self.store().verify(|_, _| {}).unwrap().damage, []);
    }
}

fn range(bounds: &Bounds) -> Range {
    Range { lower: bounds.0.clone(), upper: bounds.1.clone(), ..Range::default() }
}

fn keys_in(contents: &Contents, bounds: &Bounds) -> Vec<Vec<u8>> {
    contents.keys().filter(|key| range(bounds).contains(key)).cloned().collect()
}

fn check_scan(store: &Store, view: Option<&Snapshot>, contents: &Contents, range: &Range, seek: &[u8]) {
    let mut inside: Vec<(&Vec<u8>, &Vec<u8>)> =
        contents.iter().filter(|(key, _)| range.contains(key)).collect();
    if range.reverse {
        inside.reverse();
    }
    let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
    let expected: Vec<_> = inside.iter().take(limit).copied().collect();
    let mut cursor = store.cursor(view, range.clone()).unwrap();
    let mut at = 0;
    while let Some((key, value)) = cursor.next_entry().unwrap() {
        assert_eq!(
            expected.get(at).map(|(k, v)| (k.as_slice(), v.as_slice())),
            Some((key, value)),
            "{range:?}"
        );
        at += 1;
    }
    assert_eq!(at, expected.len(), "{range:?}");
    // In packed pieces, of a size that ends in the middle.
    let mut cursor = store.cursor(view, range.clone()).unwrap();
    let (mut bytes, mut ends, mut at) = (vec![0; 700], vec![0; 14], 0);
    loop {
        let filled = cursor.fill(Fields::Both, &mut bytes, &mut ends).unwrap();
        let mut start = 0;
        for pair in ends[..2 * filled.entries].chunks(2) {
            let (middle, end) = (pair[0] as usize, pair[1] as usize);
            let (key, value) = expected[at];
            assert_eq!((&bytes[start..middle], &bytes[middle..end]), (key.as_slice(), value.as_slice()));
            (start, at) = (end, at + 1);
        }
        if filled.done {
            break;
        }
        bytes.resize(bytes.len().max(filled.needed), 0);
    }
    assert_eq!(at, expected.len(), "{range:?}");
    // From a place inside, before or behind the range.
    let mut cursor = store.cursor(view, range.clone()).unwrap();
    cursor.seek(seek).unwrap();
    let behind = |key: &Vec<u8>| if range.reverse { key.as_slice() <= seek } else { key.as_slice() >= seek };
    let mut rest = inside.iter().filter(|(key, _)| behind(key)).take(limit);
    while let Some((key, value)) = cursor.next_entry().unwrap() {
        assert_eq!(
            rest.next().map(|(k, v)| (k.as_slice(), v.as_slice())),
            Some((key, value)),
            "{range:?} {seek:?}"
        );
    }
    assert!(rest.next().is_none(), "{range:?} {seek:?}");
}

fn check_points(store: &Store, view: Option<&Snapshot>, contents: &Contents) {
    let absent = contents.keys().map(|key| [key.as_slice(), &[0]].concat()).chain([vec![], vec![9]]);
    let keys: Vec<Vec<u8>> = contents.keys().cloned().chain(absent).collect();
    let (mut packed, mut key_ends) = (Vec::new(), Vec::new());
    for key in &keys {
        assert_eq!(store.get(view, key).unwrap().as_ref(), contents.get(key));
        packed.extend_from_slice(key);
        key_ends.push(packed.len() as u32);
    }
    let asked = PackedKeys::new(&packed, &key_ends).unwrap();
    let total: usize = contents.values().map(Vec::len).sum();
    let (mut values, mut ends) = (vec![0; total * 2 + 8], vec![0; keys.len()]);
    let done = store.get_many_packed(view, asked, &mut values, &mut ends).unwrap();
    assert_eq!(done.count, keys.len());
    let mut start = 0;
    for (key, end) in keys.iter().zip(ends) {
        let found = (end & MISSING == 0).then(|| values[start..end as usize].to_vec());
        start = (end & !MISSING) as usize;
        assert_eq!(found.as_ref(), contents.get(key));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_sorted_map(actions in vec(action(), 1..120), is_external in any::<bool>()) {
        let mut world = World::new(is_external);
        for action in &actions {
            world.act(action);
        }
        world.check();
        world.act(&Action::Kill);
        world.check();
    }
}
