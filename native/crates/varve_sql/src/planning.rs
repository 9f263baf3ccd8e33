//! Planning where nobody waits for its thread.
//!
//! Rules of a planner wait for nothing, and a wide statement keeps them busy for seconds. On a statement's task that would
//! be seconds in which it cannot be cancelled, and in which the tasks of its thread stand still. So a thread of its own
//! plans, and the statement waits: it may leave at any moment, and the thread hears of that at the next node that a rule of the
//! logical plan sees. Few plan at once: a wide plan takes memory as long as it is made.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::error::{cancelled, closed, into_datafusion};

/// So many plan at once, whatever the threads that run: one that is kept busy is not to hold up all others.
const AT_ONCE_MIN: usize = 4;

thread_local! {
    /// Whether the statement that this thread plans has left.
    static LEFT: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Rules ask this wherever they may go on for long.
///
/// # Errors
/// `QUERY_CANCELLED` when nobody waits for what this thread plans.
pub(crate) fn still_wanted() -> Result<()> {
    let has_left = LEFT.with_borrow(|left| left.as_ref().is_some_and(|left| left.load(Ordering::Relaxed)));
    if has_left { Err(into_datafusion(cancelled())) } else { Ok(()) }
}

/// A statement that waits for its plan: it leaves when this is dropped.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A thread that plans for a statement, until this is dropped.
struct Planned;

impl Planned {
    fn begin(left: Arc<AtomicBool>) -> Self {
        LEFT.set(Some(left));
        Self
    }
}

impl Drop for Planned {
    fn drop(&mut self) {
        LEFT.set(None);
    }
}

/// The threads that plan.
#[derive(Clone)]
pub(crate) struct Planners {
    handle: Handle,
    free: Arc<Semaphore>,
}

impl Planners {
    /// For an engine that runs on so many threads.
    pub(crate) fn new(handle: &Handle, threads: usize) -> Self {
        Self { handle: handle.clone(), free: Arc::new(Semaphore::new(threads.max(AT_ONCE_MIN))) }
    }

    /// What `work` makes, on a thread of its own.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Nobody closes the semaphore.
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let waiting = Waiting(Arc::default());
        let left = Arc::clone(&waiting.0);
        let work = move || {
            let _permit = permit;
            let _planned = Planned::begin(left);
            work()
        };
        match self.handle.spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(into_datafusion(closed())),
            },
        }
    }
}

/// A state, and the threads that plan with it.
#[derive(Clone)]
pub(crate) struct Planning {
    state: Arc<SessionState>,
    planners: Planners,
}

impl Planning {
    pub(crate) fn new(state: &Arc<SessionState>, planners: &Planners) -> Self {
        Self { state: Arc::clone(state), planners: planners.clone() }
    }

    /// The optimised plan.
    pub(crate) async fn optimised(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let state = Arc::clone(&self.state);
        self.planners.aside(move || state.optimize(&plan)).await
    }

    /// The optimised plan, and the physical one that is made of it.
    pub(crate) async fn planned(&self, plan: LogicalPlan) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>)> {
        let planning = self.clone();
        let work = move || {
            let plan = planning.state.optimize(&plan)?;
            let physical = planning.planners.handle.block_on(planning.physical_here(&plan))?;
            Ok((plan, physical))
        };
        self.planners.aside(work).await
    }

    /// The physical plan of an optimised one.
    pub(crate) async fn physical(&self, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        let planning = self.clone();
        self.planners.aside(move || planning.planners.handle.block_on(planning.physical_here(&plan))).await
    }

    /// The same on the caller's thread, for plans that are known to be small.
    pub(crate) async fn physical_here(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.state.query_planner().create_physical_plan(plan, self.state.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Four statements that were cancelled, and would have been planned for days, let nobody else plan.
    #[tokio::test]
    async fn what_nobody_waits_for_is_planned_no_further() {
        let planners = Planners::new(&Handle::current(), 1);
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (ended, ends) = tokio::sync::oneshot::channel();
        let plan = move || {
            begun.send(still_wanted().is_ok()).expect("it is heard");
            let error = loop {
                match still_wanted() {
                    Ok(()) => std::thread::sleep(Duration::from_millis(1)),
                    Err(error) => break error,
                }
            };
            ended.send(error.to_string()).expect("it is heard");
            Ok(())
        };
        let statement = tokio::spawn(async move { planners.aside(plan).await });
        assert!(begins.await.expect("it begins"));
        statement.abort();
        let told = ends.await.expect("it ends");
        assert!(told.contains("cancelled"), "{told}");
    }
}
