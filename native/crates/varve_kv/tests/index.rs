//! The learned index inside the store: policies, what statistics tell, and shadow trials.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use varve_kv::limits::SAMPLE_EVERY;
use varve_kv::{Batch, Durability, IndexPolicy, OpenOptions, Store};

const RECORDS: u64 = 40_000;

fn key(n: u64) -> [u8; 8] {
    // Dense at first, then ever sparser: no single line fits.
    (n * n).to_be_bytes()
}

fn store(name: &str) -> (Store, std::path::PathBuf) {
    let dir = std::env::temp_dir().join(format!("varve-index-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&dir);
    let store = Store::open(&dir, OpenOptions::default()).unwrap();
    for from in (0..RECORDS).step_by(1000) {
        let mut batch = Batch::new();
        (from..from + 1000).for_each(|n| batch.put(&key(n), &[1; 90]).unwrap());
        store.write_wait(batch, Durability::Fast).unwrap();
    }
    store.compact().unwrap();
    (store, dir)
}

fn read_all(store: &Store) {
    let mut out = [0; 100];
    for n in 0..RECORDS {
        assert!(matches!(store.get_into(None, &key(n), &mut out), Ok(varve_kv::Found::Value(90))), "{n}");
    }
}

#[test]
fn a_policy_takes_effect_at_the_next_merge_and_survives_reopening() {
    let (store, dir) = store("policy");
    for (name, bound) in
        [("line-probe", Some(15)), ("s-plus-tree", None), ("sparse-fences", None), ("line-probe", Some(31))]
    {
        let before = store.stats().segments[0].clone();
        let policy = IndexPolicy::named(name, bound).unwrap();
        store.set_index_policy(policy);
        assert_eq!(store.index_policy(), policy);
        assert_eq!(
            store.stats().segments[0].index_kind,
            before.index_kind,
            "nothing changes before the merge"
        );
        store.compact().unwrap();
        let after = store.stats().segments[0].clone();
        assert_eq!((after.index_kind, after.index_error_bound), (name, u64::from(bound.unwrap_or(0))));
        assert!(after.predicted_ns > 0.0 && after.lines_at_build >= 1.0, "{after:?}");
        // Hardness is a property of the keys, whatever index stands on them.
        assert_eq!(after.hardness, before.hardness);
        read_all(&store);
    }
    store.close().unwrap();
    drop(store);
    let store = Store::open(&dir, OpenOptions::default()).unwrap();
    assert_eq!(store.stats().segments[0].index_kind, "line-probe");
    assert_eq!(store.stats().segments[0].index_error_bound, 31);
    read_all(&store);
    store.close().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Story: with nothing but one segment, a fifth and more of every sampled read counted as time in the delta, the
/// cost of reading the clock, so that the loop kept asking for merges of nothing.
#[test]
fn one_segment_has_no_delta() {
    let (store, dir) = store("delta");
    let before = store.stats().reads;
    read_all(&store);
    let after = store.stats().reads;
    assert!(after.sampled > before.sampled);
    assert_eq!(after.delta_ns, before.delta_ns);
    let mut batch = Batch::new();
    batch.put(b"new", b"value").unwrap();
    store.write_wait(batch, Durability::Fast).unwrap();
    read_all(&store);
    assert!(store.stats().reads.delta_ns > after.delta_ns);
    store.close().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_trial_compares_candidates_and_touches_nothing() {
    let (store, dir) = store("trial");
    let policies: Vec<_> = ["auto", "line-probe", "s-plus-tree", "sparse-fences"]
        .map(|name| IndexPolicy::named(name, None).unwrap())
        .to_vec();
    let live = store.stats().segments[0].clone();
    let trials = store.trial(&policies).unwrap();
    let after = store.stats().segments[0].clone();
    assert_eq!((after.id, after.sampled, after.index_kind), (live.id, live.sampled, live.index_kind));
    let [trial] = &trials[..] else { panic!("one segment is live: {trials:?}") };
    assert!(!trial.follows_workload, "nothing was read yet");
    assert_eq!(trial.candidates.len(), 2 + policies.len());
    assert!(trial.candidates[0].is_live && trial.candidates[0].index_bytes == live.index_bytes);
    assert_eq!((trial.candidates[1].kind, trial.candidates[1].policy), ("binary-search", None));
    for (candidate, policy) in trial.candidates[2..].iter().zip(&policies) {
        assert_eq!(candidate.policy, Some(*policy));
        assert!(candidate.ns_per_lookup > 0.0 && candidate.build_ns > 0 && candidate.index_bytes > 0);
        assert_eq!(candidate.wrong_answers, 0, "{candidate:?}");
    }
    // The S+ tree compares one line of separators, the binary search several.
    assert_eq!(trial.candidates[4].lines_per_lookup, 1.0);
    assert!(trial.candidates[1].lines_per_lookup > 2.0);

    // Enough sampled lookups: the questions follow them.
    (0..=40 * u64::from(SAMPLE_EVERY) / RECORDS).for_each(|_| read_all(&store));
    assert!(store.trial(&policies[..1]).unwrap()[0].follows_workload);
    assert_eq!(store.trial(&[IndexPolicy::Auto; 17]).unwrap_err().code().as_str(), "LIMIT_EXCEEDED");
    store.close().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}
