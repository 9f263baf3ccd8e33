//! A session: plans and changes of one user, with at most one open transaction.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use futures::{Stream, StreamExt};
use tokio::sync::Mutex;
use varve_table::{DEFAULT_SCHEMA, Savepoint, Table, TableVersion, Transaction, Version};
use varve_types::{ErrorCode, Result, VarveError};

use crate::Progress;
use crate::engine::Engine;
use crate::output::Output;
use crate::pipeline::Ground;
use crate::plan::QueryPlan;
use crate::rows::{self, Intake};

/// A connection of one user. Cheap to clone; clones share the transaction.
#[derive(Clone)]
pub struct Session {
    engine: Engine,
    open: Arc<Mutex<Option<Open>>>,
    pinned: Option<Arc<Version>>,
}

/// A transaction under way.
struct Open {
    transaction: Transaction,
    /// Where a change that has not ended began.
    unfinished: Option<Savepoint>,
}

/// A table or view, as users know it.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// The schema that it is in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// A view has no rows of its own; nothing is known of its columns without SQL.
    pub is_view: bool,
    /// Its columns.
    pub columns: SchemaRef,
    /// Places of the primary key's columns; empty without one.
    pub primary_key: Vec<usize>,
}

impl TableShape {
    pub(crate) fn of(table: &Table) -> Self {
        let place = |id| table.columns.iter().position(|column| column.id == id);
        Self {
            schema: table.schema.clone(),
            name: table.name.clone(),
            is_view: false,
            columns: table.arrow_schema(),
            primary_key: table.primary_key.iter().filter_map(|id| place(*id)).collect(),
        }
    }
}

impl Session {
    pub(crate) fn new(engine: Engine, pinned: Option<Arc<Version>>) -> Self {
        Self { engine, open: Arc::default(), pinned }
    }

    /// Runs a plan at what this session sees.
    ///
    /// # Errors
    /// What is wrong with the plan; what goes wrong with values comes with the batches.
    pub async fn query(&self, plan: &QueryPlan) -> Result<Output> {
        let progress = Arc::new(Progress::default());
        let ground = Ground {
            version: self.version().await?,
            session: self.engine.database()?.session().clone(),
            budget: Arc::clone(self.engine.budget()),
            progress: Arc::clone(&progress),
        };
        let (schema, batches) = ground.start(&plan.rows)?;
        Ok(Output::new(schema, batches, progress))
    }

    /// Begins a transaction at a snapshot, without waiting.
    ///
    /// # Errors
    /// `TRANSACTION_STATE` when one is open.
    pub async fn begin(&self) -> Result<()> {
        let mut open = self.open.lock().await;
        if open.is_some() {
            return Err(VarveError::new(ErrorCode::TransactionState, "a transaction is open already", ""));
        }
        let transaction = self.engine.database()?.begin_reading();
        *open = Some(Open { transaction, unfinished: None });
        Ok(())
    }

    /// Makes the changes of the transaction durable and visible.
    ///
    /// # Errors
    /// `TRANSACTION_STATE` when none is open, and those of the database.
    pub async fn commit(&self) -> Result<()> {
        let mut open = self.open.lock().await;
        undo_unfinished(&mut open);
        open.take().ok_or_else(none_open)?.transaction.commit().await.map(|_| ())
    }

    /// Undoes the transaction, if one is open.
    pub async fn roll_back(&self) {
        self.open.lock().await.take();
    }

    /// Makes a table of the columns of `schema`.
    ///
    /// # Errors
    /// `SQL_NAME` when there is one of this name, or the key names no column.
    pub async fn create_table(&self, name: &str, schema: &Schema, primary_key: &[String]) -> Result<()> {
        self.change(async |transaction| rows::create_table(transaction, name, schema, primary_key)).await
    }

    /// Drops a table with its rows.
    ///
    /// # Errors
    /// `SQL_NAME` when there is none.
    pub async fn drop_table(&self, name: &str) -> Result<()> {
        self.change(async |transaction| {
            let table = table_of(&transaction.snapshot(), name)?;
            transaction.drop_table(table.table.id)
        })
        .await
    }

    /// Appends rows of one schema to a table, all or none; how many. Columns are matched by name and cast, those that are
    /// left out are NULL.
    ///
    /// # Errors
    /// `SQL_NAME`, `SQL_VALUE`, `CONSTRAINT_VIOLATED`, `CAPABILITY_MISSING` for a table that needs SQL, those of the
    /// database, and the first error of `rows`.
    pub async fn append(
        &self,
        table: &str,
        schema: SchemaRef,
        rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    ) -> Result<u64> {
        self.change(async |transaction| append(transaction, table, &schema, rows.boxed()).await).await
    }

    /// Appends rows in the place of those with the same primary keys; how many.
    ///
    /// # Errors
    /// As [`Self::append`], and `SQL_UNSUPPORTED` for a table without a primary key.
    pub async fn put(&self, table: &str, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<u64> {
        self.change(async |transaction| {
            let version = table_of(&transaction.snapshot(), table)?;
            transaction.delete(version.table.id, rows::find(&version, &batches)?)?;
            let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
            append(transaction, table, &schema, rows).await
        })
        .await
    }

    /// Deletes the rows with these primary keys; how many there were.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn delete(&self, table: &str, keys: Vec<RecordBatch>) -> Result<u64> {
        self.change(async |transaction| {
            let version = table_of(&transaction.snapshot(), table)?;
            transaction.delete(version.table.id, rows::find(&version, &keys)?)
        })
        .await
    }

    /// All tables and views, by schema and name.
    ///
    /// # Errors
    /// `STORE_CLOSED`.
    pub async fn tables(&self) -> Result<Vec<TableShape>> {
        let version = self.version().await?;
        let tables = version.tables.values().map(|table| TableShape::of(&table.table));
        let views = version.views.iter().map(|view| TableShape {
            schema: view.schema.clone(),
            name: view.name.clone(),
            is_view: true,
            columns: Arc::new(Schema::empty()),
            primary_key: Vec::new(),
        });
        let mut all: Vec<TableShape> = tables.chain(views).collect();
        all.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
        Ok(all)
    }

    /// One table, by its exact name; `None` when there is none.
    ///
    /// # Errors
    /// `STORE_CLOSED`.
    pub async fn describe(&self, name: &str) -> Result<Option<TableShape>> {
        let version = self.version().await?;
        Ok(version.table(DEFAULT_SCHEMA, name).map(|found| TableShape::of(&found.table)))
    }

    /// What this session sees.
    async fn version(&self) -> Result<Arc<Version>> {
        let mut open = self.open.lock().await;
        undo_unfinished(&mut open);
        match (open.as_ref(), &self.pinned) {
            (Some(open), _) => Ok(open.transaction.snapshot()),
            (None, Some(pinned)) => Ok(Arc::clone(pinned)),
            (None, None) => Ok(self.engine.database()?.snapshot()),
        }
    }

    /// Changes something in the open transaction, of which nothing stays when it fails, or in one of its own.
    async fn change<T>(&self, change: impl AsyncFnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        let mut open = self.open.lock().await;
        undo_unfinished(&mut open);
        let Some(open) = open.as_mut() else {
            drop(open);
            let mut transaction = self.engine.database()?.begin_changing().await?;
            let answer = change(&mut transaction).await?;
            transaction.commit().await?;
            return Ok(answer);
        };
        let before = open.transaction.savepoint();
        open.unfinished = Some(before.clone());
        let answer = match open.transaction.claim().await {
            Ok(()) => change(&mut open.transaction).await,
            Err(error) => Err(error),
        };
        open.unfinished = None;
        if answer.is_err() {
            open.transaction.roll_back_to(&before);
        }
        answer
    }
}

async fn append(
    transaction: &mut Transaction,
    table: &str,
    schema: &Schema,
    rows: futures::stream::BoxStream<'static, Result<RecordBatch>>,
) -> Result<u64> {
    let version = table_of(&transaction.snapshot(), table)?;
    let intake = Intake::new(&version.table, schema)?;
    transaction.append(version.table.id, rows.map(move |batch| intake.take(&batch?))).await
}

fn table_of(version: &Version, name: &str) -> Result<Arc<TableVersion>> {
    version.table(DEFAULT_SCHEMA, name).cloned().ok_or_else(|| unknown_table(version, name))
}

/// There is no table of this name.
pub(crate) fn unknown_table(version: &Version, name: &str) -> VarveError {
    if version.view(DEFAULT_SCHEMA, name).is_some() {
        let message = format!("{name} is a view, and views are SQL");
        return VarveError::new(ErrorCode::CapabilityMissing, message, "the pc tier (@varve/pc) has SQL");
    }
    let message = format!("there is no table {name}");
    VarveError::new(ErrorCode::SqlName, message, "names are exact; tables() lists them")
}

/// Undoes what a change did that was stopped before its end.
fn undo_unfinished(open: &mut Option<Open>) {
    if let Some(open) = open
        && let Some(before) = open.unfinished.take()
    {
        open.transaction.roll_back_to(&before);
    }
}

fn none_open() -> VarveError {
    VarveError::new(ErrorCode::TransactionState, "no transaction is open", "begin one first")
}
