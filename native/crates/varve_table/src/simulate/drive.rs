//! Doing a step of the model to a database, and comparing the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow_schema::DataType;
use futures::{StreamExt, stream};
use varve_files::simulate::Random;
use varve_types::{Result, VarveError};

use super::model::{Change, Model, Row, Step, TABLES, TableModel, text};
use crate::{
    Column, ColumnId, Database, Index, IndexId, Layout, Predicate, PredicateKind, Profile, Rewrite,
    RowAddress, RowSet, ScanReport, Table, TableVersion, Transaction, Version,
};

/// What became of a step.
pub(super) enum Outcome {
    /// Acknowledged.
    Done,
    /// Nothing of it was committed.
    Refused(VarveError),
    /// Its commit failed: it is there, whole, or it is not.
    InDoubt(VarveError),
}

/// How a database differs from its model.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It says so itself.
    Error(VarveError),
    /// It does not.
    Lie(String),
}

impl From<VarveError> for Wrong {
    fn from(error: VarveError) -> Self {
        Self::Error(error)
    }
}

/// Makes the tables of the model.
pub(super) async fn define(database: &Database) -> Result<()> {
    let mut transaction = database.begin().await;
    for at in 0..TABLES {
        let columns = [("n", DataType::Int64), ("text", DataType::Utf8View), ("stamp", DataType::Int64)];
        let columns = columns.into_iter().enumerate().map(|(id, (name, data_type))| Column {
            id: ColumnId(id as u32),
            name: name.to_owned(),
            data_type,
            nullable: id > 0,
            default: None,
            missing: None,
            metadata: Default::default(),
        });
        transaction.put_table(Table {
            id: crate::TableId(transaction.next_id()),
            schema: crate::DEFAULT_SCHEMA.to_owned(),
            name: name(at),
            columns: columns.collect(),
            next_column: 3,
            primary_key: if at == 0 { vec![ColumnId(0)] } else { Vec::new() },
            checks: Vec::new(),
        })?;
    }
    transaction.commit().await.map(|_| ())
}

fn name(table: usize) -> String {
    format!("t{table}")
}

fn table(version: &Version, at: usize) -> &Arc<TableVersion> {
    version.table(crate::DEFAULT_SCHEMA, &name(at)).expect("no step drops a table")
}

/// Does one step.
pub(super) async fn act(database: &Database, step: &Step) -> Outcome {
    let done = match step {
        Step::KeepUp => database.keep_up().await,
        Step::Rewrite { table, seed } => rewrite(database, *table, *seed).await,
        Step::Adapt { table, column } => adapt(database, *table, ColumnId(*column)).await,
        Step::Commit(changes) => {
            let mut transaction = database.begin().await;
            for (table, change) in changes {
                if let Err(error) = Box::pin(change_table(&mut transaction, *table, change)).await {
                    return Outcome::Refused(error);
                }
            }
            transaction.commit().await.map(|_| ())
        }
    };
    done.map_or_else(Outcome::InDoubt, |()| Outcome::Done)
}

async fn rewrite(database: &Database, at: usize, seed: u64) -> Result<()> {
    let random = &mut Random::new(seed);
    let snapshot = database.snapshot();
    let version = table(&snapshot, at);
    let ids = version.segments.iter().map(|live| live.segment.id());
    let what = Rewrite {
        hot: !random.once_in(3),
        segments: ids.filter(|_| random.once_in(2)).collect(),
        layout: layout(random),
        bytes_max: random.once_in(8).then_some(1 << 10),
    };
    database.rewrite(version.table.id, &what).await.map(|_| ())
}

async fn adapt(database: &Database, at: usize, column: ColumnId) -> Result<()> {
    let snapshot = database.snapshot();
    let report = ScanReport {
        predicates: vec![Predicate { column, kind: PredicateKind::Range }],
        columns: [column].into(),
        rows: 1_000_000,
        kept: 1,
        ns: 3_600_000_000_000,
        ..ScanReport::default()
    };
    table(&snapshot, at).workload.scanned(&report);
    database.adapt().await.map(|_| ())
}

/// Sorted or not, with profiles or without.
fn layout(random: &mut Random) -> Layout {
    let mut layout = Layout::ordered_by(&[ColumnId(1)][usize::from(!random.once_in(3))..]);
    for column in 0..3 {
        let profile = Profile::ALL[random.below(Profile::ALL.len() as u64) as usize];
        layout.profiles.insert(ColumnId(column), profile);
    }
    layout
}

async fn change_table(transaction: &mut Transaction, at: usize, change: &Change) -> Result<()> {
    let snapshot = transaction.snapshot();
    let version = table(&snapshot, at);
    let id = version.table.id;
    match change {
        Change::Append { rows, stamp } => append(transaction, at, rows, *stamp).await,
        Change::Delete { rows } => delete(transaction, version, rows).await,
        Change::Update { rows, stamp } => {
            delete(transaction, version, rows).await?;
            append(transaction, at, rows, *stamp).await
        }
        Change::PutIndex(columns) => {
            let index = Index {
                id: IndexId(transaction.next_id()),
                table: id,
                name: format!("of {}", name(at)),
                columns: columns.iter().copied().map(ColumnId).collect(),
                unique: false,
            };
            transaction.create_index(index).await
        }
        Change::DropIndex => {
            let index = snapshot.indexes.iter().find(|index| index.table == id).map(|index| index.id);
            index.map_or(Ok(()), |index| transaction.drop_index(id, index))
        }
        Change::AddColumn { id, missing } => {
            let mut changed = Table::clone(&version.table);
            changed.next_column = id + 1;
            changed.columns.push(Column {
                id: ColumnId(*id),
                name: "extra".to_owned(),
                data_type: DataType::Int64,
                nullable: true,
                default: None,
                missing: Some(Arc::new(Int64Array::from(vec![*missing]))),
                metadata: Default::default(),
            });
            transaction.put_table(changed)
        }
        Change::DropColumn => {
            let mut changed = Table::clone(&version.table);
            changed.columns.retain(|column| column.name != "extra");
            transaction.put_table(changed)
        }
        Change::Undone(changes) => {
            let savepoint = transaction.savepoint();
            for change in changes {
                Box::pin(change_table(transaction, at, change)).await?;
            }
            transaction.roll_back_to(&savepoint);
            Ok(())
        }
    }
}

async fn append(transaction: &mut Transaction, at: usize, rows: &[i64], stamp: i64) -> Result<()> {
    let snapshot = transaction.snapshot();
    let version = table(&snapshot, at);
    let batches: Vec<_> = rows.chunks(10_000).map(|rows| Ok(batch(&version.table, rows, stamp))).collect();
    transaction.append(version.table.id, stream::iter(batches)).await.map(|_| ())
}

fn batch(table: &Table, rows: &[i64], stamp: i64) -> RecordBatch {
    let stamps: ArrayRef = Arc::new(Int64Array::from(vec![stamp; rows.len()]));
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(rows.to_vec())),
        Arc::new(StringViewArray::from_iter(rows.iter().map(|number| text(*number, stamp)))),
        Arc::clone(&stamps),
    ];
    columns.resize(table.columns.len(), stamps);
    RecordBatch::try_new(table.arrow_schema(), columns).expect("the columns are the table's")
}

async fn delete(transaction: &mut Transaction, version: &TableVersion, rows: &[i64]) -> Result<()> {
    let stored = read(version).await?;
    let rows: RowSet = rows.iter().filter_map(|number| Some(stored.by_number.get(number)?.0)).collect();
    transaction.delete(version.table.id, rows).map(|_| ())
}

/// The live rows of a table.
#[derive(Default)]
struct Stored {
    by_number: BTreeMap<i64, (RowAddress, Row)>,
    by_address: BTreeMap<RowAddress, i64>,
    lies: Vec<String>,
}

async fn read(version: &TableVersion) -> Result<Stored> {
    let mut stored = Stored::default();
    let columns: Vec<ColumnId> = version.table.columns.iter().map(|column| column.id).collect();
    for chunk in version.hot.chunks() {
        let first = RowAddress::of_hot(chunk.first_row);
        let deleted = version.hot.deleted();
        stored.take(&chunk.batch, first, |row| deleted.contains(chunk.first_row + row as u64));
    }
    for live in &version.segments {
        let mut first = RowAddress::of_segment(live.segment.id());
        let mut batches = Box::pin(live.segment.read(&version.table, &columns)?);
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let start = first.0 as u32;
            let deleted = live.deleted.as_ref();
            stored.take(&batch, first, |row| deleted.is_some_and(|set| set.contains(start + row as u32)));
            first = RowAddress(first.0 + batch.num_rows() as u64);
        }
    }
    Ok(stored)
}

impl Stored {
    fn take(&mut self, batch: &RecordBatch, first: RowAddress, is_gone: impl Fn(usize) -> bool) {
        let numbers = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        let (own, texts, stamps) = (numbers(0), batch.column(1).as_string_view(), numbers(2));
        for row in (0..batch.num_rows()).filter(|row| !is_gone(*row)) {
            let (number, stamp) = (own.value(row), stamps.value(row));
            let extra = if batch.num_columns() > 3 { numbers(3).value(row) } else { 0 };
            let address = RowAddress(first.0 + row as u64);
            let held = (!texts.is_null(row)).then(|| texts.value(row));
            if held != text(number, stamp).as_deref() {
                self.lies.push(format!("row {number} of step {stamp} has the text {held:?}"));
            }
            if self.by_number.insert(number, (address, Row { stamp, extra })).is_some() {
                self.lies.push(format!("row {number} is there twice"));
            }
            self.by_address.insert(address, number);
        }
    }
}

/// Compares everything with the model: definitions, rows, and what keys find.
pub(super) async fn compare(version: &Version, model: &Model) -> std::result::Result<(), Wrong> {
    for (at, expected) in model.0.iter().enumerate() {
        if version.table(crate::DEFAULT_SCHEMA, &name(at)).is_none() {
            return Err(Wrong::Lie(format!("table {at} is not there")));
        }
        compare_table(version, table(version, at), expected).await.map_err(|wrong| match wrong {
            Wrong::Lie(what) => Wrong::Lie(format!("table {at}: {what}")),
            error => error,
        })?;
    }
    Ok(())
}

async fn compare_table(
    whole: &Version,
    version: &TableVersion,
    expected: &TableModel,
) -> std::result::Result<(), Wrong> {
    let lie = |what: String| Err(Wrong::Lie(what));
    let extra = version.table.columns.get(3).map(|column| column.id.0);
    let index = whole.indexes.iter().find(|index| index.table == version.table.id);
    let columns = index.map(|index| index.columns.iter().map(|id| id.0).collect::<Vec<_>>());
    if (extra, &columns) != (expected.extra, &expected.index) {
        return lie(format!("it has column {extra:?}, index {columns:?}"));
    }
    let stored = read(version).await?;
    if let Some(what) = stored.lies.first() {
        return lie(what.clone());
    }
    let rows: BTreeMap<i64, Row> =
        stored.by_number.iter().map(|(number, (_, row))| (*number, *row)).collect();
    if rows != expected.rows {
        let differing = |one: &BTreeMap<i64, Row>, other: &BTreeMap<i64, Row>| {
            one.iter()
                .find(|(number, row)| other.get(number) != Some(row))
                .map(|(number, row)| (*number, *row))
        };
        let (held, wanted) = (differing(&rows, &expected.rows), differing(&expected.rows, &rows));
        let (has, ought) = (rows.len(), expected.rows.len());
        return lie(format!("{has} rows for {ought}, such as {held:?} for {wanted:?}"));
    }
    if version.live_rows() != rows.len() as u64 {
        return lie(format!("it counts {} rows and has {}", version.live_rows(), rows.len()));
    }
    compare_keys(version, &stored)
}

/// Every key that is asked for finds a live row with that key.
fn compare_keys(version: &TableVersion, stored: &Stored) -> std::result::Result<(), Wrong> {
    let step = 1 + stored.by_number.len() / 50;
    for columns in version.hot.keys().iter() {
        let lookup = version.lookup(columns.index);
        for (number, (_, row)) in stored.by_number.iter().step_by(step) {
            let like = version.table.store_batch(&batch(&version.table, &[*number], row.stamp))?;
            let keys = columns.keys(&like)?;
            let Some(key) = keys.get(0) else { continue };
            let found = lookup.find_one(key)?.and_then(|address| stored.by_address.get(&address));
            let found = found.and_then(|number| Some((*number, stored.by_number.get(number)?.1.stamp)));
            let is_right = found.is_some_and(|(other, stamp)| {
                let is_same = |id: &ColumnId| match id.0 {
                    0 => other == *number,
                    1 => text(other, stamp) == text(*number, row.stamp),
                    _ => stamp == row.stamp,
                };
                columns.columns.iter().all(is_same)
            });
            if !is_right {
                return Err(Wrong::Lie(format!("index {} finds {found:?} for row {number}", columns.index)));
            }
        }
    }
    Ok(())
}
