//! Operators that work for long without giving way.
//!
//! A task ends when it is told to, and lets others have its thread, only where it waits. A nested-loop join waits for
//! nothing while it compares a batch with all rows of its other side, and one batch can take minutes. Its condition
//! therefore asks before each comparison whether the engine is closing, and hands the thread's other tasks over when it
//! has kept them waiting.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{NestedLoopJoinExec, NestedLoopJoinExecBuilder};

use crate::error::{closed, into_datafusion};
use crate::rules::only_child;

/// Other tasks of a thread wait for a condition so long.
const BUSY_MAX: Duration = Duration::from_millis(10);

thread_local! {
    /// When this thread last handed its other tasks over.
    static HANDED_OVER: Cell<Instant> = Cell::new(Instant::now());
}

/// Becomes true when an engine closes; clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closing(Arc<AtomicBool>);

impl Closing {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The plan with a [`Checkpoint`] around the conditions of nested-loop joins.
pub(crate) fn with_checkpoints(
    plan: Arc<dyn ExecutionPlan>,
    closing: &Closing,
) -> Result<Arc<dyn ExecutionPlan>> {
    let guard = |node: Arc<dyn ExecutionPlan>| {
        let Some((join, filter)) =
            node.downcast_ref::<NestedLoopJoinExec>().and_then(|join| Some((join, join.filter()?)))
        else {
            return Ok(Transformed::no(node));
        };
        let expression = Checkpoint { condition: Arc::clone(filter.expression()), closing: closing.clone() };
        let columns = filter.column_indices().to_vec();
        let filter = JoinFilter::new(Arc::new(expression), columns, Arc::clone(filter.schema()));
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter)).build()?;
        Ok(Transformed::yes(Arc::new(join) as _))
    };
    plan.transform_up(guard).data()
}

/// A condition that is an error once the engine closes, and keeps no other task waiting.
#[derive(Debug)]
struct Checkpoint {
    condition: Arc<dyn PhysicalExpr>,
    closing: Closing,
}

impl PartialEq for Checkpoint {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Checkpoint {}

impl Hash for Checkpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.condition, out)
    }
}

impl PhysicalExpr for Checkpoint {
    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.closing.0.load(Ordering::Relaxed) {
            return Err(into_datafusion(closed()));
        }
        if HANDED_OVER.get().elapsed() < BUSY_MAX {
            return self.condition.evaluate(batch);
        }
        HANDED_OVER.set(Instant::now());
        tokio::task::block_in_place(|| self.condition.evaluate(batch))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { condition: only_child(children)?, closing: self.closing.clone() }))
    }

    fn fmt_sql(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(out)
    }
}
