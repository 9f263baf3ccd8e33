//! The first phase of an aggregation, with groups by place.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt};

use super::partial::Partial;
use crate::rules::only_child;

/// Does what a partial [`AggregateExec`] does.
#[derive(Debug)]
pub(crate) struct GroupByPlaceExec {
    /// The node that it stands for; its input is not used.
    like: Arc<AggregateExec>,
    /// Gives strings of keys as dictionaries.
    input: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl GroupByPlaceExec {
    pub(super) fn new(like: Arc<AggregateExec>, input: Arc<dyn ExecutionPlan>) -> Self {
        Self { like, input, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The node that it stands for.
    pub(crate) fn like(&self) -> &AggregateExec {
        &self.like
    }
}

impl DisplayAs for GroupByPlaceExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.like.group_expr().expr().iter().map(|(_, name)| name.as_str());
        let aggregates = self.like.aggr_expr().iter().map(|aggregate| aggregate.name());
        write!(
            out,
            "GroupByPlaceExec: mode=Partial, gby=[{}], aggr=[{}]",
            keys.collect::<Vec<_>>().join(", "),
            aggregates.collect::<Vec<_>>().join(", ")
        )
    }
}

impl ExecutionPlan for GroupByPlaceExec {
    fn name(&self) -> &'static str {
        "GroupByPlaceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.like.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(Arc::clone(&self.like), only_child(children)?)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.like.apply_expressions(visit)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let output_rows = context.session_config().batch_size();
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let groups = Partial::new(&self.like, &context, input, baseline.elapsed_compute().clone())?;
        let batches = groups.into_states().map_ok(move |states| {
            baseline.record_output(states.num_rows());
            futures::stream::iter(split(vec![states], output_rows)).map(Ok)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.like.schema(), batches.try_flatten())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Batches of `rows` rows at most.
pub(super) fn split(batches: Vec<RecordBatch>, rows: usize) -> Vec<RecordBatch> {
    let parts = batches.into_iter().flat_map(|batch| {
        let starts = (0..batch.num_rows()).step_by(rows.max(1));
        starts.map(|start| batch.slice(start, rows.min(batch.num_rows() - start))).collect::<Vec<_>>()
    });
    parts.collect()
}
