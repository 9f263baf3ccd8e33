//! Transactions that begin with a snapshot: the first committer wins, and what was only moved is no conflict.

use std::time::Duration;

use varve_table::{Database, Options, Rewrite, RowAddress, RowSet, Savepoint, TableId, Transaction};
use varve_types::ErrorCode;

use crate::fixture::{Fixture, append, define, numbers};

/// Two tables with the numbers below 10.
async fn two_tables(database: &Database) -> [TableId; 2] {
    let mut transaction = database.begin().await;
    let ids = ["t", "u"].map(|name| {
        let table = varve_table::Table { name: name.to_owned(), ..define(transaction.next_id()) };
        let id = table.id;
        transaction.put_table(table).expect("a new table");
        id
    });
    for id in ids {
        append(&mut transaction, id, 0..10).await.expect("rows");
    }
    transaction.commit().await.expect("it commits");
    ids
}

async fn add(database: &Database, table: TableId, numbers: std::ops::Range<i64>) {
    let mut transaction = database.begin_changing().await.expect("the writer");
    append(&mut transaction, table, numbers).await.expect("rows");
    transaction.commit().await.expect("it commits");
}

async fn seen(transaction: &Transaction, table: TableId) -> Vec<i64> {
    numbers(&transaction.snapshot().tables[&table]).await
}

/// What others do after a transaction began, and what it is told when it then changes the first table.
#[test]
fn the_first_committer_wins() {
    type Others = fn(&Database, [TableId; 2], &tokio::runtime::Runtime);
    let check = |others: Others, wanted: Option<ErrorCode>, what: &str| {
        let fixture = Fixture::new();
        let database = fixture.open().expect("it opens");
        let ids = fixture.runtime.block_on(two_tables(&database));
        let mut ours = database.begin_reading();
        others(&database, ids, &fixture.runtime);
        fixture.runtime.block_on(async {
            assert_eq!(seen(&ours, ids[0]).await, (0..10).collect::<Vec<_>>(), "{what}");
            assert_eq!(seen(&ours, ids[1]).await, (0..10).collect::<Vec<_>>(), "{what}");
            let changed = match ours.claim().await {
                Ok(()) => append(&mut ours, ids[0], 10..20).await.map(|_| ()),
                Err(error) => Err(error),
            };
            assert_eq!(changed.as_ref().err().map(|error| error.code()), wanted, "{what}: {changed:?}");
            if changed.is_ok() {
                assert_eq!(seen(&ours, ids[0]).await, (0..20).collect::<Vec<_>>(), "{what}");
                assert_eq!(
                    seen(&ours, ids[1]).await,
                    (0..10).collect::<Vec<_>>(),
                    "{what}: still its snapshot"
                );
                let second = numbers(&database.snapshot().tables[&ids[1]]).await;
                ours.commit().await.expect("it commits");
                let after = database.snapshot();
                assert_eq!(numbers(&after.tables[&ids[0]]).await, (0..20).collect::<Vec<_>>(), "{what}");
                assert_eq!(numbers(&after.tables[&ids[1]]).await, second, "{what}: what others did stays");
            }
        });
        let rows = |table: TableId, version: &varve_table::Version| {
            version.tables.get(&table).map(|version| fixture.runtime.block_on(numbers(version)))
        };
        let before = ids.map(|id| rows(id, &database.snapshot()));
        fixture.close(database);
        let again = fixture.open().expect("it opens again");
        assert_eq!(ids.map(|id| rows(id, &again.snapshot())), before, "{what}: after reopening");
    };
    check(|_, _, _| {}, None, "nothing");
    check(
        |database, [first, _], runtime| runtime.block_on(add(database, first, 50..60)),
        Some(ErrorCode::TransactionConflict),
        "rows of the same table",
    );
    check(
        |database, [_, second], runtime| runtime.block_on(add(database, second, 50..60)),
        None,
        "rows of another table",
    );
    check(
        |database, [first, _], runtime| {
            runtime.block_on(async {
                let mut transaction = database.begin().await;
                let row: RowSet = [RowAddress::of_hot(3)].into_iter().collect();
                transaction.delete(first, row).expect("a row");
                transaction.commit().await.expect("it commits");
            });
        },
        Some(ErrorCode::TransactionConflict),
        "a deletion",
    );
    check(
        |database, [first, _], runtime| {
            let what = Rewrite { hot: true, ..Rewrite::default() };
            assert!(runtime.block_on(database.rewrite(first, &what)).expect("it is rewritten"));
        },
        None,
        "moved rows",
    );
    check(
        |database, _, runtime| {
            runtime.block_on(async {
                let mut transaction = database.begin().await;
                let table = varve_table::Table { name: "new".to_owned(), ..define(transaction.next_id()) };
                transaction.put_table(table).expect("a new table");
                transaction.commit().await.expect("it commits");
            });
        },
        Some(ErrorCode::TransactionConflict),
        "a definition",
    );
}

/// A savepoint from before the first change leads back to the snapshot, and lets others write.
#[test]
fn a_transaction_that_undid_everything_lets_go_of_the_writer() {
    let fixture = Fixture::new();
    let database = fixture.open().expect("it opens");
    fixture.runtime.block_on(async {
        let ids = two_tables(&database).await;
        let mut ours = database.begin_reading();
        let start: Savepoint = ours.savepoint();
        // The rows move, so that the savepoint knows places that are no more.
        let what = Rewrite { hot: true, ..Rewrite::default() };
        assert!(database.rewrite(ids[0], &what).await.expect("it is rewritten"));
        ours.claim().await.expect("no conflict");
        append(&mut ours, ids[0], 10..20).await.expect("rows");
        ours.roll_back_to(&start);
        assert_eq!(seen(&ours, ids[0]).await, (0..10).collect::<Vec<_>>());
        let refused = append(&mut ours, ids[0], 10..20).await.expect_err("it has no writer");
        assert_eq!(refused.code(), ErrorCode::EngineDefect, "{refused}");
        add(&database, ids[1], 50..60).await;
        ours.claim().await.expect("no conflict");
        append(&mut ours, ids[0], 10..20).await.expect("rows");
        ours.commit().await.expect("it commits");
        let after = database.snapshot();
        assert_eq!(numbers(&after.tables[&ids[0]]).await, (0..20).collect::<Vec<_>>());
        assert_eq!(numbers(&after.tables[&ids[1]]).await, (0..10).chain(50..60).collect::<Vec<_>>());
    });
}

#[test]
fn waiting_for_the_writer_has_a_limit() {
    let fixture = Fixture::new();
    let options = Options { writer_wait: Duration::from_millis(50), ..Options::default() };
    let database = Database::open(fixture.dir.path(), &options, fixture.runtime.handle()).expect("it opens");
    fixture.runtime.block_on(async {
        let [first, _] = two_tables(&database).await;
        let holds = database.begin_changing().await.expect("the writer");
        let Err(refused) = database.begin_changing().await else { panic!("the writer is held") };
        assert_eq!(refused.code(), ErrorCode::TransactionConflict, "{refused}");
        assert!(refused.message().contains("50 ms"), "{refused}");
        let mut reads = database.begin_reading();
        let refused = reads.claim().await.expect_err("the writer is held");
        assert_eq!(refused.code(), ErrorCode::TransactionConflict, "{refused}");
        drop(holds);
        reads.claim().await.expect("the writer is free");
        append(&mut reads, first, 10..20).await.expect("rows");
        reads.commit().await.expect("it commits");
    });
}

#[test]
fn a_database_that_is_only_read_changes_nothing() {
    let fixture = Fixture::new();
    let read_only = Options { read_only: true, ..Options::default() };
    let open = || Database::open(fixture.dir.path(), &read_only, fixture.runtime.handle());
    let Err(missing) = open() else { panic!("there is none") };
    assert_eq!(missing.code(), ErrorCode::StoreMissing, "{missing}");
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(add(&database, id, 0..10));
    fixture.close(database);
    let database = open().expect("it opens");
    fixture.runtime.block_on(async {
        assert_eq!(numbers(&database.snapshot().tables[&id]).await, (0..10).collect::<Vec<_>>());
        let mut transaction = database.begin_reading();
        let refusals = [
            database.begin_changing().await.map(|_| ()),
            transaction.claim().await,
            database.begin().await.drop_table(id),
        ];
        for refused in refusals {
            let refused = refused.expect_err("it is only read");
            assert_eq!(refused.code(), ErrorCode::StoreReadOnly, "{refused}");
        }
        transaction.commit().await.expect("there is nothing to commit");
    });
}
