//! A database of any format must open and read exactly, for ever.
//!
//! `VARVE_WRITE_GOLDEN=1 cargo test -p varve_table -p varve_sql --test golden` writes the files of the newest one again,
//! which only a new format may need.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, TimeUnit};
use futures::{StreamExt, stream};
use tokio::runtime::Runtime;
use varve_table::{
    Column, ColumnId, ColumnSummary, Database, Index, IndexId, Layout, Options, PRIMARY, Profile, Rewrite,
    RowAddress, RowSet, Table, TableId, TableStatistics, TableVersion, Transaction,
};

const NEWEST: u32 = 1;
/// Rows that are in a segment, and those that are still hot.
const STORED: u32 = 300;
const HOT: u32 = 20;

fn folder(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}"))
}

/// Every type that a column may have.
fn types() -> Vec<DataType> {
    use DataType::{
        BinaryView, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Time64,
        Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8View,
    };
    let item = Arc::new(Field::new("item", Int32, true));
    let zone = Some("Europe/Paris".into());
    vec![
        Int64,
        Boolean,
        Int8,
        Int16,
        Int32,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float32,
        Float64,
        Decimal128(18, 4),
        Date32,
        Time64(TimeUnit::Microsecond),
        Timestamp(TimeUnit::Microsecond, None),
        Timestamp(TimeUnit::Nanosecond, zone),
        Utf8View,
        BinaryView,
        DataType::List(item),
    ]
}

fn define(id: u64) -> Table {
    let columns = types().into_iter().enumerate().map(|(at, data_type)| Column {
        id: ColumnId(at as u32),
        name: format!("of type {at}"),
        data_type,
        nullable: at > 0,
        default: (at == 4).then(|| "7".to_owned()),
        missing: None,
        metadata: Default::default(),
    });
    let columns: Vec<Column> = columns.collect();
    Table {
        id: TableId(id),
        schema: "main".to_owned(),
        name: "all types".to_owned(),
        next_column: columns.len() as u32,
        columns,
        primary_key: vec![ColumnId(0)],
        checks: Vec::new(),
    }
}

/// Rows of these numbers; every eleventh value is NULL but for the key's.
fn rows(numbers: std::ops::Range<u32>) -> RecordBatch {
    let numbers = UInt32Array::from_iter_values(numbers);
    let columns = types().into_iter().enumerate().map(|(at, data_type)| -> ArrayRef {
        let is_there = |number: u32| at == 0 || !(number + at as u32).is_multiple_of(11);
        let small: UInt32Array =
            numbers.values().iter().map(|number| is_there(*number).then_some(number * 37 % 120)).collect();
        match &data_type {
            DataType::Int64 => cast(&numbers, &data_type).unwrap(),
            DataType::Utf8View | DataType::BinaryView => {
                let texts = numbers.values().iter().map(|number| {
                    is_there(*number)
                        .then(|| format!("row {number}{}", " and on".repeat(*number as usize % 4)))
                });
                cast(&StringArray::from_iter(texts), &data_type).unwrap()
            }
            DataType::Time64(_) | DataType::Timestamp(..) => {
                cast(&cast(&small, &DataType::Int64).unwrap(), &data_type).unwrap()
            }
            DataType::Date32 => cast(&cast(&small, &DataType::Int32).unwrap(), &data_type).unwrap(),
            DataType::List(_) => lists(&small),
            _ => cast(&small, &data_type).unwrap(),
        }
    });
    RecordBatch::try_new(define(0).arrow_schema(), columns.collect()).unwrap()
}

fn lists(values: &UInt32Array) -> ArrayRef {
    use arrow_array::ListArray;
    use arrow_array::types::Int32Type;
    let lists = values.iter().map(|value| value.map(|value| vec![Some(value as i32), None]));
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
}

/// The numbers of the rows that are there: every ninth was deleted.
fn live() -> Vec<u32> {
    (0..STORED + HOT).filter(|number| number % 9 != 0).collect()
}

async fn append(transaction: &mut Transaction, table: TableId, numbers: std::ops::Range<u32>) {
    transaction.append(table, stream::iter([Ok(rows(numbers))])).await.unwrap();
}

/// A database with a segment in a layout, hot rows, deletions of both, key runs, an index and statistics.
async fn write(database: &Database) {
    let mut transaction = database.begin().await;
    let table = define(transaction.next_id());
    let id = table.id;
    transaction.put_table(table).unwrap();
    append(&mut transaction, id, 0..STORED).await;
    transaction.commit().await.unwrap();
    let layout = Layout { order: vec![ColumnId(0)], profiles: [(ColumnId(16), Profile::Predicate)].into() };
    database.rewrite(id, &Rewrite { hot: true, layout, ..Rewrite::default() }).await.unwrap();

    let mut transaction = database.begin().await;
    append(&mut transaction, id, STORED..STORED + HOT).await;
    let (index, columns) = (IndexId(transaction.next_id()), vec![ColumnId(4), ColumnId(16)]);
    let name = "of two columns".to_owned();
    transaction.create_index(Index { id: index, table: id, name, columns, unique: false }).await.unwrap();
    let snapshot = transaction.snapshot();
    let version = &snapshot.tables[&id];
    let segment = RowAddress::of_segment(version.segments[0].segment.id()).0;
    let first_hot = version.hot.chunks()[0].first_row;
    let gone =
        (0..STORED + HOT).filter(|number| number % 9 == 0).map(|number| match number.checked_sub(STORED) {
            None => RowAddress(segment + u64::from(number)),
            Some(hot) => RowAddress::of_hot(first_hot + u64::from(hot)),
        });
    transaction.delete(id, gone.collect::<RowSet>()).unwrap();
    let bounds = rows(0..2).project(&[0]).unwrap();
    let fields = vec![Field::new("c0", DataType::Int64, true)];
    let bounds =
        RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), bounds.columns().to_vec()).unwrap();
    let summary = ColumnSummary { id: ColumnId(0), nulls: 0, distinct: Some(300) };
    let seq = snapshot.seq;
    let statistics = TableStatistics { table: id, seq, rows: 300, columns: vec![summary], bounds };
    transaction.put_statistics(statistics).unwrap();
    transaction.commit().await.unwrap();
}

/// Everything in the database is what was written.
async fn check(version: &TableVersion) {
    let columns: Vec<ColumnId> = version.table.columns.iter().map(|column| column.id).collect();
    let mut found = Vec::new();
    let [live_segment] = version.segments.as_slice() else { panic!("one segment") };
    let mut batches = Box::pin(live_segment.segment.read(&version.table, &columns).unwrap());
    let mut read = Vec::new();
    while let Some(batch) = batches.next().await {
        read.push(batch.unwrap());
    }
    let schema = version.table.stored_schema();
    let stored = arrow_select::concat::concat_batches(&schema, &read).unwrap();
    let expected = version.table.store_batch(&rows(0..STORED)).unwrap();
    assert_eq!(stored.columns(), expected.columns());
    let deleted = live_segment.deleted.as_ref().unwrap();
    found.extend((0..STORED).filter(|row| !deleted.contains(*row)));
    let hot = version.hot.chunks();
    assert_eq!(hot.len(), 1);
    let expected = version.table.store_batch(&rows(STORED..STORED + HOT)).unwrap();
    assert_eq!(hot[0].batch.columns(), expected.columns());
    let first = hot[0].first_row;
    found.extend(
        (0..HOT)
            .filter(|row| !version.hot.deleted().contains(first + u64::from(*row)))
            .map(|row| row + STORED),
    );
    assert_eq!(found, live());

    for number in 0..STORED + HOT {
        let like = version.table.store_batch(&rows(number..number + 1)).unwrap();
        for key in version.hot.keys().iter() {
            let keys = key.keys(&like).unwrap();
            let Some(key_value) = keys.get(0) else { continue };
            let address = version.lookup(key.index).find_one(key_value).unwrap();
            if key.index == PRIMARY {
                assert_eq!(address.is_some(), number % 9 != 0, "row {number}");
            }
        }
    }
    let layout = &live_segment.segment.meta().layout;
    assert_eq!(
        (layout.order.as_slice(), layout.profile(ColumnId(16))),
        (&[ColumnId(0)][..], Profile::Predicate)
    );
    let statistics = version.statistics.as_ref().unwrap();
    assert_eq!(statistics.column(ColumnId(0)).unwrap().distinct, Some(300));
    assert_eq!(statistics.bounds_of("c0").unwrap().len(), 2);
    assert_eq!(version.table.columns[4].default.as_deref(), Some("7"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn opened(runtime: &Runtime, dir: &Path) -> Database {
    let options = Options { upkeep: false, ..Options::default() };
    Database::open(dir, &options, runtime.handle()).unwrap()
}

#[test]
fn every_format_reads_exactly() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    if std::env::var_os("VARVE_WRITE_GOLDEN").is_some() {
        let dir = tempfile::tempdir().unwrap();
        let database = opened(&runtime, dir.path());
        runtime.block_on(write(&database));
        runtime.block_on(database.close());
        if folder(NEWEST).exists() {
            fs::remove_dir_all(folder(NEWEST)).unwrap();
        }
        copy(dir.path(), &folder(NEWEST));
    }
    for format in 1..=NEWEST {
        let dir = tempfile::tempdir().unwrap();
        copy(&folder(format), dir.path());
        let database = opened(&runtime, dir.path());
        runtime.block_on(check(database.snapshot().table("main", "all types").unwrap()));
        runtime.block_on(database.close());
    }
}
