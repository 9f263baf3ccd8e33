//! Rows that several places of a plan read, and that are made once.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, SpillMetrics,
};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SpillManager};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, StreamExt, TryFutureExt, TryStreamExt, stream};
use parking_lot::Mutex;

use crate::rules::only_child;

type Making = Shared<BoxFuture<'static, Result<Arc<Made>, Arc<DataFusionError>>>>;

/// The rows, which the place that asks first begins to make.
#[derive(Default)]
pub(super) struct Rows(Mutex<Option<Making>>);

impl fmt::Debug for Rows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Rows")
    }
}

/// One place that reads them.
#[derive(Debug)]
pub(super) struct SharedRowsExec {
    /// Makes them, if this place asks first.
    input: Arc<dyn ExecutionPlan>,
    rows: Arc<Rows>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SharedRowsExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, rows: Arc<Rows>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, rows, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }

    fn making(&self, context: &Arc<TaskContext>) -> Result<Making> {
        let mut rows = self.rows.0.lock();
        if let Some(making) = rows.as_ref() {
            return Ok(making.clone());
        }
        let input = CoalescePartitionsExec::new(Arc::clone(&self.input)).execute(0, Arc::clone(context))?;
        let made = Made::nothing(context, &self.metrics, &self.input);
        let making = made.with_all(input).map_ok(Arc::new).map_err(Arc::new).boxed().shared();
        *rows = Some(making.clone());
        Ok(making)
    }
}

impl DisplayAs for SharedRowsExec {
    fn fmt_as(&self, _format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SharedRowsExec")
    }
}

impl ExecutionPlan for SharedRowsExec {
    fn name(&self) -> &'static str {
        "SharedRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(only_child(children)?, Arc::clone(&self.rows))))
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let read = BaselineMetrics::new(&self.metrics, 0);
        let rows = self.making(&context)?.map_err(DataFusionError::Shared);
        let batches = stream::once(rows.map(|made| made.map(Made::read))).try_flatten();
        let batches = batches.inspect_ok(move |batch| read.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(
        &self,
        input: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        only_child(input.to_vec())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// All rows, and the memory that they take.
struct Made {
    batches: Vec<RecordBatch>,
    /// What had no room, in the order of the rows, all of it before the batches.
    files: Vec<Arc<dyn SpillFile>>,
    manager: SpillManager,
    reservation: MemoryReservation,
}

impl Made {
    fn nothing(
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
        input: &Arc<dyn ExecutionPlan>,
    ) -> Self {
        let consumer = MemoryConsumer::new("SharedRowsExec").with_can_spill(true);
        let metrics = SpillMetrics::new(metrics, 0);
        Self {
            batches: Vec::new(),
            files: Vec::new(),
            manager: SpillManager::new(context.runtime_env(), metrics, input.schema()),
            reservation: consumer.register(context.memory_pool()),
        }
    }

    async fn with_all(mut self, mut input: SendableRecordBatchStream) -> Result<Self> {
        while let Some(batch) = input.try_next().await? {
            let bytes = get_record_batch_memory_size(&batch);
            self.batches.push(batch);
            if self.reservation.try_grow(bytes).is_err() {
                self.spill()?;
            }
        }
        Ok(self)
    }

    fn spill(&mut self) -> Result<()> {
        self.files.extend(self.manager.spill_record_batch_and_finish(&self.batches, "SharedRowsExec")?);
        self.batches.clear();
        self.reservation.free();
        Ok(())
    }

    fn read(made: Arc<Self>) -> impl Stream<Item = Result<RecordBatch>> {
        let batches = stream::iter(made.batches.clone()).map(Ok);
        let files = stream::iter(made.files.clone());
        let spilt = files.map(move |file| made.manager.read_spill_as_stream(file, None)).try_flatten();
        spilt.chain(batches)
    }
}
