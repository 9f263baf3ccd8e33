//! A session: statements of one user, one after the other, with at most one open transaction.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::Statement;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use tokio::sync::Mutex;
use varve_table::{Savepoint, Transaction, Version};
use varve_types::{ErrorCode, Result, VarveError};

use crate::engine::Engine;
use crate::error::{cancelled, defect, from_datafusion, into_datafusion};
use crate::output::{AbortOnDrop, Output};
use crate::param::Params;
use crate::plans::{Kept, PlanKey};
use crate::run::Run;
use crate::statement::{self, InsertRows};

/// Reading a text that is longer takes milliseconds, which are not the task's.
const ASIDE_BYTES: usize = 4 << 10;

/// What [`Session::at_once`] did.
pub enum AtOnce {
    /// The whole answer of a query.
    Answered(Result<RecordBatch>),
    /// Rows were inserted, or refused: `inserted` is or will be called.
    Inserting,
}

/// A connection of one user. Cheap to clone; clones share the transaction.
#[derive(Clone)]
pub struct Session {
    engine: Engine,
    open: Arc<Mutex<Option<OpenTransaction>>>,
    pinned: Option<Arc<Version>>,
    /// Whether statements may begin and end transactions.
    controls: bool,
}

/// A transaction that BEGIN began.
pub(crate) struct OpenTransaction {
    pub(crate) transaction: Transaction,
    pub(crate) savepoints: Vec<(String, Savepoint)>,
    /// Where a statement that has not ended began.
    unfinished: Option<Savepoint>,
}

impl Session {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, open: Arc::default(), pinned: None, controls: true }
    }

    pub(crate) fn pinned(engine: Engine, version: Arc<Version>) -> Self {
        Self { engine, open: Arc::default(), pinned: Some(version), controls: true }
    }

    /// The same session, whose transactions begin and end by [`Self::begin`], [`Self::commit`] and [`Self::roll_back`] and
    /// not by statements: those would outlive, or end, what their caller sees of the transaction.
    #[must_use]
    pub fn without_control(mut self) -> Self {
        self.controls = false;
        self
    }

    /// Begins a transaction, as BEGIN does: at a snapshot, without waiting.
    ///
    /// # Errors
    /// `TRANSACTION_STATE` when one is open, `SQL_UNSUPPORTED` without a database.
    pub async fn begin(&self) -> Result<()> {
        statement::control::begin(&self.engine, &mut *self.open.lock().await)
    }

    /// Makes the changes of the transaction durable and visible, as COMMIT does.
    ///
    /// # Errors
    /// `TRANSACTION_STATE` when none is open, and those of the database.
    pub async fn commit(&self) -> Result<()> {
        let mut open = self.open.lock().await;
        undo_unfinished(&mut open);
        statement::control::commit(&mut open).await
    }

    /// Undoes the transaction, if one is open.
    pub async fn roll_back(&self) {
        self.open.lock().await.take();
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What this session sees.
    pub(crate) async fn version(&self) -> Arc<Version> {
        match self.open.lock().await.as_ref() {
            Some(open) => open.transaction.snapshot(),
            None => self.snapshot(),
        }
    }

    /// Appends rows of one schema to a table, all or none; how many. Columns are matched by name and cast, those that are
    /// left out have their default.
    ///
    /// # Errors
    /// `SQL_NAME`, `SQL_TYPE`, `SQL_VALUE`, `CONSTRAINT_VIOLATED`, those of the database, and the first error of `rows`.
    pub async fn append(
        &self,
        table: &str,
        schema: SchemaRef,
        rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    ) -> Result<u64> {
        let rows = rows.boxed();
        let params = Params::default();
        let run = Run::new(&self.engine, &params);
        let mut open = self.open.lock().await;
        let answer = match open.as_mut() {
            Some(_) => {
                undo_unfinished(&mut open);
                changing(&mut open, async |transaction| {
                    statement::append(&run, transaction, table, (schema, rows)).await
                })
                .await?
            }
            None => {
                drop(open);
                let mut transaction = self.engine.database()?.begin_changing().await?;
                let answer = statement::append(&run, &mut transaction, table, (schema, rows)).await?;
                transaction.commit().await?;
                answer
            }
        };
        Ok(answer.rows_affected.unwrap_or(0))
    }

    /// Runs statements that `;` divides; the answer is that of the last. A statement that fails changes nothing, and
    /// leaves an open transaction as it was before it.
    ///
    /// # Errors
    /// `SQL_*`, `CONSTRAINT_VIOLATED`, `TRANSACTION_STATE` and those of the database.
    /// Cost: waits for the writer when it changes data. Dropping the future or the answer stops it.
    pub async fn execute(&self, sql: &str, params: Params) -> Result<Output> {
        let (session, sql) = (self.clone(), sql.to_owned());
        let task = self.engine.handle().spawn(async move { session.run(&sql, &params).await });
        let _abort = AbortOnDrop(task.abort_handle());
        match task.await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => Err(defect("a statement panicked".into())),
            Err(_) => Err(cancelled()),
        }
    }

    /// The same on the caller's task, which runs on the engine's threads; a panic is the caller's.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn execute_here(&self, sql: &str, params: &Params) -> Result<Output> {
        self.run(sql, params).await
    }

    /// Does a statement on the calling thread, if what is kept of it says that this takes a few microseconds: a query of
    /// parameters alone, or an INSERT of them, whose number of rows `inserted` gets when they are durable. `None` when
    /// nothing was done.
    ///
    /// Cost: microseconds; it never waits for another statement. Keys of unique indexes are looked up.
    pub fn at_once(
        &self,
        sql: &str,
        params: &Params,
        inserted: impl FnOnce(Result<u64>) + Send + 'static,
    ) -> Option<AtOnce> {
        if !params.are_small() || self.open.try_lock().ok()?.is_some() {
            return None;
        }
        let key = PlanKey::new(sql, &self.engine.states(), &self.snapshot(), params)?;
        match self.engine.plans().find(&key)? {
            Kept::Query(_) => None,
            Kept::Given(rows) => Some(AtOnce::Answered(rows.evaluate(params).map_err(from_datafusion))),
            Kept::Insert(insert) => {
                let database = self.engine.database().ok().filter(|_| self.pinned.is_none())?;
                let mut transaction = database.try_begin()?;
                if !insert.fits(&transaction) || !insert.is_quick(&transaction) {
                    return None;
                }
                match insert.apply(&mut transaction, params) {
                    Ok(count) => transaction.commit_then(move |durable| inserted(durable.map(|_| count))),
                    Err(error) => inserted(Err(error)),
                }
                Some(AtOnce::Inserting)
            }
        }
    }

    async fn run(&self, sql: &str, params: &Params) -> Result<Output> {
        let run = Run::new(&self.engine, params);
        let seen = self.settled().await;
        let key = seen.as_ref().and_then(|version| PlanKey::new(sql, &run.states, version, params));
        if let (Some(key), Some(version)) = (&key, &seen)
            && let Some(kept) = self.engine.plans().find(key)
            && let Some(answer) = self.kept(&run, version, kept).await
        {
            return answer;
        }
        let mut output = Output::done(None);
        let mut statements = self.parsed(sql).await?;
        if let (Some(key), Some(version), [statement]) = (key, seen, statements.as_slice()) {
            match statement {
                Statement::Query(_) if key.is_for_queries() && !statement::changes(statement) => {
                    if let Some(statement) = statements.pop() {
                        return run.query_and_keep(key, version, statement).await;
                    }
                }
                Statement::Insert(_) if self.pinned.is_none() => {
                    let planner = run.planner(version);
                    if let Some(insert) = InsertRows::of(&planner, statement, key.types()).await {
                        let insert = Arc::new(insert);
                        self.engine.plans().keep(key, Kept::Insert(Arc::clone(&insert)));
                        if let Some(answer) = self.insert(&insert, params).await {
                            return answer;
                        }
                    }
                }
                _ => {}
            }
        }
        if !self.controls
            && let Some(control) = statements.iter().find(|statement| statement::control::is_end(statement))
        {
            return Err(statement::control::refused(control));
        }
        for statement in statements {
            output.collect().await?;
            output = self.run_one(statement, params).await?;
        }
        Ok(output)
    }

    async fn parsed(&self, sql: &str) -> Result<Vec<statement::Parsed>> {
        if sql.len() <= ASIDE_BYTES {
            return statement::parse::all(sql);
        }
        let sql = sql.to_owned();
        let parsed = move || statement::parse::all(&sql).map_err(into_datafusion);
        self.engine.planners().aside(parsed).await.map_err(from_datafusion)
    }

    /// Runs what was kept of a statement; `None` when it does not serve any more, or not for these parameters.
    async fn kept(&self, run: &Run<'_>, version: &Version, kept: Kept) -> Option<Result<Output>> {
        match kept {
            Kept::Query(query) => Some(run.kept(version, &query).await),
            Kept::Given(rows) => {
                Some(rows.evaluate(run.params).map(Output::of_batch).map_err(from_datafusion))
            }
            Kept::Insert(insert) => self.insert(&insert, run.params).await,
        }
    }

    /// Inserts rows of parameters; `None` when the table was redefined meanwhile, or when they are many bytes.
    async fn insert(&self, insert: &InsertRows, params: &Params) -> Option<Result<Output>> {
        if self.pinned.is_some() || !params.are_small() {
            return None;
        }
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| !insert.fits(&open.transaction)) {
            return None;
        }
        if open.is_some() {
            let count = changing(&mut open, async |transaction| insert.apply(transaction, params)).await;
            return Some(count.map(|count| Output::done(Some(count))));
        }
        drop(open);
        let begun = match self.engine.database() {
            Ok(database) => database.begin_changing().await,
            Err(error) => Err(error),
        };
        let mut transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => return Some(Err(error)),
        };
        if !insert.fits(&transaction) {
            return None;
        }
        let count = insert.apply(&mut transaction, params);
        Some(match count {
            Ok(count) => transaction.commit().await.map(|_| Output::done(Some(count))),
            Err(error) => Err(error),
        })
    }

    async fn run_one(&self, statement: statement::Parsed, params: &Params) -> Result<Output> {
        if statement::prepared::is_about_prepared(&statement) {
            return self.run_prepared(statement, params).await;
        }
        if statement::options::is_about_options(&statement) {
            return statement::options::run(&self.engine, &statement);
        }
        let mut open = self.open.lock().await;
        undo_unfinished(&mut open);
        if statement::control::is_control(&statement) {
            return statement::control::run(&self.engine, &mut open, statement).await;
        }
        if !statement::changes(&statement) {
            let version = match open.as_ref() {
                Some(open) => open.transaction.snapshot(),
                None => self.snapshot(),
            };
            drop(open);
            return statement::answer(&Run::new(&self.engine, params), version, statement).await;
        }
        if self.pinned.is_some() {
            return Err(VarveError::new(
                ErrorCode::StoreReadOnly,
                "a snapshot does not change, and the statement changes the database",
                "run it without the snapshot",
            ));
        }
        let run = Run::new(&self.engine, params);
        if statement::is_upkeep(&statement) {
            let in_transaction = open.is_some();
            drop(open);
            return statement::keep_up(&run, in_transaction, statement).await;
        }
        match open.as_mut() {
            Some(_) => {
                changing(&mut open, async |transaction| statement::apply(&run, transaction, statement).await)
                    .await
            }
            None => {
                drop(open);
                let mut transaction = self.engine.database()?.begin_changing().await?;
                let answer = statement::apply(&run, &mut transaction, statement).await?;
                transaction.commit().await?;
                Ok(answer)
            }
        }
    }

    /// PREPARE, EXECUTE and DEALLOCATE. In a box, because what EXECUTE runs is a statement again.
    fn run_prepared<'s>(
        &'s self,
        statement: statement::Parsed,
        params: &'s Params,
    ) -> BoxFuture<'s, Result<Output>> {
        Box::pin(async move {
            let prepared = self.engine.prepared();
            match statement {
                Statement::Prepare { name, data_types, statement } => {
                    prepared.prepare(&name, data_types, &statement)?;
                }
                Statement::Deallocate { name, .. } => prepared.deallocate(&name)?,
                execute => {
                    let run = Run::new(&self.engine, params);
                    let version = self.version().await;
                    let (sql, params) = statement::prepared::executed(&run, version, execute).await?;
                    return self.run(&sql, &params).await;
                }
            }
            Ok(Output::done(None))
        })
    }

    /// What this session sees, unless definitions in it may still be undone.
    async fn settled(&self) -> Option<Arc<Version>> {
        let mut open = self.open.lock().await;
        undo_unfinished(&mut open);
        match open.as_ref() {
            Some(open) => (!open.transaction.redefines()).then(|| open.transaction.snapshot()),
            None => Some(self.snapshot()),
        }
    }

    fn snapshot(&self) -> Arc<Version> {
        if let Some(version) = &self.pinned {
            return Arc::clone(version);
        }
        self.engine.database().map_or_else(|_| Arc::default(), |database| database.snapshot())
    }
}

/// Undoes what a statement did that was stopped before its end.
fn undo_unfinished(open: &mut Option<OpenTransaction>) {
    if let Some(left) = open.as_mut().and_then(|open| Some((open.unfinished.take()?, open))) {
        left.1.transaction.roll_back_to(&left.0);
    }
}

/// Runs `change` in the open transaction, with the writer; when it fails, nothing of it stays.
async fn changing<T>(
    open: &mut Option<OpenTransaction>,
    change: impl AsyncFnOnce(&mut Transaction) -> Result<T>,
) -> Result<T> {
    let open = open.as_mut().ok_or_else(statement::control::none_open)?;
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

impl OpenTransaction {
    pub(crate) fn new(transaction: Transaction) -> Self {
        Self { transaction, savepoints: Vec::new(), unfinished: None }
    }
}
