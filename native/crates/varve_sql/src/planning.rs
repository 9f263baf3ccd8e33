//! Planning where nobody waits for its thread.
//!
//! Rules of a planner wait for nothing, and a wide statement keeps them busy for seconds. On a statement's task that would
//! be seconds in which it cannot be cancelled, and in which the tasks of its thread stand still. So a thread of its own
//! plans, and the statement waits: it may leave at any moment, and then nobody takes the plan.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::Handle;

use crate::error::{closed, into_datafusion};

/// A state, and the threads that plan with it.
#[derive(Clone)]
pub(crate) struct Planning {
    state: Arc<SessionState>,
    handle: Handle,
}

impl Planning {
    pub(crate) fn new(state: &Arc<SessionState>, handle: &Handle) -> Self {
        Self { state: Arc::clone(state), handle: handle.clone() }
    }

    /// The optimised plan.
    pub(crate) async fn optimised(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let state = Arc::clone(&self.state);
        self.aside(move || state.optimize(&plan)).await
    }

    /// The optimised plan, and the physical one that is made of it.
    pub(crate) async fn planned(&self, plan: LogicalPlan) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>)> {
        let planning = self.clone();
        let work = move || {
            let plan = planning.state.optimize(&plan)?;
            let physical = planning.handle.block_on(planning.physical_here(&plan))?;
            Ok((plan, physical))
        };
        self.aside(work).await
    }

    /// The physical plan of an optimised one.
    pub(crate) async fn physical(&self, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        let planning = self.clone();
        self.aside(move || planning.handle.block_on(planning.physical_here(&plan))).await
    }

    /// The same on the caller's thread, for plans that are known to be small.
    pub(crate) async fn physical_here(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.state.query_planner().create_physical_plan(plan, self.state.as_ref()).await
    }

    /// What `work` makes, on a thread of its own.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.handle.spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(into_datafusion(closed())),
            },
        }
    }
}
