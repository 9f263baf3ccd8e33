//! All ways to write and read a block against each other, and what rot may make of one.

use proptest::prelude::*;

use super::*;
use crate::hash::{fingerprint, hash};

/// Both ways to find a key, which must agree.
fn find<'a>(block: &Block, bytes: &'a [u8], key: &[u8]) -> Option<Option<Entry<'a>>> {
    let print = fingerprint(hash(key));
    let first = block.first_match(bytes, print);
    let found = block.find_from(first, bytes, key, print);
    if let Some(fixed) = bytes.first_chunk().and_then(FixedBlock::of) {
        assert_eq!(fixed.probe(print), first);
        // The first match may be another key; then the long way decides.
        if let Some(value) = fixed.value_at(first, key) {
            assert_eq!(found.flatten().map(|entry| entry.value), Some(Some(value)));
        }
    }
    found
}

fn check(entries: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let mut builder = BlockBuilder::default();
    let mut kept = 0;
    for (key, value) in entries {
        if !builder.add(key, value.as_deref(), fingerprint(hash(key))) {
            break;
        }
        kept += 1;
    }
    let mut bytes = Vec::new();
    builder.finish(&mut bytes, 7, 3);
    assert_eq!(bytes.len(), BLOCK_BYTES);
    assert_eq!(bytes[..4], checksum(&bytes, 7, 3).to_le_bytes());
    assert_ne!(checksum(&bytes, 7, 3), checksum(&bytes, 7, 4));
    let block = Block::parse(&bytes).unwrap();
    assert_eq!(block.count(), kept);
    for (at, (key, value)) in entries[..kept].iter().enumerate() {
        let entry = block.entry(&bytes, at).unwrap();
        let whole = [block.prefix(&bytes).unwrap(), entry.suffix].concat();
        assert_eq!((&whole, entry.value), (key, value.as_deref()));
        assert_eq!(find(&block, &bytes, key), Some(Some(entry)));
        assert_eq!(block.lower_bound(&bytes, key), Some(at));
        let behind = [key.as_slice(), &[0]].concat();
        let expected = entries[..kept].partition_point(|(k, _)| *k < behind);
        assert_eq!(block.lower_bound(&bytes, &behind), Some(expected));
        let there = entries[..kept].iter().any(|(k, _)| *k == behind);
        assert_eq!(find(&block, &bytes, &behind).unwrap().is_some(), there);
    }
}

proptest! {
    #[test]
    fn round_trip(
        map in proptest::collection::btree_map(
            proptest::collection::vec(0u8..4, 0..20),
            proptest::option::weighted(0.9, proptest::collection::vec(any::<u8>(), 0..40)),
            1..300,
        ),
    ) {
        check(&map.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn fixed_round_trip(
        keys in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 16), 1..60),
        value in 0usize..200,
        dead in any::<bool>(),
    ) {
        let value = (!dead).then(|| vec![9; value]);
        check(&keys.into_iter().map(|key| (key, value.clone())).collect::<Vec<_>>());
    }

    #[test]
    fn hostile_blocks_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), BLOCK_BYTES), kind in 0u8..4) {
        bytes[4] = kind;
        let _ignored = Block::parse(&bytes);
        if let Some(block) = Block::header(&bytes) {
            let _ignored = find(&block, &bytes, b"key");
            let _ignored = block.lower_bound(&bytes, b"key");
            let _ignored = block.entry(&bytes, block.count().saturating_sub(1));
        }
    }
}

/// Story: a count that rot had raised put the fingerprints behind the block; they could not be read, which counted
/// as "no such fingerprint", and the key as missing.
#[test]
fn fingerprints_behind_the_block_are_damage() {
    for value in [Some(&[5; 9][..]), None] {
        let mut builder = BlockBuilder::default();
        assert!(builder.add(b"key", value, fingerprint(hash(b"key"))));
        let mut bytes = Vec::new();
        builder.finish(&mut bytes, 7, 3);
        for count in [BLOCK_BYTES as u16, u16::MAX] {
            bytes[6..8].copy_from_slice(&count.to_le_bytes());
            assert_eq!(find(&Block::header(&bytes).unwrap(), &bytes, b"kez"), None, "{count}");
        }
    }
}

#[test]
fn thirty_five_random_records_fit() {
    let entries: Vec<_> = (0..35u8)
        .map(|n| (vec![1, n, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6], Some(vec![0; 100])))
        .collect();
    let mut builder = BlockBuilder::default();
    assert!(entries.iter().all(|(key, value)| builder.add(key, value.as_deref(), 0)));
    check(&entries);
}

#[test]
fn large_round_trip() {
    for (key, value) in [(5000, Some(0)), (0, Some(5000)), (65_535, None), (3, Some(100_000))] {
        let (key, value) = (vec![7u8; key], value.map(|bytes| vec![8u8; bytes]));
        let mut run = Vec::new();
        let blocks = write_large(&mut run, &key, value.as_deref(), 1, 2);
        let block = Block::parse(&run).unwrap();
        assert_eq!(block.blocks(), blocks);
        assert_eq!(block.entry(&run, 0).unwrap(), Entry { suffix: &key, value: value.as_deref() });
        assert!(find(&block, &run, b"other").unwrap().is_none());
    }
}
