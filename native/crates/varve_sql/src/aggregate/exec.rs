//! The first phase of an aggregation, with groups by place.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::aggregates::{AggregateExec, aggregate_expressions, evaluate_many};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt};

use super::grouping::Grouping;
use crate::decimals::shortened;

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
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(Arc::clone(&self.like), input))),
            _ => internal_err!("GroupByPlaceExec has one input"),
        }
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.like.apply_expressions(visit)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let schema = self.like.schema();
        let state =
            Partial::new(&self.like, &context, partition, BaselineMetrics::new(&self.metrics, partition))?;
        let output_rows = context.session_config().batch_size();
        let batches = futures::stream::once(state.run(input))
            .map_ok(move |batches| futures::stream::iter(split(batches, output_rows)).map(Ok))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
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

/// How rows are grouped.
enum Groups {
    ByPlace(Grouping),
    /// When there were too many combinations.
    ByHash(Box<dyn GroupValues>),
}

/// The aggregation of one partition.
struct Partial {
    schema: SchemaRef,
    group_schema: SchemaRef,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    groups: Groups,
    numbers: Vec<usize>,
    reservation: MemoryReservation,
    baseline: BaselineMetrics,
    /// What had to be given away early.
    done: Vec<RecordBatch>,
}

impl Partial {
    fn new(
        like: &AggregateExec,
        context: &TaskContext,
        partition: usize,
        baseline: BaselineMetrics,
    ) -> Result<Self> {
        let keys = like.group_expr().input_exprs();
        let group_schema = like.group_expr().group_schema(&like.input().schema())?;
        let grouping = Grouping::new(group_schema.fields().iter().map(|field| field.data_type()));
        let Some(grouping) = grouping else { return internal_err!("a key has no codes") };
        let arguments = aggregate_expressions(like.aggr_expr(), like.mode(), group_schema.fields().len())?;
        let input = like.input().schema();
        let short = |of: Vec<Arc<dyn PhysicalExpr>>| -> Result<Vec<_>> {
            of.into_iter().map(|expr| Ok(shortened(expr, &input)?.data)).collect()
        };
        let accumulators = like.aggr_expr().iter().map(|aggregate| aggregate.create_groups_accumulator());
        Ok(Self {
            schema: like.schema(),
            keys,
            arguments: arguments.into_iter().map(short).collect::<Result<_>>()?,
            filters: like.filter_expr().to_vec(),
            accumulators: accumulators.collect::<Result<_>>()?,
            groups: Groups::ByPlace(grouping),
            group_schema,
            numbers: Vec::new(),
            reservation: MemoryConsumer::new(format!("GroupByPlaceExec[{partition}]"))
                .register(context.memory_pool()),
            baseline,
            done: Vec::new(),
        })
    }

    async fn run(mut self, mut input: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
        while let Some(batch) = input.next().await {
            let batch = batch?;
            let timer = self.baseline.elapsed_compute().clone();
            let _timer = timer.timer();
            self.add(&batch)?;
        }
        self.give()?;
        self.baseline.record_output(self.done.iter().map(RecordBatch::num_rows).sum());
        Ok(self.done)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let keys = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(rows));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let groups = self.number(keys)?;
        let arguments = evaluate_many(&self.arguments, batch)?;
        for ((accumulator, values), filter) in self.accumulators.iter_mut().zip(&arguments).zip(&self.filters)
        {
            let filter =
                filter.as_ref().map(|filter| filter.evaluate(batch)?.into_array(rows)).transpose()?;
            let filter = filter.as_ref().map(|filter| filter.as_boolean());
            accumulator.update_batch(values, &self.numbers, filter, groups)?;
        }
        let bytes = self.accumulators.iter().map(|accumulator| accumulator.size()).sum::<usize>();
        let own = match &self.groups {
            Groups::ByPlace(grouping) => grouping.size(),
            Groups::ByHash(values) => values.size(),
        };
        if self.reservation.try_resize(bytes + own + 8 * self.numbers.capacity()).is_err() {
            self.give()?;
        }
        Ok(())
    }

    /// Numbers the groups of a batch; how many groups there are.
    fn number(&mut self, keys: Vec<ArrayRef>) -> Result<usize> {
        if let Groups::ByPlace(grouping) = &mut self.groups {
            if grouping.add(&keys, &mut self.numbers).is_ok() {
                return Ok(grouping.len());
            }
            self.give()?;
            self.groups =
                Groups::ByHash(new_group_values(Arc::clone(&self.group_schema), &GroupOrdering::None)?);
        }
        let Groups::ByHash(values) = &mut self.groups else { return internal_err!("groups are by hash now") };
        let keys = keys.iter().map(|key| match key.data_type() {
            DataType::Dictionary(_, values) => Ok(cast(key, values)?),
            _ => Ok(Arc::clone(key)),
        });
        values.intern(&keys.collect::<Result<Vec<_>>>()?, &mut self.numbers)?;
        Ok(values.len())
    }

    /// Gives away what there is; the second phase takes any number of parts.
    fn give(&mut self) -> Result<()> {
        let types = || self.group_schema.fields().iter().map(|field| field.data_type());
        let mut columns = match &mut self.groups {
            Groups::ByPlace(grouping) if grouping.len() == 0 => return Ok(()),
            Groups::ByPlace(grouping) => {
                let keys = grouping.keys();
                if let Some(fresh) = Grouping::new(types()) {
                    *grouping = fresh;
                }
                keys
            }
            Groups::ByHash(values) if values.is_empty() => return Ok(()),
            Groups::ByHash(values) => values.emit(EmitTo::All)?,
        };
        for accumulator in &mut self.accumulators {
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        self.done.push(RecordBatch::try_new(Arc::clone(&self.schema), columns)?);
        self.reservation.free();
        Ok(())
    }
}
