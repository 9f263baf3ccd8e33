//! Adapting a table: what is done, written down, judged and undone.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use futures::{StreamExt, stream};
use varve_table::{
    Adaptation, Adaptive, ColumnId, Database, Layout, Predicate, PredicateKind, Profile, Rewrite, RowAddress,
    ScanReport, State, TableId,
};

use crate::fixture::{Fixture, append, define, numbers, table};

const ROWS: i64 = 200_000;

/// A table with one segment of rows in no order, and some of them deleted.
struct Adapting {
    fixture: Fixture,
    database: Database,
    id: TableId,
    expected: Vec<i64>,
}

impl Adapting {
    fn new() -> Self {
        let fixture = Fixture::new();
        let (database, id) = fixture.with_table();
        let expected = fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            // Blocks of numbers, shuffled: no order of their own.
            for block in 0..20 {
                let start = (block * 7 % 20) * (ROWS / 20);
                append(&mut transaction, id, start..start + ROWS / 20).await.expect("rows");
            }
            transaction.commit().await.expect("it commits");
            let what = Rewrite { hot: true, ..Rewrite::default() };
            database.rewrite(id, &what).await.expect("it is rewritten");
            let snapshot = database.snapshot();
            let segment = table(&snapshot).segments[0].segment.id();
            let first = RowAddress::of_segment(segment).0;
            let mut transaction = database.begin().await;
            let gone = (0..100).map(|row| RowAddress(first + row * 1_000)).collect();
            transaction.delete(id, gone).expect("rows");
            transaction.commit().await.expect("it commits");
            numbers(table(&database.snapshot())).await
        });
        Self { fixture, database, id, expected }
    }

    /// Scans that look for few rows by number, and take so long each.
    fn scan(&self, scans: u64, ns: u64) {
        let report = ScanReport {
            predicates: vec![Predicate { column: ColumnId(0), kind: PredicateKind::Range }],
            interval: Some((5.0, 25.0)),
            columns: BTreeSet::from([ColumnId(0), ColumnId(1)]),
            rows: ROWS as u64,
            kept: 20,
            parts: 2,
            empty_parts: 1,
            ns,
            indexed: false,
        };
        for _ in 0..scans {
            table(&self.database.snapshot()).workload.scanned(&report);
        }
    }

    fn adapt(&self) -> Vec<Adaptation> {
        let done = self.fixture.runtime.block_on(self.database.adapt()).expect("it adapts");
        done.into_iter().map(|(_, adaptation)| adaptation).collect()
    }

    fn reopen(self) -> Self {
        let Self { fixture, database, id, expected } = self;
        fixture.close(database);
        let database = fixture.open().expect("it opens");
        Self { fixture, database, id, expected }
    }

    fn layouts(&self) -> Vec<Layout> {
        let snapshot = self.database.snapshot();
        table(&snapshot).segments.iter().map(|live| live.segment.meta().layout.clone()).collect()
    }

    fn log(&self) -> Adaptive {
        let snapshot = self.database.snapshot();
        table(&snapshot).adaptive.as_deref().cloned().expect("it adapted")
    }

    /// The rows are those that there were; in the order in which they lie, whether they ascend.
    fn check(&self) -> bool {
        self.fixture.runtime.block_on(async {
            let snapshot = self.database.snapshot();
            assert_eq!(numbers(table(&snapshot)).await, self.expected);
            let live = &table(&snapshot).segments[0];
            let mut batches =
                Box::pin(live.segment.read(&table(&snapshot).table, &[ColumnId(0)]).expect("a scan"));
            let mut lying = Vec::new();
            while let Some(batch) = batches.next().await {
                let batch = batch.expect("a batch");
                lying.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
            }
            lying.is_sorted()
        })
    }
}

const SLOW: u64 = 200_000_000;

#[test]
fn a_table_is_sorted_for_its_workload_and_the_log_says_why() {
    let adapting = Adapting::new();
    assert!(adapting.adapt().is_empty(), "nothing was asked");
    assert!(!adapting.check());
    adapting.scan(200, SLOW);
    let done = adapting.adapt();
    let [adaptation] = done.as_slice() else { panic!("one table: {done:?}") };
    assert_eq!(adaptation.layout().order, [ColumnId(0)]);
    assert_eq!((adaptation.state, adaptation.done.len()), (State::Trial, 1));
    assert!(adaptation.done[0].bytes_after * 10 <= adaptation.done[0].bytes_before * 11 + (16 << 10) * 10);
    assert!(adapting.check(), "it is sorted");
    assert!(adapting.adapt().is_empty(), "nothing was asked since");

    let adapting = adapting.reopen();
    assert!(adapting.check());
    assert_eq!(adapting.log().log, done);
    assert!(adapting.log().log.iter().all(Adaptation::replays));
    assert_eq!(adapting.layouts(), [done[0].layout()]);
}

#[test]
fn new_rows_are_laid_out_as_the_others() {
    let adapting = Adapting::new();
    adapting.scan(200, SLOW);
    assert_eq!(adapting.adapt().len(), 1);
    adapting.fixture.runtime.block_on(async {
        let mut transaction = adapting.database.begin().await;
        append(&mut transaction, adapting.id, ROWS..ROWS + 1_000).await.expect("rows");
        transaction.commit().await.expect("it commits");
        let layout = table(&adapting.database.snapshot()).layout();
        let what = Rewrite { hot: true, layout, ..Rewrite::default() };
        adapting.database.rewrite(adapting.id, &what).await.expect("it is rewritten");
    });
    assert_eq!(adapting.layouts()[0], adapting.layouts()[1]);
}

#[test]
fn what_was_done_can_be_undone_and_is_not_done_again() {
    let adapting = Adapting::new();
    let before = adapting.layouts();
    adapting.scan(200, SLOW);
    assert_eq!(adapting.adapt().len(), 1);
    let undo = |number| {
        let undone = adapting.database.undo_adaptation(adapting.id, number);
        adapting.fixture.runtime.block_on(undone).expect("it is undone")
    };
    assert!(!undo(7), "there is no such adaptation");
    assert!(undo(1));
    assert_eq!(adapting.layouts(), before);
    adapting.check();
    assert_eq!(adapting.log().log[0].state, State::Undone);
    // Another profile may still pay; the sort key does not come back.
    adapting.scan(200, SLOW);
    assert!(adapting.adapt().iter().all(|again| again.layout().order.is_empty()));
    assert!(adapting.layouts()[0].order.is_empty());
}

#[test]
fn rows_that_lay_by_a_column_lie_by_it_again() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        // Squares ascend, but are no row of numbers that takes no bytes: any other order of those would be refused.
        let squares = Int64Array::from_iter_values((0..ROWS).map(|row| row * row));
        let mixed = (0..ROWS).map(|row| format!("{:016x}", (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(squares), Arc::new(StringViewArray::from_iter_values(mixed))];
        let batch = RecordBatch::try_new(define(0).arrow_schema(), columns).expect("it fits");
        transaction.append(id, stream::iter([Ok(batch)])).await.expect("rows");
        transaction.commit().await.expect("it commits");
    });
    let expected = (0..ROWS).map(|row| row * row).collect();
    let adapting = Adapting { fixture, database, id, expected };
    let report = ScanReport {
        predicates: vec![Predicate { column: ColumnId(1), kind: PredicateKind::Equal }],
        columns: BTreeSet::from([ColumnId(1)]),
        rows: ROWS as u64,
        kept: 1,
        ns: SLOW,
        ..ScanReport::default()
    };
    for _ in 0..500 {
        table(&adapting.database.snapshot()).workload.scanned(&report);
    }
    let done = adapting.adapt();
    assert_eq!(done[0].evidence.natural, Some(ColumnId(0)));
    assert_eq!(adapting.layouts()[0].order, [ColumnId(1)]);
    assert!(!adapting.check());
    let undone = adapting.database.undo_adaptation(id, 1);
    assert!(adapting.fixture.runtime.block_on(undone).expect("it is undone"));
    assert!(adapting.check());
}

#[test]
fn a_promise_is_judged_by_what_scans_take_afterwards() {
    let judged = |after_ns: u64| {
        let adapting = Adapting::new();
        adapting.scan(200, SLOW);
        assert_eq!(adapting.adapt().len(), 1);
        adapting.scan(100, after_ns);
        let adapting = adapting.reopen();
        let log = adapting.log();
        let last = log.log.last().expect("it adapted").clone();
        (last.state, last.measured_percent, log.constants.trust)
    };
    assert_eq!(judged(SLOW / 20), (State::Kept, Some(95), 100));
    let (state, percent, trust) = judged(SLOW * 9 / 10);
    assert_eq!((state, percent), (State::Regretted, Some(10)));
    assert!(trust < 50, "{trust}");
    assert_eq!(judged(SLOW * 2).1, Some(-100));
}

#[test]
fn every_profile_and_order_keeps_every_row() {
    let adapting = Adapting::new();
    for profile in Profile::ALL {
        for order in [vec![], vec![ColumnId(0)], vec![ColumnId(1), ColumnId(0)]] {
            let is_sorted = order.first() == Some(&ColumnId(0));
            let profiles = [(ColumnId(0), profile), (ColumnId(1), profile)].into();
            let layout = Layout { order, profiles };
            adapting.fixture.runtime.block_on(async {
                let snapshot = adapting.database.snapshot();
                let segments = table(&snapshot).segments.iter().map(|live| live.segment.id()).collect();
                let what = Rewrite { segments, layout, ..Rewrite::default() };
                assert!(adapting.database.rewrite(adapting.id, &what).await.expect("it is rewritten"));
            });
            let lies_sorted = adapting.check();
            assert!(lies_sorted || !is_sorted, "{profile:?}");
        }
    }
}

#[test]
fn a_rewrite_that_grows_too_much_changes_nothing() {
    let adapting = Adapting::new();
    let before = adapting.layouts();
    let snapshot = adapting.database.snapshot();
    let segments = table(&snapshot).segments.iter().map(|live| live.segment.id()).collect();
    let layout = Layout::ordered_by(&[ColumnId(0)]);
    let what = Rewrite { segments, layout, bytes_max: Some(1_000), ..Rewrite::default() };
    let rewritten = adapting.fixture.runtime.block_on(adapting.database.rewrite(adapting.id, &what));
    assert!(!rewritten.expect("no error"));
    assert_eq!(adapting.layouts(), before);
    assert_eq!(adapting.fixture.segment_files(), 1);
    assert!(!adapting.check());
}
