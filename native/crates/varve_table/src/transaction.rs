//! A transaction: changes that become visible and durable together.
//!
//! There is one writer at a time. It works on a version of its own, which readers do not see; a commit hands the changes
//! to the committing thread, lets the next writer begin, and waits until they are durable.
//!
//! A transaction may begin without the writer, at a snapshot, and claim it when it first changes something. The first
//! committer wins: what others committed since the snapshot stays invisible, and a table that they changed, or any table
//! when they changed a definition, cannot be changed any more. Rows that were only moved since, by upkeep, are no conflict.

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::{Stream, StreamExt};
use roaring::RoaringBitmap;
use tokio::sync::{OwnedMutexGuard, oneshot};
use varve_types::{ErrorCode, Result, VarveError};

use crate::change::Change;
use crate::committer::{Done, Job};
use crate::database::{Database, Writer};
use crate::definition::{Index, Table, View};
use crate::error::from_arrow;
use crate::hot::HotRows;
use crate::ids::{CommitSeq, IndexId, TableId};
use crate::ipc;
use crate::key::{Duplicate, KeyColumns, SortedKeys, check_unique, first_duplicate};
use crate::load::{Load, LoadedKeys, LoadedSegment};
use crate::rows::RowSet;
use crate::statistics::TableStatistics;
use crate::stored_file::StoredFile;
use crate::upkeep;
use crate::version::{LiveSegment, TableVersion, Version};

/// Batches that come together and have no more rows than this stay hot; others become a segment at once.
const HOT_APPEND_ROWS_MAX: usize = 65_536;
/// The same in bytes.
const HOT_APPEND_BYTES_MAX: usize = 8 << 20;

/// Changes that nobody else sees yet. Dropped without a commit, they never were.
pub struct Transaction {
    database: Database,
    /// Held while there are changes.
    writer: Option<OwnedMutexGuard<Writer>>,
    /// What it began with, when it began without the writer.
    began: Option<Arc<Version>>,
    /// Tables whose rows others changed since, in ascending order.
    stale: Vec<TableId>,
    version: Version,
    changes: Vec<Change>,
    retired: Vec<Arc<StoredFile>>,
}

/// A point of a transaction to go back to.
#[derive(Clone)]
pub struct Savepoint {
    version: Version,
    changes: usize,
    retired: usize,
}

impl Transaction {
    pub(crate) fn new(database: Database, writer: OwnedMutexGuard<Writer>) -> Self {
        let version = Version::clone(&writer.version);
        let (changes, retired) = (Vec::new(), Vec::new());
        Self { database, writer: Some(writer), began: None, stale: Vec::new(), version, changes, retired }
    }

    pub(crate) fn reading(database: Database, snapshot: Arc<Version>) -> Self {
        let version = Version::clone(&snapshot);
        let (changes, retired) = (Vec::new(), Vec::new());
        Self { database, writer: None, began: Some(snapshot), stale: Vec::new(), version, changes, retired }
    }

    /// Takes the writer, so that changes can be made; nothing when it is taken already.
    ///
    /// # Errors
    /// `STORE_READ_ONLY`; `TRANSACTION_CONFLICT` when others changed a definition since the snapshot, or when another
    /// transaction held the writer for [`crate::Options::writer_wait`]. Changing a table whose rows others changed since is
    /// the same error.
    /// Cost: waits for the transaction that holds it.
    pub async fn claim(&mut self) -> Result<()> {
        if self.writer.is_some() {
            return Ok(());
        }
        let writer = self.database.writer().await?;
        if writer.version.definitions != self.version.definitions {
            return Err(conflict("others created, altered or dropped something"));
        }
        for (id, now) in &writer.version.tables {
            let Some(ours) = self.version.tables.get_mut(id) else { continue };
            if ours.contents == now.contents {
                // The same rows, where they lie now.
                ours.clone_from(now);
            } else {
                self.stale.push(*id);
            }
        }
        self.writer = Some(writer);
        Ok(())
    }

    /// The database as this transaction sees it: with its own changes.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Version> {
        Arc::new(self.version.clone())
    }

    /// The hot rows of a table, with its own changes; `None` when there is no such table.
    #[must_use]
    pub fn hot(&self, table: TableId) -> Option<&HotRows> {
        self.version.tables.get(&table).map(|version| &version.hot)
    }

    /// The number of the definitions that it sees, [`Version::definitions`].
    #[must_use]
    pub fn definitions(&self) -> u64 {
        self.version.definitions
    }

    /// Whether it created, altered or dropped something.
    #[must_use]
    pub fn redefines(&self) -> bool {
        self.changes.iter().any(Change::redefines)
    }

    /// A number for a new table or index.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.database.store().next_id()
    }

    /// Adds an SQL schema.
    pub fn create_schema(&mut self, name: &str) -> Result<()> {
        self.change(Change::PutSchema(name.to_owned()))
    }

    /// Drops an SQL schema; its tables and views must be gone.
    pub fn drop_schema(&mut self, name: &str) -> Result<()> {
        self.change(Change::DropSchema(name.to_owned()))
    }

    /// Adds a table, or gives the table of this number another shape.
    pub fn put_table(&mut self, table: Table) -> Result<()> {
        self.change(Change::PutTable(Arc::new(table)))
    }

    /// Drops a table with its rows and indexes.
    pub fn drop_table(&mut self, table: TableId) -> Result<()> {
        let version = self.version.tables.get(&table).cloned();
        for live in version.iter().flat_map(|version| &version.segments) {
            self.retire(live);
        }
        self.change(Change::DropTable(table))
    }

    /// Adds a view, or replaces the one of this name.
    pub fn put_view(&mut self, view: View) -> Result<()> {
        self.change(Change::PutView(view))
    }

    /// Drops a view.
    pub fn drop_view(&mut self, schema: &str, name: &str) -> Result<()> {
        self.change(Change::DropView { schema: schema.to_owned(), name: name.to_owned() })
    }

    /// Adds an index and sorts the keys of all rows into it.
    ///
    /// # Errors
    /// `CONSTRAINT_VIOLATED` when it is unique and two rows have the same key; the transaction then holds part of it: go
    /// back to a savepoint or give it up.
    pub async fn create_index(&mut self, index: Index) -> Result<()> {
        let (table, id) = (index.table, index.id);
        self.change(Change::PutIndex(index))?;
        self.index_segments(table, id).await
    }

    /// Drops an index.
    pub fn drop_index(&mut self, table: TableId, index: IndexId) -> Result<()> {
        let segments = self.version.tables.get(&table).into_iter().flat_map(|version| &version.segments);
        let runs = segments.flat_map(|live| &live.keys).filter(|run| run.meta().index == index);
        self.retired.extend(runs.map(|run| Arc::clone(run.stored())));
        self.change(Change::DropIndex { table, index })
    }

    /// Appends rows, columns in table order; how many. Few rows stay hot, many become segments.
    ///
    /// # Errors
    /// The first error of `rows`, `ARGUMENT_INVALID` and `CONSTRAINT_VIOLATED` of the rows; the transaction then holds part
    /// of them: go back to a savepoint or give it up.
    pub async fn append(
        &mut self,
        table: TableId,
        rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    ) -> Result<u64> {
        let definition = Arc::clone(&self.table(table)?.table);
        let stored = Arc::clone(&definition);
        let mut rows = Box::pin(rows.map(move |batch| stored.store_batch(&batch?)));
        let mut first = Vec::new();
        let (mut count, mut bytes) = (0usize, 0usize);
        while count <= HOT_APPEND_ROWS_MAX && bytes <= HOT_APPEND_BYTES_MAX {
            match rows.next().await {
                Some(batch) => {
                    let batch = batch?;
                    count += batch.num_rows();
                    bytes += batch.get_array_memory_size();
                    first.push(batch);
                }
                None => {
                    for batch in first {
                        self.append_hot(table, batch)?;
                    }
                    return Ok(count as u64);
                }
            }
        }
        let rows = futures::stream::iter(first.into_iter().map(Ok)).chain(rows);
        let keys = Arc::clone(self.table(table)?.hot.keys());
        let mut load = Load::new(Arc::clone(self.database.store()), definition.stored_schema(), keys);
        let mut appended = 0;
        for LoadedSegment { segment, keys } in load.run(rows).await? {
            appended += segment.meta().rows;
            for LoadedKeys { sorted, run } in &keys {
                self.refuse_duplicates(table, run.meta().index, sorted, |_| false, None)?;
            }
            self.change(Change::AddSegment { table, segment })?;
            for LoadedKeys { run, .. } in keys {
                self.change(Change::AddKeyRun { table, run })?;
            }
        }
        Ok(appended)
    }

    /// The same of few rows, which are there already and stay hot.
    ///
    /// # Errors
    /// As [`Self::append`].
    /// Cost: copies the hot rows that [`HotRows::merged_with`] says, and looks keys up.
    pub fn append_few(&mut self, table: TableId, rows: &RecordBatch) -> Result<u64> {
        let batch = self.table(table)?.table.store_batch(rows)?;
        self.append_hot(table, batch)?;
        Ok(rows.num_rows() as u64)
    }

    /// Deletes rows that this transaction's snapshot shows; how many there were. Rows that are gone are ignored.
    pub fn delete(&mut self, table: TableId, mut rows: RowSet) -> Result<u64> {
        let version = self.table(table)?;
        rows.hot -= version.hot.deleted();
        for live in &version.segments {
            if let (Some(positions), Some(gone)) = (rows.segments.get_mut(&live.segment.id()), &live.deleted)
            {
                *positions -= gone.as_ref();
            }
        }
        rows.segments.retain(|id, positions: &mut RoaringBitmap| {
            !positions.is_empty() && version.segment(*id).is_some()
        });
        let count = rows.len();
        if count > 0 {
            self.change(Change::Delete { table, rows })?;
        }
        Ok(count)
    }

    /// Keeps what was found out about the rows of a table.
    pub fn put_statistics(&mut self, statistics: TableStatistics) -> Result<()> {
        self.change(Change::PutStatistics(Arc::new(statistics)))
    }

    /// A point to go back to.
    #[must_use]
    pub fn savepoint(&self) -> Savepoint {
        Savepoint { version: self.version.clone(), changes: self.changes.len(), retired: self.retired.len() }
    }

    /// Undoes everything since `savepoint`, which must be of this transaction. When nothing is left that it changed, and it
    /// began without the writer, it lets go of the writer.
    pub fn roll_back_to(&mut self, savepoint: &Savepoint) {
        self.version = savepoint.version.clone();
        self.changes.truncate(savepoint.changes);
        self.retired.truncate(savepoint.retired);
        if self.changes.is_empty()
            && let Some(began) = &self.began
        {
            // The savepoint may know places of rows that only the writer can rely on.
            self.version = Version::clone(began);
            self.stale.clear();
            self.writer = None;
        }
    }

    /// Makes the changes durable and visible.
    ///
    /// # Errors
    /// `STORE_FULL` and its kin when they could not be written: whether they were is then unknown until the database is
    /// opened again. `STORE_POISONED` when an earlier commit failed.
    pub async fn commit(self) -> Result<CommitSeq> {
        let (done, durable) = oneshot::channel();
        self.commit_then(|outcome| {
            let _caller_gone = done.send(outcome);
        });
        durable.await.unwrap_or_else(|_| {
            Err(VarveError::new(ErrorCode::EngineDefect, "a commit was forgotten", "please report it"))
        })
    }

    /// The same without waiting: `done` is called with the outcome, on the committing thread, which it must not hold up; at
    /// once when there is nothing to write.
    pub fn commit_then(mut self, done: impl FnOnce(Result<CommitSeq>) + Send + 'static) {
        let Some(mut writer) = self.writer.take().filter(|_| !self.changes.is_empty()) else {
            return done(Ok(self.version.seq));
        };
        self.version.seq = CommitSeq(writer.version.seq.0 + 1);
        for id in self.stale {
            if let Some(theirs) = writer.version.tables.get(&id) {
                self.version.tables.insert(id, Arc::clone(theirs));
            }
        }
        let version = Arc::new(self.version);
        let seq = version.seq;
        writer.version = Arc::clone(&version);
        let tables = self.changes.iter().filter_map(Change::rows_of);
        let is_due =
            tables.filter_map(|id| version.tables.get(&id)).any(|table| upkeep::due(table).is_some());
        let inner = self.database.inner();
        // Not the database: the committing thread would wait for itself if it were the last to let go of it.
        let upkeep = is_due.then(|| Arc::clone(inner.upkeep.waker()));
        let done = Done::new(move |outcome| {
            if let (Ok(()), Some(upkeep)) = (&outcome, upkeep) {
                upkeep.notify_one();
            }
            done(outcome.map(|()| seq));
        });
        inner.committer.submit(Job { changes: self.changes, version, retired: self.retired, done });
        drop(writer);
    }

    pub(crate) fn table(&self, id: TableId) -> Result<&Arc<TableVersion>> {
        self.version.tables.get(&id).ok_or_else(|| {
            VarveError::new(ErrorCode::ArgumentInvalid, format!("there is no table {id}"), "it was dropped")
        })
    }

    pub(crate) fn change(&mut self, change: Change) -> Result<()> {
        self.database.refuse_if_read_only()?;
        if self.writer.is_none() {
            let message = "a transaction that only reads was asked to change something";
            return Err(VarveError::new(ErrorCode::EngineDefect, message, "claim the writer first"));
        }
        if change.rows_of().is_some_and(|table| self.stale.binary_search(&table).is_ok()) {
            return Err(conflict("others changed rows of the same table"));
        }
        change.apply(&mut self.version)?;
        self.changes.push(change);
        Ok(())
    }

    /// The rows of a table were only moved: it has its old contents.
    pub(crate) fn same_contents(&mut self, table: TableId, contents: u64) {
        if let Some(version) = self.version.tables.get_mut(&table) {
            Arc::make_mut(version).contents = contents;
        }
    }

    /// A segment goes out of use with this commit.
    pub(crate) fn retire(&mut self, live: &LiveSegment) {
        self.retired.extend(live.stored().cloned());
    }

    async fn index_segments(&mut self, table: TableId, index: IndexId) -> Result<()> {
        let version = Arc::clone(self.table(table)?);
        let Some(columns) = version.hot.keys().iter().find(|key| key.index == index) else { return Ok(()) };
        if let Some(first) = version.hot.chunks().first() {
            let keys = version.hot.chunks().iter().map(|chunk| columns.keys(&chunk.batch));
            let sorted = SortedKeys::sort(&keys.collect::<Result<Vec<_>>>()?);
            let is_gone = |row: u32| version.hot.deleted().contains(first.first_row + u64::from(row));
            if columns.unique
                && let Some(at) = first_duplicate(&sorted, is_gone)
            {
                return Err(self.duplicate(columns, Duplicate { at, row: None }, None));
            }
        }
        for live in &version.segments {
            let mut rows = Box::pin(live.segment.read(&version.table, &columns.columns)?);
            let mut keys = Vec::new();
            while let Some(batch) = rows.next().await {
                keys.push(columns.keys(&batch?)?);
            }
            let LoadedKeys { sorted, run } =
                self.database.store().write_keys(live.segment.id(), index, keys).await?;
            let is_gone = |row| live.deleted.as_ref().is_some_and(|deleted| deleted.contains(row));
            self.refuse_duplicates(table, index, &sorted, is_gone, None)?;
            self.change(Change::AddKeyRun { table, run })?;
        }
        Ok(())
    }

    /// Refuses `keys` when their index is unique and one of them, of a row that is not gone, is there already.
    fn refuse_duplicates(
        &self,
        table: TableId,
        index: IndexId,
        keys: &SortedKeys,
        is_gone: impl Fn(u32) -> bool,
        batch: Option<&RecordBatch>,
    ) -> Result<()> {
        let version = self.table(table)?;
        let unique = version.hot.keys().iter().find(|key| key.index == index && key.unique);
        let Some(columns) = unique else { return Ok(()) };
        match check_unique(version, columns, keys, is_gone)? {
            None => Ok(()),
            Some(duplicate) => {
                let row = batch.map(|batch| (batch, keys.rows()[duplicate.at] as usize));
                Err(self.duplicate(columns, duplicate, row))
            }
        }
    }

    /// The error of a duplicate key; it shows the key when the row is at hand.
    fn duplicate(
        &self,
        columns: &KeyColumns,
        duplicate: Duplicate,
        row: Option<(&RecordBatch, usize)>,
    ) -> VarveError {
        let name = match self.version.indexes.iter().find(|index| index.id == columns.index) {
            Some(index) => format!("unique index {}", index.name),
            None => "the primary key".to_owned(),
        };
        let shown = row.map(|(batch, row)| show_key(columns, batch, row)).unwrap_or_default();
        let place = if duplicate.row.is_some() { "a row has it already" } else { "it is there twice" };
        VarveError::new(
            ErrorCode::ConstraintViolated,
            format!("{name} refuses the key{shown}: {place}"),
            "give another key, or use ON CONFLICT",
        )
    }

    fn append_hot(&mut self, table: TableId, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let hot = &self.table(table)?.hot;
        let (first_row, keys) = (hot.next_row(), Arc::clone(hot.keys()));
        for columns in keys.iter().filter(|columns| columns.unique) {
            let sorted = SortedKeys::sort(&[columns.keys(&batch)?]);
            self.refuse_duplicates(table, columns.index, &sorted, |_| false, Some(&batch))?;
        }
        let ipc = ipc::encode(batch.schema_ref(), std::slice::from_ref(&batch))
            .map_err(|error| from_arrow(error, "encoding rows"))?;
        self.change(Change::AppendHot { table, first_row, batch, ipc: ipc.into() })
    }
}

/// Others were first.
fn conflict(what: &str) -> VarveError {
    VarveError::new(
        ErrorCode::TransactionConflict,
        format!("{what} after this transaction began, and committed first"),
        "run the transaction again",
    )
}

/// The values of a key, as ` (1, a)`.
fn show_key(columns: &KeyColumns, batch: &RecordBatch, row: usize) -> String {
    let values = columns.columns.iter().map(|id| {
        let column = batch.column_by_name(&id.stored_name())?;
        arrow_cast::display::array_value_to_string(column, row).ok()
    });
    values.collect::<Option<Vec<_>>>().map(|values| format!(" ({})", values.join(", "))).unwrap_or_default()
}
