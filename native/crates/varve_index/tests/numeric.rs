//! Numeric indexes against their oracle, `partition_point`: every kind, mode, instruction set and way of asking.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{key_sets, queries};
use proptest::prelude::*;
use varve_index::{Choice, Index, Isa, Kind, Mode, OrderedKey, Policy, build, build_with_clock};

const KINDS: [Kind; 7] = [
    Kind::Affine,
    Kind::LineProbe { epsilon: 1 },
    Kind::LineProbe { epsilon: 15 },
    Kind::LineProbe { epsilon: 31 },
    Kind::LineProbe { epsilon: 1000 },
    Kind::SplusTree,
    Kind::SparseFences,
];

/// Builds, opens, and compares every answer on every instruction set.
fn check(name: &str, keys: &[u64], policy: &Policy, queries: &[u64]) {
    let built = build(keys, policy).unwrap();
    let index = Index::open(&built.image, keys).unwrap();
    let report = index.report();
    assert_eq!((report.kind, report.bytes), (built.report.kind, built.report.bytes), "{name}");
    if let Choice::Forced(kind) = policy.choice {
        let kept = report.kind == kind || keys.is_empty();
        assert!(kept || built.report.fallback.is_some(), "{name}: {kind} became {} silently", report.kind);
    }
    for isa in Isa::available() {
        let index = index.with_isa(isa).unwrap();
        let mut found = vec![usize::MAX; queries.len()];
        index.lower_bound_batch(queries, &mut found);
        for (query, batched) in queries.iter().zip(found) {
            let expected = keys.partition_point(|key| key < query);
            let (traced, walked) = index.lower_bound_traced(*query);
            let single = index.lower_bound(*query);
            assert_eq!(
                (single, batched, traced),
                (expected, expected, expected),
                "{name} {report:?} {isa:?} {query}"
            );
            if let Kind::LineProbe { .. } = report.kind {
                assert!(walked <= report.walked_max, "{name} {report:?}: {query} walked {walked}");
            }
        }
    }
}

#[test]
fn every_kind_on_every_set() {
    for count in [1, 2, 7, 8, 9, 63, 64, 65, 72, 73, 577, 5_000, 40_000] {
        for (name, keys) in key_sets(count) {
            for kind in KINDS {
                check(name, &keys, &Policy::forced(kind), &queries(&keys, 120));
            }
            check(name, &keys, &Policy::counted(), &queries(&keys, 20));
        }
    }
    for kind in KINDS {
        check("empty", &[], &Policy::forced(kind), &[0, 1, u64::MAX]);
    }
}

#[test]
fn threads_do_not_change_the_image() {
    for (name, keys) in key_sets(1_300_000).into_iter().take(5) {
        for kind in [Kind::LineProbe { epsilon: 15 }, Kind::SplusTree] {
            let image = |threads| build(&keys, &Policy { threads, ..Policy::forced(kind) }).unwrap().image;
            assert!(*image(1) == *image(3), "{name} {kind}");
        }
    }
    let (name, keys) = key_sets(1_300_000).swap_remove(2);
    check(name, &keys, &Policy::forced(Kind::LineProbe { epsilon: 31 }), &queries(&keys, 2000));
}

#[test]
fn the_bound_of_the_line_probe_holds() {
    for (name, keys) in key_sets(30_000) {
        for epsilon in [1, 4, 15, 31, 100] {
            let report = build(&keys, &Policy::forced(Kind::LineProbe { epsilon })).unwrap().report;
            assert_eq!(report.fallback, None, "{name} {epsilon}");
            assert!(report.walked_max <= (2 * epsilon + 2) / 8 + 2, "{name} {report:?}");
            assert!(report.walked_mean <= report.walked_max as f32, "{name} {report:?}");
        }
    }
}

#[test]
fn unsorted_keys_are_refused_with_their_position() {
    let error = build(&[1, 2, 4, 3, 5], &Policy::default()).unwrap_err();
    assert_eq!(error.code().as_str(), "INDEX_UNSORTED");
    assert!(error.message().contains("key 3"), "{error}");
}

/// A clock that makes the trial see what the test wants: each reading adds the next of `ticks`.
fn scripted(ticks: &[u64]) -> impl FnMut() -> u64 {
    let mut now = 0;
    let mut calls = 0;
    move || {
        // A trial reads the clock twice per candidate and round; time passes on the second reading.
        if calls % 2 == 1 {
            now += ticks[calls / 2 % ticks.len()];
        }
        calls += 1;
        now
    }
}

#[test]
fn the_chooser_obeys_its_rules() {
    // Candidates in order: line probe 16, line probe 40, S+ tree, sparse fences.
    let (_, keys) = key_sets(300_000).swap_remove(0);
    let all = f64::INFINITY;
    let rows: &[(&str, [u64; 4], f64, f64, Kind)] = &[
        ("the fastest, being small, wins", [100, 200, 150, 300], all, 1.25, Kind::LineProbe { epsilon: 16 }),
        (
            "a smaller one within its price wins",
            [110, 110, 100, 300],
            all,
            1.25,
            Kind::LineProbe { epsilon: 40 },
        ),
        ("none above 1.25 x the S+ tree", [126, 130, 100, 126], all, 1.25, Kind::SplusTree),
        ("at 1.25 x it may win", [124, 200, 100, 300], all, 1.25, Kind::LineProbe { epsilon: 16 }),
        ("a stricter limit keeps the S+ tree", [104, 104, 100, 300], all, 1.0, Kind::SplusTree),
        ("a budget forbids the S+ tree", [500, 400, 100, 450], 0.5, 1.25, Kind::LineProbe { epsilon: 40 }),
        ("no budget at all: the smallest", [100, 400, 100, 100], 0.0, 1.25, Kind::LineProbe { epsilon: 40 }),
    ];
    for (name, ns, bytes_per_key_max, slowdown_max, expected) in rows {
        let policy = Policy {
            bytes_per_key_max: *bytes_per_key_max,
            slowdown_max: *slowdown_max,
            ..Policy::default()
        };
        let present: Vec<u64> = match *bytes_per_key_max {
            0.0 => vec![ns[1]],
            budget if budget < 1.0 => vec![ns[0], ns[1], ns[3]],
            _ => ns.to_vec(),
        };
        let ticks: Vec<u64> = present.iter().map(|ns| ns * 2048).collect();
        let report = build_with_clock(&keys, &policy, &mut scripted(&ticks)).unwrap().report;
        assert_eq!(report.kind, *expected, "{name}: {report:#?}");
        assert_eq!(report.candidates.len(), present.len(), "{name}");
        assert!(report.predicted_ns > 0.0, "{name}");
    }
}

#[test]
fn measured_choices_answer_right_in_every_mode() {
    for (name, keys) in key_sets(20_000) {
        for mode in [Mode::Point, Mode::Batch, Mode::Dependent] {
            check(name, &keys, &Policy { mode, ..Policy::default() }, &queries(&keys, 100));
        }
    }
}

fn ascending() -> impl Strategy<Value = Vec<u64>> {
    let key =
        prop_oneof![any::<u64>(), 0..2000u64, Just(0), Just(u64::MAX), (0..64u32).prop_map(|bit| 1 << bit)];
    prop::collection::vec((key, 1..40usize), 0..200).prop_map(|runs| {
        let mut keys: Vec<u64> = runs
            .into_iter()
            .flat_map(|(key, run)| std::iter::repeat_n(key, if run > 30 { run } else { 1 }))
            .collect();
        keys.sort_unstable();
        keys
    })
}

proptest! {
    #[test]
    fn lookups_equal_partition_point(keys in ascending(), extra in prop::collection::vec(any::<u64>(), 40), kind in 0..KINDS.len()) {
        let mut asked = queries(&keys, 60);
        asked.extend(extra);
        check("random", &keys, &Policy::forced(KINDS[kind]), &asked);
    }

    #[test]
    fn ordered_keys_keep_their_order(a in any::<f64>(), b in any::<f64>(), i in any::<i64>(), j in any::<i64>()) {
        prop_assert_eq!(i.cmp(&j), i.to_ordered().cmp(&j.to_ordered()));
        prop_assert_eq!(i64::from_ordered(i.to_ordered()), i);
        if let Some(order) = a.partial_cmp(&b) {
            prop_assert_eq!(order, a.to_ordered().cmp(&b.to_ordered()));
        }
    }
}
