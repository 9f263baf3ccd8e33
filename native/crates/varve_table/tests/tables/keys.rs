//! Primary keys and unique indexes: no two rows have the same key, and each row is found by it.

use arrow_array::RecordBatch;
use futures::stream;
use varve_table::{ColumnId, Database, Index, IndexId, PRIMARY, Place, RowSet, Table, TableId};
use varve_types::ErrorCode;

use crate::fixture::{Fixture, append, define, rows, table};

async fn keyed(database: &Database, key: &[u32]) -> TableId {
    let mut transaction = database.begin().await;
    let primary_key = key.iter().copied().map(ColumnId).collect();
    let definition = Table { primary_key, ..define(transaction.next_id()) };
    let id = definition.id;
    transaction.put_table(definition).expect("a new table");
    transaction.commit().await.expect("it commits");
    id
}

async fn commit(database: &Database, id: TableId, numbers: std::ops::Range<i64>) {
    let mut transaction = database.begin().await;
    append(&mut transaction, id, numbers).await.expect("rows");
    transaction.commit().await.expect("it commits");
}

/// Whether appending `batch` is refused as a duplicate.
async fn is_refused(database: &Database, id: TableId, batch: RecordBatch) -> bool {
    let mut transaction = database.begin().await;
    match transaction.append(id, stream::iter([Ok(batch)])).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::ConstraintViolated, "{error}");
            true
        }
    }
}

/// The row that `index` finds for each number below `end`, by key.
fn found(database: &Database, index: IndexId, end: i64) -> Vec<Option<Place>> {
    let snapshot = database.snapshot();
    let version = table(&snapshot);
    let columns = version.hot.keys().iter().find(|key| key.index == index).expect("the index");
    let stored = version.table.store_batch(&rows(0..end)).expect("it fits");
    let keys = columns.keys(&stored).expect("keys");
    let lookup = version.lookup(index);
    let find = |at| lookup.find_one(keys.get(at)?).expect("no damage").map(|row| row.place());
    (0..end as usize).map(find).collect()
}

/// Of numbers, and of numbers and texts, which are not numbers any more.
#[test]
fn a_key_is_there_once_and_found_wherever_its_row_is() {
    for key in [&[0][..], &[0, 1], &[1, 0]] {
        let fixture = Fixture::new();
        let database = fixture.open().expect("it opens");
        let id = fixture.runtime.block_on(async {
            let id = keyed(&database, key).await;
            commit(&database, id, 0..70_000).await;
            commit(&database, id, 70_000..70_010).await;
            commit(&database, id, 70_010..70_020).await;
            id
        });
        // The text of every seventh row is NULL, and NULL equals nothing.
        let has_key = |number: i64| key == [0] || number % 7 != 0;
        for number in [1, 3_000, 69_999, 70_001, 70_019] {
            let refused = fixture.runtime.block_on(is_refused(&database, id, rows(number..number + 1)));
            assert_eq!(refused, has_key(number), "{number} by {key:?}");
        }
        assert!(!fixture.runtime.block_on(is_refused(&database, id, rows(70_020..70_021))));
        let twice = arrow_select::concat::concat_batches(
            &rows(0..1).schema(),
            [&rows(80_001..80_002), &rows(80_001..80_002)],
        );
        assert!(fixture.runtime.block_on(is_refused(&database, id, twice.expect("one batch"))));
        let many = fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            append(&mut transaction, id, 69_000..200_000).await
        });
        assert_eq!(many.expect_err("part of it is there").code(), ErrorCode::ConstraintViolated);

        let places = found(&database, PRIMARY, 70_025);
        for (number, place) in places.iter().enumerate() {
            let expected = has_key(number as i64) && number < 70_020;
            assert_eq!(place.is_some(), expected, "{number} by {key:?}");
            assert!(place.is_none_or(|place| matches!(place, Place::Hot(_)) == (number >= 70_000)));
        }
        fixture.close(database);
        let database = fixture.open().expect("it opens again");
        assert_eq!(found(&database, PRIMARY, 70_025), places);
    }
}

#[test]
fn a_key_is_free_again_when_its_row_is_deleted() {
    let fixture = Fixture::new();
    let database = fixture.open().expect("it opens");
    fixture.runtime.block_on(async {
        let id = keyed(&database, &[0]).await;
        commit(&database, id, 0..70_000).await;
        commit(&database, id, 70_000..70_010).await;
        let snapshot = database.snapshot();
        let key = &table(&snapshot).hot.keys()[0];
        let stored = table(&snapshot).table.store_batch(&rows(0..70_010)).expect("it fits");
        let keys = key.keys(&stored).expect("keys");
        let lookup = table(&snapshot).lookup(PRIMARY);
        let find = |at| lookup.find_one(keys.get(at)?).expect("no damage");
        let gone: RowSet = [17, 70_003].into_iter().filter_map(find).collect();
        let mut transaction = database.begin().await;
        assert_eq!(transaction.delete(id, gone).expect("rows"), 2);
        for number in [17, 70_003] {
            append(&mut transaction, id, number..number + 1).await.expect("the key is free");
        }
        transaction.commit().await.expect("it commits");
        for number in [17, 70_003] {
            assert!(is_refused(&database, id, rows(number..number + 1)).await, "{number} is taken again");
        }
    });
}

#[test]
fn an_index_finds_rows_that_were_there_before_it() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    let index = fixture.runtime.block_on(async {
        commit(&database, id, 0..70_000).await;
        commit(&database, id, 70_000..70_010).await;
        let mut transaction = database.begin().await;
        let index = Index {
            id: IndexId(transaction.next_id()),
            table: id,
            name: "by_text".to_owned(),
            columns: vec![ColumnId(1)],
            unique: true,
        };
        transaction.create_index(index.clone()).await.expect("no text is there twice");
        transaction.commit().await.expect("it commits");
        commit(&database, id, 80_000..80_010).await;
        index
    });
    let expect = |database: &Database| {
        for (number, place) in found(database, index.id, 70_010).iter().enumerate() {
            assert_eq!(place.is_some(), number % 7 != 0, "{number}");
        }
    };
    expect(&database);
    fixture.close(database);
    let database = fixture.open().expect("it opens again");
    expect(&database);
    let files = fixture.segment_files();
    fixture.runtime.block_on(async {
        assert!(is_refused(&database, id, rows(5..6)).await);
        let mut transaction = database.begin().await;
        transaction.drop_index(id, index.id).expect("it is there");
        transaction.commit().await.expect("it commits");
        assert!(!is_refused(&database, id, rows(5..6)).await);
    });
    assert_eq!(fixture.segment_files(), files - 1, "its file is gone");
}

#[test]
fn a_unique_index_is_refused_over_duplicates() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        commit(&database, id, 0..70_000).await;
        commit(&database, id, 69_999..70_000).await;
        let mut transaction = database.begin().await;
        let index = Index {
            id: IndexId(transaction.next_id()),
            table: id,
            name: "by_number".to_owned(),
            columns: vec![ColumnId(0)],
            unique: true,
        };
        let error = transaction.create_index(index).await.expect_err("69,999 is there twice");
        assert_eq!(error.code(), ErrorCode::ConstraintViolated, "{error}");
    });
}
