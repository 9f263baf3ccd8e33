//! Point reads: every row by its key, wherever it lies, and none that is gone.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use varve_table::{
    Column, ColumnId, Database, KeyRef, PRIMARY, PointReader, Rewrite, RowSet, Table, TableId,
};

use crate::fixture::{Fixture, append, define};

fn key(number: i64) -> KeyRef<'static> {
    KeyRef::Number(number as u64 ^ (1 << 63))
}

/// What the reader says of these keys: the number that stands in the row that it found.
fn found(database: &Database, reader: &mut PointReader, numbers: &[i64]) -> Vec<Option<i64>> {
    let version = database.snapshot();
    let table = &version.tables[&reader.table().id];
    assert!(reader.fits(table), "the definition is the same");
    let mut find = |number| {
        let row = reader.find(table, key(number)).expect("it reads")?;
        let texts = row.batch.column(1).as_string_view();
        assert_eq!(texts.is_null(row.at), number % 7 == 0, "the text of {number}");
        Some(row.batch.column(0).as_primitive::<Int64Type>().value(row.at))
    };
    numbers.iter().map(|number| find(*number)).collect()
}

#[test]
fn every_row_is_found_by_its_key_and_none_that_is_gone() {
    let fixture = Fixture::new();
    let database = fixture.open().expect("it opens");
    let table: Table = fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        let table = Table { primary_key: vec![ColumnId(0)], ..define(transaction.next_id()) };
        transaction.put_table(table.clone()).expect("a new table");
        append(&mut transaction, table.id, 0..200_000).await.expect("rows of a segment");
        append(&mut transaction, table.id, 200_000..200_100).await.expect("hot rows");
        transaction.commit().await.expect("it commits");
        table
    });
    let id: TableId = table.id;
    let mut reader = PointReader::new(std::sync::Arc::clone(&database.snapshot().tables[&id].table));
    let probes: Vec<i64> = (0..200_100).step_by(97).chain([8191, 8192, 199_999, 200_099]).collect();
    let all = |numbers: &[i64]| numbers.iter().map(|number| Some(*number)).collect::<Vec<_>>();
    assert_eq!(found(&database, &mut reader, &probes), all(&probes));
    assert_eq!(found(&database, &mut reader, &[-1, 200_100, i64::MAX]), [None, None, None]);

    let gone = [97, 8192, 200_050];
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        let version = transaction.snapshot();
        let lookup = version.tables[&id].lookup(PRIMARY);
        let rows: RowSet =
            gone.iter().filter_map(|number| lookup.find_one(key(*number)).expect("it reads")).collect();
        assert_eq!(transaction.delete(id, rows).expect("rows"), 3);
        transaction.commit().await.expect("it commits");
    });
    assert_eq!(found(&database, &mut reader, &gone), [None, None, None]);

    // The rows move, and lie in other stripes than before.
    let segments = database.snapshot().tables[&id].segments.iter().map(|live| live.segment.id()).collect();
    let what = Rewrite { hot: true, segments, ..Rewrite::default() };
    assert!(fixture.runtime.block_on(database.rewrite(id, &what)).expect("it is rewritten"));
    assert_eq!(found(&database, &mut reader, &gone), [None, None, None]);
    let left: Vec<i64> = probes.into_iter().filter(|number| !gone.contains(number)).collect();
    assert_eq!(found(&database, &mut reader, &left), all(&left));

    let column = Column { id: ColumnId(2), name: "new".to_owned(), ..table.columns[1].clone() };
    let columns = table.columns.iter().cloned().chain([column]).collect();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        transaction.put_table(Table { columns, next_column: 3, ..table.clone() }).expect("a new column");
        transaction.commit().await.expect("it commits");
    });
    assert!(!reader.fits(&database.snapshot().tables[&id]), "the table is another now");
}
