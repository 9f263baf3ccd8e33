//! Running a statement: from its plan to the rows that it answers with, and what is kept of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use varve_table::Version;
use varve_types::Result;

use crate::Progress;
use crate::cardinality;
use crate::engine::Engine;
use crate::error::from_datafusion;
use crate::output::Output;
use crate::param::Params;
use crate::planner::Planner;
use crate::planning::Planning;
use crate::plans::{self, GivenRows, Kept, PlanKey, Query};
use crate::sort_merge;
use crate::statement;
use crate::states::States;

/// What a statement runs with.
pub(crate) struct Run<'r> {
    pub(crate) engine: &'r Engine,
    /// The same from its beginning to its end, whatever others set meanwhile.
    pub(crate) states: Arc<States>,
    pub(crate) params: &'r Params,
}

impl<'r> Run<'r> {
    pub(crate) fn new(engine: &'r Engine, params: &'r Params) -> Self {
        Self { engine, states: engine.states(), params }
    }

    pub(crate) fn planner(&self, version: Arc<Version>) -> Planner {
        Planner::new(self.engine, &self.states.usual, version, self.params)
    }

    /// Answers a statement that only reads, and keeps its plan if it can be used again.
    pub(crate) async fn query_and_keep(
        &self,
        key: PlanKey,
        version: Arc<Version>,
        statement: statement::Parsed,
    ) -> Result<Output> {
        let planner = self.planner(Arc::clone(&version));
        let plan = planner.unbound(statement).await.map_err(from_datafusion)?;
        // What cannot be optimised with open parameters may still be when they are known.
        let kept = match plans::may_be_kept(&plan) {
            true => planner.planning().optimised(plan.clone()).await.ok(),
            false => None,
        };
        if let Some(rows) = kept.as_ref().and_then(|optimised| GivenRows::of(optimised, key.types()))
            && let Ok(batch) = rows.evaluate(self.params)
        {
            self.engine.plans().keep(key, Kept::Given(Arc::new(rows)));
            return Ok(Output::of_batch(batch));
        }
        match kept.map(Query::new).transpose().map_err(from_datafusion)? {
            Some(query) => {
                let query = Arc::new(query);
                self.engine.plans().keep(key, Kept::Query(Arc::clone(&query)));
                self.kept(&version, &query).await
            }
            None => {
                let plan = planner.bind(plan).map_err(from_datafusion)?;
                self.stream(&planner, plan).await
            }
        }
    }

    /// Runs a query that was kept.
    pub(crate) async fn kept(&self, version: &Version, query: &Query) -> Result<Output> {
        if let Some(physical) = query.physical(version, self.params) {
            return self.start(physical, None);
        }
        let plan = self.engine.plans().ready(query, &self.states, version, self.params);
        let plan = plan.map_err(from_datafusion)?;
        let planning = self.planning(&self.states.usual);
        let physical = match query.is_small() {
            true => planning.physical_here(&plan).await,
            false => planning.physical(plan.clone()).await,
        };
        let physical = physical.map_err(from_datafusion)?;
        query.keep(&physical, self.params);
        self.start(physical, Some(plan))
    }

    /// Starts a physical plan. One with joins that runs out of memory before its first row begins anew, from the plan that it
    /// was made of, with joins that spill.
    fn start(&self, plan: Arc<dyn ExecutionPlan>, made_of: Option<LogicalPlan>) -> Result<Output> {
        let progress = Arc::new(Progress::default());
        let context = self.context(&self.states.usual, &progress);
        let mut rows = execute_stream(Arc::clone(&plan), context).map_err(from_datafusion)?;
        let mut lesson = None;
        if let Some(made_of) = made_of.filter(|_| cardinality::has_joins(&plan)) {
            let is_done = Arc::new(AtomicBool::new(true));
            lesson = Some((plan, Arc::clone(&is_done)));
            let context = self.context(&self.states.spilling, &progress);
            let planning = self.planning(&self.states.spilling);
            rows = sort_merge::or_spilling(rows, async move || {
                is_done.store(false, Ordering::Relaxed);
                execute_stream(planning.physical(made_of).await?, context)
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

    fn planning(&self, state: &Arc<SessionState>) -> Planning {
        Planning::new(state, self.engine.planners())
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
    pub(crate) async fn stream(&self, planner: &Planner, plan: LogicalPlan) -> Result<Output> {
        if matches!(
            plan,
            LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_)
        ) {
            return Err(crate::error::unsupported("this statement is not there yet"));
        }
        let (plan, physical) = planner.planning().planned(plan).await.map_err(from_datafusion)?;
        self.start(physical, Some(plan))
    }

    /// All rows of a plan.
    pub(crate) async fn collect(&self, planner: &Planner, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
        self.stream(planner, plan).await?.collect().await
    }
}
