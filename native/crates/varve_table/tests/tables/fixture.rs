//! A table of numbers and texts, and ways to fill, read and reopen it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow_schema::DataType;
use futures::{StreamExt, stream};
use tempfile::TempDir;
use varve_table::{Column, ColumnId, Database, Options, Table, TableId, TableVersion, Transaction, Version};
use varve_types::Result;

/// A table of numbers and texts.
pub fn define(id: u64) -> Table {
    let column = |number: u32, name: &str, data_type| Column {
        id: ColumnId(number),
        name: name.to_owned(),
        data_type,
        nullable: number > 0,
        default: None,
        missing: None,
        metadata: Default::default(),
    };
    Table {
        id: TableId(id),
        schema: "main".to_owned(),
        name: "t".to_owned(),
        columns: vec![column(0, "n", DataType::Int64), column(1, "text", DataType::Utf8View)],
        next_column: 2,
        primary_key: Vec::new(),
        checks: Vec::new(),
    }
}

pub fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
    let texts = numbers.clone().map(|number| (number % 7 != 0).then(|| format!("row number {number}")));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from_iter_values(numbers)), Arc::new(StringViewArray::from_iter(texts))];
    RecordBatch::try_new(define(0).arrow_schema(), columns).expect("it fits")
}

pub async fn append(
    transaction: &mut Transaction,
    table: TableId,
    numbers: std::ops::Range<i64>,
) -> Result<u64> {
    let batches: Vec<_> = numbers
        .clone()
        .step_by(10_000)
        .map(|start| Ok(rows(start..(start + 10_000).min(numbers.end))))
        .collect();
    transaction.append(table, stream::iter(batches)).await
}

/// The numbers that a reader of `version` sees, sorted.
pub async fn numbers(version: &TableVersion) -> Vec<i64> {
    let mut found = Vec::new();
    for chunk in version.hot.chunks() {
        let values = chunk.batch.column(0).as_primitive::<Int64Type>();
        let live =
            (0..values.len()).filter(|at| !version.hot.deleted().contains(chunk.first_row + *at as u64));
        found.extend(live.map(|at| values.value(at)));
    }
    for live in &version.segments {
        let mut position = 0;
        let mut batches =
            Box::pin(live.segment.read(&version.table, &[ColumnId(0)]).expect("a scan of the segment"));
        while let Some(batch) = batches.next().await {
            for value in batch.expect("a batch").column(0).as_primitive::<Int64Type>().values() {
                if !live.deleted.as_ref().is_some_and(|deleted| deleted.contains(position)) {
                    found.push(*value);
                }
                position += 1;
            }
        }
    }
    found.sort_unstable();
    found
}

pub struct Fixture {
    pub dir: TempDir,
    pub runtime: tokio::runtime::Runtime,
}

impl Fixture {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_time()
            .worker_threads(2)
            .build()
            .expect("a runtime");
        Self { dir: TempDir::new().expect("a directory"), runtime }
    }

    pub fn open(&self) -> Result<Database> {
        Database::open(self.dir.path(), &Options::default(), self.runtime.handle())
    }

    pub fn close(&self, database: Database) {
        self.runtime.block_on(database.close());
    }

    /// A database with an empty table.
    pub fn with_table(&self) -> (Database, TableId) {
        let database = self.open().expect("it opens");
        let id = self.runtime.block_on(async {
            let mut transaction = database.begin().await;
            let table = define(transaction.next_id());
            let id = table.id;
            transaction.put_table(table).expect("a new table");
            transaction.commit().await.expect("it commits");
            id
        });
        (database, id)
    }

    pub fn segment_files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("segments")).expect("a folder").count()
    }
}

pub fn table(version: &Version) -> &TableVersion {
    version.table("main", "t").expect("the table is there")
}
