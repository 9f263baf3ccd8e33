//! A session: statements of one user, one after the other, with at most one open transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::sqlparser::ast::Statement;
use futures::{Stream, StreamExt};
use tokio::sync::Mutex;
use varve_table::{Savepoint, Transaction, Version};
use varve_types::{ErrorCode, Result, VarveError};

use crate::cardinality;
use crate::engine::Engine;
use crate::error::{defect, from_datafusion};
use crate::output::{AbortOnDrop, Output};
use crate::planner::Planner;
use crate::plans::{self, PlanKey};
use crate::progress::Progress;
use crate::sort_merge;
use crate::statement;

/// Parameters of a statement, by position: `$1` or the first `?` is the first.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// The values.
    pub values: Vec<ScalarValue>,
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
        let run = Run { engine: &self.engine, params: &params };
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
            Err(_) => Err(VarveError::new(ErrorCode::QueryCancelled, "the statement was cancelled", "")),
        }
    }

    /// The same on the caller's task, which runs on the engine's threads; a panic is the caller's.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn execute_here(&self, sql: &str, params: &Params) -> Result<Output> {
        self.run(sql, params).await
    }

    async fn run(&self, sql: &str, params: &Params) -> Result<Output> {
        let run = Run { engine: &self.engine, params };
        let seen = self.settled().await;
        let key = seen.as_ref().and_then(|version| PlanKey::new(sql, version, params));
        if let (Some(key), Some(version)) = (&key, &seen)
            && let Some(plan) = self.engine.plans().find(key)
        {
            return run.kept(version, &plan).await;
        }
        let mut output = Output::done(None);
        let mut statements = statement::parse::all(sql)?;
        if let (Some(key), Some(version), [Statement::Query(_)]) = (key, seen, statements.as_slice())
            && let Some(statement) = statements.pop()
        {
            return run.query_and_keep(key, version, statement).await;
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

    async fn run_one(&self, statement: statement::Parsed, params: &Params) -> Result<Output> {
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
            return statement::answer(&Run { engine: &self.engine, params }, version, statement).await;
        }
        if self.pinned.is_some() {
            return Err(VarveError::new(
                ErrorCode::StoreReadOnly,
                "a snapshot does not change, and the statement changes the database",
                "run it without the snapshot",
            ));
        }
        if let statement::Parsed::Vacuum(vacuum) = statement {
            let in_transaction = open.is_some();
            drop(open);
            return statement::vacuum::run(self.engine.database()?, in_transaction, vacuum).await;
        }
        let run = Run { engine: &self.engine, params };
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

/// What a statement runs with.
pub(crate) struct Run<'r> {
    pub(crate) engine: &'r Engine,
    pub(crate) params: &'r Params,
}

impl<'r> Run<'r> {
    pub(crate) fn planner(&self, version: Arc<Version>) -> Planner<'r> {
        Planner::new(self.engine, version, self.params)
    }

    /// Answers a statement that only reads, and keeps its plan if it can be used again.
    async fn query_and_keep(
        &self,
        key: PlanKey,
        version: Arc<Version>,
        statement: statement::Parsed,
    ) -> Result<Output> {
        let planner = self.planner(Arc::clone(&version));
        let plan = planner.unbound(statement).map_err(from_datafusion)?;
        // What cannot be optimised with open parameters may still be when they are known.
        let kept = plans::may_be_kept(&plan).then(|| planner.state.optimize(&plan).ok()).flatten();
        match kept.map(Arc::new) {
            Some(optimised) => {
                self.engine.plans().keep(key, Arc::clone(&optimised));
                self.kept(&version, &optimised).await
            }
            None => {
                let plan = planner.bind(plan).map_err(from_datafusion)?;
                self.stream(&planner, plan).await
            }
        }
    }

    /// Runs a plan that was kept.
    async fn kept(&self, version: &Version, plan: &LogicalPlan) -> Result<Output> {
        let state = self.engine.state();
        let plan = self.engine.plans().ready(plan, version, self.params).map_err(from_datafusion)?;
        self.start(plan, state).await
    }

    /// Starts an optimised plan. What runs out of memory before its first row begins anew with joins that spill.
    async fn start(&self, plan: LogicalPlan, state: &SessionState) -> Result<Output> {
        let physical =
            state.query_planner().create_physical_plan(&plan, state).await.map_err(from_datafusion)?;
        let progress = Arc::new(Progress::default());
        let context = self.context(self.engine.state(), &progress);
        let mut rows = execute_stream(Arc::clone(&physical), context).map_err(from_datafusion)?;
        let mut lesson = None;
        if cardinality::has_joins(&physical) {
            let is_done = Arc::new(AtomicBool::new(true));
            lesson = Some((physical, Arc::clone(&is_done)));
            let context = self.context(self.engine.spilling(), &progress);
            let state = Arc::clone(self.engine.spilling());
            rows = sort_merge::or_spilling(rows, async move || {
                is_done.store(false, Ordering::Relaxed);
                let physical = state.query_planner().create_physical_plan(&plan, state.as_ref()).await?;
                execute_stream(physical, context)
            });
        }
        let learned = Arc::clone(self.engine.learned());
        let ended = move || {
            if let Some((plan, is_done)) = lesson
                && is_done.load(Ordering::Relaxed)
            {
                cardinality::observe(&plan, &learned);
            }
        };
        Ok(Output::of_stream(rows, progress, self.engine.handle(), ended))
    }

    fn context(&self, state: &SessionState, progress: &Arc<Progress>) -> Arc<TaskContext> {
        // A plan holds the functions that it calls; copying all that there are would cost more than a small query.
        let context = TaskContext::new(
            None,
            state.session_id().to_owned(),
            state.config().clone().with_extension(Arc::clone(progress)),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::clone(state.runtime_env()),
        );
        Arc::new(context)
    }

    /// Runs a plan.
    pub(crate) async fn stream(&self, planner: &Planner<'_>, plan: LogicalPlan) -> Result<Output> {
        if matches!(
            plan,
            LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_)
        ) {
            return Err(crate::error::unsupported("this statement is not there yet"));
        }
        let plan = planner.state.optimize(&plan).map_err(from_datafusion)?;
        self.start(plan, &planner.state).await
    }

    /// All rows of a plan.
    pub(crate) async fn collect(&self, planner: &Planner<'_>, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
        self.stream(planner, plan).await?.collect().await
    }
}
