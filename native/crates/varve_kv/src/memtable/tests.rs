//! The memtable against a sorted map of versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

type Versions = BTreeMap<Vec<u8>, Vec<(u64, Option<Vec<u8>>)>>;

/// What `sequence` sees, from the oracle.
fn visible(versions: &Versions, sequence: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let newest = |list: &Vec<(u64, Option<Vec<u8>>)>| {
        list.iter().rev().find(|(at, _)| *at <= sequence).map(|(_, value)| value.clone())
    };
    versions.iter().filter_map(|(key, list)| Some((key.clone(), newest(list)?))).collect()
}

/// Key, value or tombstone, and whether it belongs to the commit of the step before.
type Step = (Vec<u8>, Option<Vec<u8>>, bool);

fn check(ops: &[Step], settle_every: usize) {
    let table = Arc::new(Memtable::new(1 << 20).unwrap());
    let mut versions = Versions::new();
    let mut sequence = 0;
    for (at, (key, value, same_commit)) in ops.iter().enumerate() {
        if !same_commit || sequence == 0 {
            sequence += 1;
        }
        table.insert(Op { key, value: value.as_deref() }, sequence);
        versions.entry(key.clone()).or_default().push((sequence, value.clone()));
        if at % settle_every == 0 {
            table.order.bring_up_to_date(&table.arena);
        }
    }
    for seen in [0, 1, sequence / 2, sequence, u64::MAX] {
        let expected = visible(&versions, seen);
        for (key, _, _) in ops {
            let want = expected.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_deref());
            assert_eq!(table.get(key, hash(key), seen), want, "get {key:?} at {seen}");
        }
        assert_eq!(table.get(b"never there", hash(b"never there"), seen), None);
        let mut iter = table.clone().iter(seen);
        let mut forward = Vec::new();
        iter.seek(b"");
        while iter.valid() {
            forward.push((iter.key().to_vec(), iter.value().map(<[u8]>::to_vec)));
            iter.next();
        }
        assert_eq!(forward, expected, "forward at {seen}");
        let mut backward = Vec::new();
        iter.seek_back(None);
        while iter.valid() {
            backward.push((iter.key().to_vec(), iter.value().map(<[u8]>::to_vec)));
            iter.previous();
        }
        backward.reverse();
        assert_eq!(backward, expected, "backward at {seen}");
        for (key, _, _) in ops {
            iter.seek_back(Some(key));
            let want = expected.iter().rev().find(|(k, _)| k <= key).map(|(k, _)| k.as_slice());
            assert_eq!(iter.valid().then(|| iter.key()), want, "seek back {key:?} at {seen}");
        }
    }
}

proptest! {
    #[test]
    fn matches_the_oracle(
        ops in proptest::collection::vec(
            (
                proptest::collection::vec(0u8..3, 0..12),
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..5)),
                any::<bool>(),
            ),
            1..200,
        ),
        settle_every in 1usize..50,
    ) {
        check(&ops, settle_every);
    }
}

#[test]
fn many_versions_of_one_key() {
    let ops: Vec<_> =
        (0..500u32).map(|n| (b"hot".to_vec(), Some(n.to_le_bytes().to_vec()), n % 7 == 0)).collect();
    check(&ops, 100);
}

#[test]
fn readers_see_whole_nodes_while_one_writer_writes() {
    let table = Arc::new(Memtable::new(8 << 20).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..40_000u64 {
                let key = (n % 1000).to_be_bytes();
                table.insert(Op { key: &key, value: Some(&n.to_le_bytes()) }, n + 1);
                table.settle();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while table.last_sequence() < 40_000 {
                    let seen = table.last_sequence();
                    for k in 0..1000u64 {
                        let key = k.to_be_bytes();
                        let Some(value) = table.get(&key, hash(&key), seen) else { continue };
                        let n = u64::from_le_bytes(value.unwrap().try_into().unwrap());
                        assert!(n % 1000 == k && n < seen, "{n} under {k} at {seen}");
                    }
                    let mut iter = table.clone().iter(seen);
                    iter.seek(b"");
                    let mut previous = None;
                    while iter.valid() {
                        let key = iter.key().to_vec();
                        assert!(previous.is_none_or(|p| p < key));
                        previous = Some(key);
                        iter.next();
                    }
                }
            });
        }
    });
}
