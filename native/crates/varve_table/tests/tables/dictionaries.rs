//! Columns that repeat their strings are kept as one dictionary per segment, and read as they were.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use futures::{StreamExt, stream};
use varve_table::{ColumnId, Dictionaries};

use crate::fixture::{Fixture, define, table};

const ROWS: usize = 300_000;

/// Appends 300,000 rows with texts of `text` and looks at how they are kept and read.
fn check(text: impl Fn(usize) -> Option<String>, values: Option<u64>) {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    let texts: Vec<Option<String>> = (0..ROWS).map(text).collect();
    let batches = (0..ROWS).step_by(10_000).map(|start| {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(start as i64..start as i64 + 10_000)),
            Arc::new(StringViewArray::from_iter(&texts[start..start + 10_000])),
        ];
        Ok(RecordBatch::try_new(define(0).arrow_schema(), columns).expect("it fits"))
    });
    let batches: Vec<_> = batches.collect();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        transaction.append(id, stream::iter(batches)).await.expect("rows");
        transaction.commit().await.expect("it commits");
    });
    fixture.close(database);
    let database = fixture.open().expect("it opens again");
    let snapshot = database.snapshot();
    let version = table(&snapshot);
    let segment = &version.segments[0].segment;
    let dictionaries = values.map(|values| Dictionaries { rows: ROWS as u64, values }).unwrap_or_default();
    assert_eq!(segment.dictionaries("c1"), dictionaries);
    let read = fixture.runtime.block_on(async {
        let mut read = Vec::new();
        let mut batches = Box::pin(segment.read(&version.table, &[ColumnId(1)]).expect("a scan"));
        while let Some(batch) = batches.next().await {
            let batch = batch.expect("rows");
            read.extend(batch.column(0).as_string_view().iter().map(|text| text.map(str::to_owned)));
        }
        read
    });
    assert!(read == texts, "the texts are read as they were");
}

#[test]
fn texts_that_recur_are_one_dictionary() {
    check(|row| Some(format!("text {}", row * 7919 % 70_001)), Some(70_001));
    // NULL is an entry.
    check(
        |row| (row % 3 > 0).then(|| format!("{} and a longer tail of it", row * 7919 % 5_000)),
        Some(5_001),
    );
}

#[test]
fn texts_that_do_not_recur_are_none() {
    check(|row| Some(format!("text {row}")), None);
}

#[test]
fn a_text_that_all_rows_have_is_a_dictionary() {
    check(|_| Some("text".to_owned()), Some(1));
}
