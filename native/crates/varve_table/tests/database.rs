//! Databases as their users see them: what is committed is there, also after reopening; what is not, is not.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow_schema::DataType;
use futures::{StreamExt, stream};
use tempfile::TempDir;
use varve_table::{
    Column, ColumnId, Database, Options, RowAddress, RowSet, SegmentId, Table, TableId, TableVersion,
    Transaction, Version,
};
use varve_types::{ErrorCode, Result, VarveError};
use vortex::array::VortexSessionExecute;
use vortex_arrow::ArrowSessionExt;

/// A table of numbers and texts.
fn define(id: u64) -> Table {
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

fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
    let texts = numbers.clone().map(|number| (number % 7 != 0).then(|| format!("row number {number}")));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from_iter_values(numbers)), Arc::new(StringViewArray::from_iter(texts))];
    RecordBatch::try_new(define(0).arrow_schema(), columns).expect("it fits")
}

async fn append(transaction: &mut Transaction, table: TableId, numbers: std::ops::Range<i64>) -> Result<u64> {
    let batches: Vec<_> = numbers
        .clone()
        .step_by(10_000)
        .map(|start| Ok(rows(start..(start + 10_000).min(numbers.end))))
        .collect();
    transaction.append(table, stream::iter(batches)).await
}

/// The numbers that a reader of `version` sees, sorted.
async fn numbers(database: &Database, version: &TableVersion) -> Vec<i64> {
    let mut found = Vec::new();
    for chunk in version.hot.chunks() {
        let values = chunk.batch.column(0).as_primitive::<Int64Type>();
        let live =
            (0..values.len()).filter(|at| !version.hot.deleted().contains(chunk.first_row + *at as u64));
        found.extend(live.map(|at| values.value(at)));
    }
    for live in &version.segments {
        let session = database.session();
        let mut position = 0;
        let mut stream = live.segment.scan().into_stream().expect("a scan");
        while let Some(array) = stream.next().await {
            let mut context = session.create_execution_ctx();
            let array = array.expect("an array");
            let arrow = session.arrow().execute_arrow(array, None, &mut context).expect("arrow");
            let values = arrow.as_struct().column(0).as_primitive::<Int64Type>().clone();
            for value in values.values() {
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

struct Fixture {
    dir: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Fixture {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        Self { dir: TempDir::new().expect("a directory"), runtime }
    }

    fn open(&self) -> Result<Database> {
        Database::open(self.dir.path(), &Options::default(), self.runtime.handle())
    }

    /// A database with an empty table.
    fn with_table(&self) -> (Database, TableId) {
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

    fn segment_files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("segments")).expect("a folder").count()
    }
}

fn table(version: &Version) -> &TableVersion {
    version.table("main", "t").expect("the table is there")
}

#[test]
fn what_is_committed_is_there_after_reopening() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        for start in 0..50 {
            let mut transaction = database.begin().await;
            append(&mut transaction, id, start..start + 1).await.expect("a row");
            transaction.commit().await.expect("it commits");
        }
        let mut transaction = database.begin().await;
        assert_eq!(append(&mut transaction, id, 50..200_000).await.expect("rows"), 199_950);
        let seen = transaction.snapshot();
        let segment = table(&seen).segments[0].segment.id();
        let gone: RowSet =
            [RowAddress::of_hot(7), RowAddress(RowAddress::of_segment(segment).0 + 50)].into_iter().collect();
        assert_eq!(transaction.delete(id, gone.clone()).expect("rows"), 2);
        assert_eq!(transaction.delete(id, gone).expect("no rows"), 0, "they are gone already");
        assert_eq!(table(&database.snapshot()).live_rows(), 50, "readers do not see it yet");
        transaction.commit().await.expect("it commits");
    });
    let expected: Vec<i64> = (0..200_000).filter(|number| *number != 7 && *number != 100).collect();
    let check = |database: &Database| {
        let snapshot = database.snapshot();
        assert_eq!(table(&snapshot).live_rows(), expected.len() as u64);
        assert_eq!(fixture.runtime.block_on(numbers(database, table(&snapshot))), expected);
    };
    check(&database);
    drop(database);
    check(&fixture.open().expect("it opens again"));
}

#[test]
fn what_is_not_committed_never_was() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..10).await.expect("rows");
        let savepoint = transaction.savepoint();
        append(&mut transaction, id, 10..100_000).await.expect("rows");
        assert_eq!(fixture.segment_files(), 1);
        transaction.roll_back_to(&savepoint);
        assert_eq!(fixture.segment_files(), 0, "the file of the segment is removed");
        transaction.commit().await.expect("it commits");

        let mut transaction = database.begin().await;
        append(&mut transaction, id, 10..100_000).await.expect("rows");
        drop(transaction);

        let mut transaction = database.begin().await;
        let failing =
            [Ok(rows(0..100_000)), Err(VarveError::new(ErrorCode::FileMalformed, "a bad file", ""))];
        let error = transaction.append(id, stream::iter(failing)).await.expect_err("it fails");
        assert_eq!(error.code(), ErrorCode::FileMalformed, "{error}");
        drop(transaction);
        assert_eq!(fixture.segment_files(), 0);
    });
    drop(database);
    let database = fixture.open().expect("it opens again");
    let snapshot = database.snapshot();
    assert_eq!(fixture.runtime.block_on(numbers(&database, table(&snapshot))), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_dropped_table_takes_its_files_along_when_its_readers_are_gone() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..100_000).await.expect("rows");
        transaction.commit().await.expect("it commits");
        let reader = database.snapshot();
        let mut transaction = database.begin().await;
        transaction.drop_table(id).expect("it is there");
        transaction.commit().await.expect("it commits");
        assert!(database.snapshot().table("main", "t").is_none());
        assert_eq!(numbers(&database, table(&reader)).await.len(), 100_000, "its reader still sees it");
        assert_eq!(fixture.segment_files(), 1);
        drop(reader);
        assert_eq!(fixture.segment_files(), 0);
    });
}

#[test]
fn commits_that_wait_together_become_durable_together() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let writers = (0..64).map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut transaction = database.begin().await;
                append(&mut transaction, id, number..number + 1).await?;
                transaction.commit().await
            })
        });
        let mut seqs: Vec<u64> = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            seqs.push(writer.await.expect("it ends").expect("it commits").0);
        }
        seqs.sort_unstable();
        assert_eq!(seqs, (2..66).collect::<Vec<_>>(), "numbers without gaps");
    });
    drop(database);
    let database = fixture.open().expect("it opens again");
    let snapshot = database.snapshot();
    assert_eq!(fixture.runtime.block_on(numbers(&database, table(&snapshot))), (0..64).collect::<Vec<_>>());
}

/// What is wrong with a directory, done to it while it is closed, and the code of the error.
type Hurt = (&'static str, fn(&Path), ErrorCode);

/// A new file under the old name: a scan that was given up may still read the old one through its map.
fn replace(path: &Path, bytes: &[u8]) {
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, bytes).expect("a file");
    std::fs::rename(fresh, path).expect("a file");
}

fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    replace(path, &bytes);
}

fn segment_file(dir: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(dir.join("segments")).expect("a folder");
    files.next().expect("a segment").expect("an entry").path()
}

fn sql(dir: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(dir.join("catalogue.db")).expect("it opens");
    connection.execute_batch(statement).expect("it runs");
}

#[test]
fn damage_is_reported_when_the_database_is_opened_or_the_part_is_read() {
    let hurts: &[Hurt] = &[
        ("footer", |dir| flip(&segment_file(dir), |len| len - 20), ErrorCode::StoreDamaged),
        (
            "segment cut short",
            |dir| {
                let path = segment_file(dir);
                let bytes = std::fs::read(&path).expect("a file");
                replace(&path, &bytes[..bytes.len() / 2]);
            },
            ErrorCode::StoreDamaged,
        ),
        ("segment gone", |dir| std::fs::remove_file(segment_file(dir)).expect("a file"), ErrorCode::StoreIo),
        ("hot rows gone", |dir| sql(dir, "DELETE FROM hot"), ErrorCode::StoreDamaged),
        ("deletion gone", |dir| sql(dir, "DELETE FROM deletions"), ErrorCode::StoreDamaged),
        ("hot rows of another table", |dir| sql(dir, "UPDATE hot SET owner = 99"), ErrorCode::StoreDamaged),
        ("table gone", |dir| sql(dir, "DELETE FROM tables"), ErrorCode::StoreDamaged),
        ("state gone", |dir| sql(dir, "DELETE FROM state"), ErrorCode::StoreDamaged),
        ("a newer format", |dir| sql(dir, "PRAGMA user_version = 99"), ErrorCode::StoreNewerFormat),
        ("another application's", |dir| sql(dir, "PRAGMA application_id = 7"), ErrorCode::StoreForeign),
        (
            "a commit behind the mark",
            |dir| {
                let number = 99u64.to_le_bytes();
                let sum = crc32c::crc32c(&number).to_le_bytes();
                std::fs::write(dir.join("last-commit"), [&number[..], &sum[..]].concat()).expect("a file");
            },
            ErrorCode::StoreDamaged,
        ),
        (
            "no database",
            |dir| std::fs::remove_file(dir.join("catalogue.db")).expect("a file"),
            ErrorCode::StoreForeign,
        ),
    ];
    for (name, hurt, code) in hurts {
        let fixture = Fixture::new();
        let (database, id) = fixture.with_table();
        fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            append(&mut transaction, id, 0..3).await.expect("rows");
            append(&mut transaction, id, 0..100_000).await.expect("rows");
            transaction.delete(id, [RowAddress::of_hot(1)].into_iter().collect()).expect("a row");
            transaction.commit().await.expect("it commits");
        });
        drop(database);
        hurt(fixture.dir.path());
        let error = fixture.open().err().unwrap_or_else(|| panic!("{name}: it opens"));
        assert_eq!(error.code(), *code, "{name}: {error}");
    }
}

#[test]
fn every_flipped_byte_of_a_segment_is_noticed_or_harmless() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..70_000).await.expect("rows");
        transaction.commit().await.expect("it commits");
    });
    drop(database);
    let path = segment_file(fixture.dir.path());
    let whole = std::fs::read(&path).expect("a file");
    let expected: Vec<i64> = (0..70_000).collect();
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        flip(&path, |_| at);
        let seen = fixture.open().and_then(|database| {
            let snapshot = database.snapshot();
            let scan = fixture.runtime.block_on(async {
                let live = &table(&snapshot).segments[0];
                let mut stream = live.segment.scan().into_stream().expect("a scan");
                let mut arrays = Vec::new();
                while let Some(array) = stream.next().await {
                    arrays.push(array.map_err(|error| error.to_string()));
                }
                arrays.into_iter().collect::<std::result::Result<Vec<_>, _>>()
            });
            match scan {
                Ok(_) => Ok(fixture.runtime.block_on(numbers(&database, table(&snapshot)))),
                Err(why) => Err(VarveError::new(ErrorCode::StoreDamaged, why, "")),
            }
        });
        if let Ok(seen) = seen {
            assert_eq!(seen, expected, "byte {at} of {}", whole.len());
        }
        replace(&path, &whole);
    }
    assert!(fixture.open().is_ok());
}

#[test]
fn a_directory_is_opened_once() {
    let fixture = Fixture::new();
    let (database, _) = fixture.with_table();
    let error = fixture.open().err().expect("it is open already");
    assert_eq!(error.code(), ErrorCode::StoreLocked, "{error}");
    drop(database);
    assert!(fixture.open().is_ok());
    let options = Options { error_if_exists: true, ..Options::default() };
    let error =
        Database::open(fixture.dir.path(), &options, fixture.runtime.handle()).err().expect("it exists");
    assert_eq!(error.code(), ErrorCode::StoreExists, "{error}");
    let options = Options { create_if_missing: false, ..Options::default() };
    let missing = fixture.dir.path().join("nowhere");
    let error = Database::open(&missing, &options, fixture.runtime.handle()).err().expect("it is missing");
    assert_eq!(error.code(), ErrorCode::StoreMissing, "{error}");
    assert!(!missing.exists(), "nothing is left behind");
    assert_eq!(SegmentId(1).to_string(), "1");
}
