//! Byte-string indexes against their oracle, a linear scan for the last separator that is not above the key.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use common::Rng;
use proptest::prelude::*;
use varve_index::{Kind, Policy, StrIndex, StrIndexBuilder, shortest_separator};

fn check(name: &str, separators: &BTreeSet<Vec<u8>>, policy: &Policy, extra: &[Vec<u8>]) {
    let separators: Vec<&[u8]> = separators.iter().map(Vec::as_slice).collect();
    let mut builder = StrIndexBuilder::default();
    separators.iter().for_each(|separator| builder.push(separator).unwrap());
    let (image, report) = builder.finish(policy).unwrap();
    assert!(
        report.fallback.is_none() || policy.choice == varve_index::Choice::Forced(Kind::Affine),
        "{name} {report:?}"
    );
    let index = StrIndex::open(&image).unwrap();
    assert_eq!(index.len(), separators.len());

    let mut keys: Vec<Vec<u8>> = extra.to_vec();
    keys.extend([vec![], vec![0], vec![0; 20], vec![0xff], vec![0xff; 20]]);
    for separator in &separators {
        for cut in [0, 1, 7, 8, 9, separator.len().saturating_sub(1), separator.len()] {
            keys.push(separator[..cut.min(separator.len())].to_vec());
        }
        for end in [&[0][..], &[0, 0], &[0xff], &[0xff; 9], b"m"] {
            keys.push([separator, end].concat());
        }
        if let Some((last, rest)) = separator.split_last() {
            keys.push([rest, &[last.wrapping_sub(1)], &[0xff; 8]].concat());
            keys.push([rest, &[last.wrapping_add(1)]].concat());
        }
    }
    let slices: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let mut found = vec![usize::MAX; slices.len()];
    index.find_batch(&slices, &mut found);
    for (key, batched) in slices.iter().zip(found) {
        let expected = separators.partition_point(|separator| separator <= key).saturating_sub(1);
        let answers = (index.find(key), batched, index.find_traced(key).0);
        assert_eq!(answers, (expected, expected, expected), "{name} {report:?} key {key:?}");
    }
    for (at, separator) in separators.iter().enumerate() {
        let kept = index.separator(at).map(|(prefix, rest)| [prefix, rest].concat());
        assert_eq!(kept.as_deref(), (at > 0).then_some(*separator), "{name}");
    }
}

fn sets() -> Vec<(&'static str, BTreeSet<Vec<u8>>)> {
    let mut rng = Rng(5);
    let n = 3000u64;
    let text = |text: String| text.into_bytes();
    vec![
        ("none", BTreeSet::new()),
        ("one", BTreeSet::from([b"only".to_vec()])),
        ("the empty key", BTreeSet::from([vec![]])),
        ("prefixes of each other", (0..200).map(|len| vec![b'a'; len]).collect()),
        ("zeros of every length", (0..200).map(|len| vec![0; len]).collect()),
        ("0xff of every length", (0..200).map(|len| vec![0xff; len]).collect()),
        (
            "zeros inside",
            (0..n).map(|i| [&(i / 50).to_be_bytes()[..], &vec![0; (i % 50) as usize]].concat()).collect(),
        ),
        ("numbers", (0..n).map(|i| (i * i).to_be_bytes().to_vec()).collect()),
        (
            "tenant and time",
            (0..n).map(|i| [&(i % 3).to_be_bytes()[..], &(i * 977).to_be_bytes()].concat()).collect(),
        ),
        (
            "random 16 bytes",
            (0..n).map(|_| [rng.next().to_be_bytes(), rng.next().to_be_bytes()].concat()).collect(),
        ),
        (
            "random short",
            (0..n).map(|_| rng.next().to_be_bytes()[..rng.below(6) as usize].to_vec()).collect(),
        ),
        (
            "paths",
            (0..n)
                .map(|i| text(format!("/usr/share/doc/package-{}/files/{}/readme-{i}", i % 7, i % 61)))
                .collect(),
        ),
        (
            "deep paths",
            (0..n).map(|i| text(format!("{}{i:09}", "directory/".repeat((i % 12) as usize)))).collect(),
        ),
        (
            "names",
            (0..n)
                .map(|i| {
                    text(format!(
                        "{}-{}",
                        ["react", "lodash-plugin", "aws-sdk-client", "x"][i as usize % 4],
                        rng.below(9999)
                    ))
                })
                .collect(),
        ),
        ("very long", (0..40u8).map(|i| [vec![b'k'; 70_000], vec![i; 3]].concat()).collect()),
        ("bits", (0..n).map(|_| (0..rng.below(20)).map(|_| rng.below(2) as u8 * 255).collect()).collect()),
    ]
}

#[test]
fn every_set_under_every_policy() {
    let policies = [
        Policy::counted(),
        Policy::default(),
        Policy::forced(Kind::LineProbe { epsilon: 15 }),
        Policy::forced(Kind::SplusTree),
        Policy::forced(Kind::SparseFences),
    ];
    for (name, set) in sets() {
        for policy in &policies {
            check(name, &set, policy, &[]);
        }
    }
}

#[test]
fn runs_of_one_head_become_children() {
    let (_, tenants) = sets().into_iter().find(|(name, _)| *name == "tenant and time").unwrap();
    let mut builder = StrIndexBuilder::default();
    tenants.iter().for_each(|separator| builder.push(separator).unwrap());
    let (_, report) = builder.finish(&Policy::counted()).unwrap();
    // Seven zero bytes are shared; the heads are the tenant and seven bytes of time that differ.
    assert_eq!((report.prefix_bytes, report.node_count), (7, 1), "{report:?}");

    let mut builder = StrIndexBuilder::default();
    let long: BTreeSet<Vec<u8>> = (0..300u64).map(|i| format!("{:08}{:08}", i % 3, i).into_bytes()).collect();
    long.iter().for_each(|separator| builder.push(separator).unwrap());
    let (_, report) = builder.finish(&Policy::counted()).unwrap();
    assert!(report.node_count >= 1 && report.prefix_bytes == 7, "{report:?}");

    let mut builder = StrIndexBuilder::default();
    let far: BTreeSet<Vec<u8>> =
        (0..300u64).map(|i| format!("{}tenant-{:012}", i % 3, i).into_bytes()).collect();
    far.iter().for_each(|separator| builder.push(separator).unwrap());
    let (_, report) = builder.finish(&Policy::counted()).unwrap();
    assert_eq!(report.node_count, 4, "{report:?}");
}

#[test]
fn repeated_and_falling_separators_are_refused() {
    for next in [&b"b"[..], b"a", b""] {
        let mut builder = StrIndexBuilder::default();
        builder.push(b"b").unwrap();
        assert_eq!(builder.push(next).unwrap_err().code().as_str(), "INDEX_UNSORTED");
    }
}

#[test]
fn shortest_separators_split_where_the_keys_split() {
    let rows: &[(&[u8], &[u8], &[u8])] = &[
        (b"", b"abc", b"a"),
        (b"abc", b"abd", b"abd"),
        (b"abc", b"abcd", b"abcd"),
        (b"abc", b"b", b"b"),
        (b"abcdefgh", b"abxdefgh", b"abx"),
        (b"a", b"a\0\0", b"a\0"),
    ];
    for (previous, first, expected) in rows {
        assert_eq!(shortest_separator(previous, first), *expected);
    }
}

fn separator() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0u8), Just(0xff), Just(b'a'), Just(b'b'), any::<u8>()];
    let tail = prop::collection::vec(byte, 0..24);
    (
        prop_oneof![
            Just(&b""[..]),
            Just(&b"aaaaaaaa"[..]),
            Just(&b"aaaaaaaaaaaaaaaabbbbbbbb"[..]),
            Just(&b"\0\0\0\0"[..])
        ],
        tail,
    )
        .prop_map(|(head, tail)| [head, &tail].concat())
}

proptest! {
    #[test]
    fn finds_equal_the_scan(
        separators in prop::collection::btree_set(separator(), 0..300),
        extra in prop::collection::vec(separator(), 50),
        policy in prop_oneof![Just(Policy::counted()), Just(Policy::forced(Kind::LineProbe { epsilon: 4 }))],
    ) {
        check("random", &separators, &policy, &extra);
    }

    #[test]
    fn shortest_separators_stay_between(a in separator(), b in separator()) {
        prop_assume!(a != b);
        let (previous, first) = if a < b { (a, b) } else { (b, a) };
        let cut = shortest_separator(&previous, &first);
        prop_assert!(previous.as_slice() < cut && cut <= first.as_slice());
    }
}
