//! Both phases of an aggregation.

use std::fmt;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::collect::Collector;
use super::merge::Collected;
use super::shape::Shape;
use super::store::Store;
use crate::error::{cancelled, into_datafusion};

type FirstPhase = Shared<BoxFuture<'static, Result<Arc<Collected>, Arc<DataFusionError>>>>;

/// Does what two phases of [`AggregateExec`] do, with all that lies between them.
#[derive(Debug)]
pub(crate) struct GroupByRadixExec {
    /// The second phase that it stands for; its input is not used.
    last: Arc<AggregateExec>,
    /// The first one.
    first: Arc<AggregateExec>,
    /// Gives strings of keys as dictionaries.
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    running: Mutex<Running>,
}

/// One run. The first phase serves all partitions; each of them is asked for once.
#[derive(Default)]
struct Running {
    first_phase: Option<FirstPhase>,
    asked: usize,
}

impl fmt::Debug for Running {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Running").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl GroupByRadixExec {
    pub(super) fn new(
        last: Arc<AggregateExec>,
        first: Arc<AggregateExec>,
        input: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let partitions = last.properties().partitioning.partition_count();
        let properties = last.properties().as_ref().clone();
        let properties = properties.with_partitioning(Partitioning::UnknownPartitioning(partitions));
        Self {
            last,
            first,
            input,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            running: Mutex::default(),
        }
    }

    /// The first phase of this run.
    fn first_phase(&self, context: &Arc<TaskContext>) -> Result<FirstPhase> {
        let mut running = self.running.lock();
        let phase = match running.first_phase.take() {
            Some(phase) => phase,
            None => self.begin(context)?,
        };
        running.asked += 1;
        if running.asked < self.properties.partitioning.partition_count() {
            running.first_phase = Some(phase.clone());
        } else {
            running.asked = 0;
        }
        Ok(phase)
    }

    fn begin(&self, context: &Arc<TaskContext>) -> Result<FirstPhase> {
        let Some(shape) = Shape::new(&self.first)? else {
            return internal_err!("a key cannot stand in a row");
        };
        let shape = Arc::new(shape);
        let mut tasks = Vec::new();
        for partition in 0..self.input.output_partitioning().partition_count() {
            let input = self.input.execute(partition, Arc::clone(context))?;
            let store = Store::new(Arc::clone(context), &self.metrics, partition);
            let collector = Collector::new(Arc::clone(&shape), store)?;
            let time = BaselineMetrics::new(&self.metrics, partition).elapsed_compute().clone();
            tasks.push(SpawnedTask::spawn(collector.run(input, time)));
        }
        let phase = async move {
            let mut stores = Vec::new();
            for task in tasks {
                stores.push(task.join_unwind().await.map_err(|_| into_datafusion(cancelled()))??);
            }
            Ok(Arc::new(Collected::new(shape, stores)))
        };
        Ok(phase.map(|collected: Result<_>| collected.map_err(Arc::new)).boxed().shared())
    }
}

impl DisplayAs for GroupByRadixExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.first.group_expr().expr().iter().map(|(_, name)| name.as_str());
        let aggregates = self.first.aggr_expr().iter().map(|aggregate| aggregate.name());
        write!(
            out,
            "GroupByRadixExec: gby=[{}], aggr=[{}]",
            keys.collect::<Vec<_>>().join(", "),
            aggregates.collect::<Vec<_>>().join(", ")
        )
    }
}

impl ExecutionPlan for GroupByRadixExec {
    fn name(&self) -> &'static str {
        "GroupByRadixExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                Ok(Arc::new(Self::new(Arc::clone(&self.last), Arc::clone(&self.first), input)))
            }
            _ => internal_err!("GroupByRadixExec has one input"),
        }
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.first.apply_expressions(visit)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let first_phase = self.first_phase(&context)?;
        let schema = self.schema();
        let rows = context.session_config().batch_size();
        let reservation = MemoryConsumer::new(format!("GroupByRadixExec, second phase[{partition}]"))
            .register(context.memory_pool());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let groups = futures::stream::try_unfold((reservation, baseline), {
            let schema = Arc::clone(&schema);
            move |(reservation, baseline)| {
                let (schema, first_phase) = (Arc::clone(&schema), first_phase.clone());
                async move {
                    let collected = first_phase.await.map_err(DataFusionError::Shared)?;
                    let timer = baseline.elapsed_compute().timer();
                    let merged = collected.merge(&schema, &reservation).await?;
                    drop(timer);
                    baseline.record_output(merged.as_ref().map_or(0, |batch| batch.num_rows()));
                    Ok::<_, DataFusionError>(merged.map(|batch| (batch, (reservation, baseline))))
                }
            }
        });
        let batches = groups
            .map_ok(move |batch| futures::stream::iter(super::super::exec::split(vec![batch], rows)).map(Ok))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, _: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let groups = self.first.statistics_from_inputs(inputs, arguments)?.num_rows;
        Ok(Arc::new(Statistics { num_rows: groups, ..Statistics::new_unknown(&self.schema()) }))
    }
}
