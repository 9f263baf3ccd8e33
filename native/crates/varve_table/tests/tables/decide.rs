//! What is decided on which evidence.

use std::collections::BTreeSet;

use proptest::prelude::*;
use varve_table::{
    Class, ColumnId, Constants, Evidence, Layout, Observed, Predicate, PredicateKind, Profile, SegmentFacts,
    SegmentId, Trial, decide,
};

const ROWS: u64 = 4_000_000;
const MS: u64 = 1_000_000;

fn column(id: u32) -> ColumnId {
    ColumnId(id)
}

/// So many scans that filter one column, keep so many of a million rows, and took so long each.
fn filtered(id: u32, kind: PredicateKind, scans: u64, kept_ppm: u64, ns: u64) -> Class {
    Class {
        predicates: vec![Predicate { column: column(id), kind }],
        columns: BTreeSet::from([column(id), column(2)]),
        scans,
        rows: scans * 2 * ROWS,
        kept: scans * 2 * ROWS * kept_ppm / 1_000_000,
        ns: scans * ns,
        ..Class::default()
    }
}

fn segment(id: u64, layout: Layout) -> SegmentFacts {
    SegmentFacts { id: SegmentId(id), rows: ROWS, bytes: 40_000_000, layout }
}

/// Three columns, as they lie and sorted by columns 0 and 1; a row is read in a nanosecond.
fn trials() -> Vec<Trial> {
    let orders = [vec![], vec![column(0)], vec![column(1)]];
    let trial = |order: &Vec<ColumnId>, id: u32| Trial {
        order: order.clone(),
        column: column(id),
        profile: Profile::Ingest,
        bytes: if order.first() == Some(&column(id)) { 20_000 } else { 100_000 },
        read_ps: 1_000,
        seek_ns: 20_000,
    };
    orders.iter().flat_map(|order| (0..3).map(move |id| trial(order, id))).collect()
}

/// Two segments as they came, and these classes.
fn evidence(classes: Vec<Class>) -> Evidence {
    Evidence {
        observed: Observed { classes, ..Observed::default() },
        segments: vec![segment(1, Layout::default()), segment(2, Layout::default())],
        trials: trials(),
        ..Evidence::default()
    }
}

/// The sort key that is decided on, and the segments.
fn decided(evidence: &Evidence) -> (Vec<u32>, Vec<u64>) {
    let decisions = decide(evidence);
    let order = decisions.first().map(|decision| decision.layout.order.iter().map(|id| id.0).collect());
    (order.unwrap_or_default(), decisions.iter().map(|decision| decision.segment.0).collect())
}

#[track_caller]
fn check(evidence: &Evidence, order: &[u32], segments: &[u64]) {
    assert_eq!(decided(evidence), (order.to_vec(), segments.to_vec()));
    for decision in decide(evidence) {
        assert!(decision.saving_ns > decision.cost_ns, "{decision:?}");
    }
}

fn narrow(id: u32, scans: u64) -> Class {
    filtered(id, PredicateKind::Range, scans, 200, 20 * MS)
}

#[test]
fn a_sort_key_is_chosen_for_what_takes_the_time() {
    use PredicateKind::{Equal, In, Like, Null, Other, Range};
    check(&evidence(vec![]), &[], &[]);
    for kind in [Equal, Range, In] {
        check(&evidence(vec![filtered(0, kind, 200, 200, 20 * MS)]), &[0], &[1, 2]);
    }
    // Zone maps are of no use to these.
    for kind in [Like, Null, Other] {
        check(&evidence(vec![filtered(0, kind, 200, 200, 20 * MS)]), &[], &[]);
    }
    // The one that takes more.
    check(&evidence(vec![narrow(0, 180), narrow(1, 20)]), &[0], &[1, 2]);
    check(&evidence(vec![narrow(0, 20), narrow(1, 180)]), &[1], &[1, 2]);
    // Nothing is ruled out when most rows are wanted.
    check(&evidence(vec![filtered(0, Range, 200, 950_000, 20 * MS)]), &[], &[]);
    // A workload that is soon over is not worth it.
    check(&evidence(vec![narrow(0, 2)]), &[], &[]);
    // An index finds the rows already.
    check(&evidence(vec![Class { indexed: true, ..narrow(0, 200) }]), &[], &[]);
}

#[test]
fn what_the_present_order_helps_is_not_given_up_for_less() {
    let sorted = |classes| {
        let mut known = evidence(classes);
        for segment in &mut known.segments {
            segment.layout = Layout::ordered_by(&[column(0)]);
        }
        known
    };
    let quick = filtered(0, PredicateKind::Range, 2_000, 200, MS / 4);
    check(&sorted(vec![quick.clone(), narrow(1, 50)]), &[], &[]);
    check(&sorted(vec![narrow(1, 200)]), &[1], &[1, 2]);
    // Rows that lie by a column though nobody sorted them are helped as well.
    let by_nature = |natural| Evidence { natural, ..evidence(vec![quick.clone(), narrow(1, 50)]) };
    check(&by_nature(Some(column(0))), &[], &[]);
    // So are those of which nobody knows it: they take less than reading the columns does.
    check(&by_nature(None), &[], &[]);
}

#[test]
fn a_segment_is_rewritten_when_its_share_pays() {
    let known = evidence(vec![narrow(0, 100)]);
    let mut skewed = known.clone();
    skewed.observed.bytes = [(SegmentId(1), 1_000_000), (SegmentId(2), 1_000)].into();
    check(&skewed, &[0], &[1]);
    let dear = Constants { rewrite_ps_per_byte: 60_000_000, ..Constants::default() };
    check(&Evidence { constants: dear, ..known.clone() }, &[], &[]);
    let doubtful = Constants { trust: 1, ..Constants::default() };
    check(&Evidence { constants: doubtful, ..known.clone() }, &[], &[]);
    let idle = Constants { floor_ns: u64::MAX, ..Constants::default() };
    check(&Evidence { constants: idle, ..known.clone() }, &[], &[]);
    let barred = vec![Layout::ordered_by(&[column(0)])];
    check(&Evidence { barred, ..known.clone() }, &[], &[]);
    // What is laid out so already stays.
    let mut half = known;
    half.segments[1].layout = Layout::ordered_by(&[column(0)]);
    half.segments[0].rows += 1;
    check(&half, &[0], &[1]);
}

#[test]
fn an_order_that_takes_more_than_a_tenth_more_bytes_is_left_out() {
    let grown = |percent: u64| {
        let mut known = evidence(vec![narrow(0, 200), narrow(1, 50)]);
        for trial in known.trials.iter_mut().filter(|trial| trial.order == [column(0)]) {
            trial.bytes = percent * 1_000;
        }
        known
    };
    check(&grown(109), &[0], &[1, 2]);
    // The next best order fits.
    check(&grown(112), &[1], &[1, 2]);
}

#[test]
fn a_column_has_the_profile_that_reads_it_fastest() {
    let with = |profile: Profile, of: u32, read_ps, bytes| {
        let mut known = evidence(vec![filtered(0, PredicateKind::Other, 2_000, 500_000, 20 * MS)]);
        let trial = Trial { order: vec![], column: column(of), profile, bytes, read_ps, seek_ns: 20_000 };
        known.trials.push(trial);
        known.constants.rewrite_ps_per_byte = 1;
        decide(&known).first().map(|decision| decision.layout.profile(column(of)))
    };
    assert_eq!(with(Profile::Scan, 2, 500, 100_000), Some(Profile::Scan));
    assert_eq!(with(Profile::Predicate, 0, 500, 110_000), Some(Profile::Predicate));
    // A little faster is no reason.
    assert_eq!(with(Profile::Scan, 2, 950, 100_000), None);
    // Nor is it worth a third more bytes.
    assert_eq!(with(Profile::Predicate, 0, 500, 200_000), None);
    // A column that nobody reads is kept small; but that saves no time, so that nothing is rewritten for it alone.
    assert_eq!(with(Profile::Cold, 1, 2_000, 50_000), None);
    let mut cold = evidence(vec![narrow(0, 200)]);
    for order in [vec![], vec![column(0)]] {
        let (profile, bytes, read_ps) = (Profile::Cold, 10_000, 9_000);
        cold.trials.push(Trial { order, column: column(1), profile, bytes, read_ps, seek_ns: 1 });
    }
    assert_eq!(decide(&cold)[0].layout.profile(column(1)), Profile::Cold);
}

proptest! {
    #[test]
    fn evidence_that_was_written_down_decides_as_before(
        classes in prop::collection::vec((0u32..3, 1u64..5_000, 0u64..1_000_000, 1u64..50_000_000), 0..6),
        bytes in prop::collection::vec(1u64..200_000, 9),
        natural in prop::option::of(0u32..3),
    ) {
        let kind = |at: usize| [PredicateKind::Range, PredicateKind::Equal, PredicateKind::Like][at % 3];
        let classes = classes.into_iter().enumerate();
        let classes = classes.map(|(at, (id, scans, kept, ns))| filtered(id, kind(at), scans, kept, ns));
        let mut known = Evidence { natural: natural.map(ColumnId), ..evidence(classes.collect()) };
        for (trial, bytes) in known.trials.iter_mut().zip(bytes) {
            trial.bytes = bytes;
        }
        let decisions = decide(&known);
        let written = serde_json::to_vec(&known).expect("JSON");
        let read: Evidence = serde_json::from_slice(&written).expect("what was written");
        prop_assert_eq!(decide(&read), decisions.clone());
        for decision in decisions {
            prop_assert!(decision.saving_ns > decision.cost_ns);
            prop_assert!(decision.bytes <= 44_000_001);
        }
    }
}
