//! Both phases of an aggregation in one operator: threads group their rows, and what they have is brought together.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, Time};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    replace_children_if_necessary,
};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::exec::split;
use super::partial::Partial;
use super::radix::{Collected, Collector, Shape, Store};
use super::tasks::all;
use crate::rules::only_child;

/// How groups are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// Few enough for a table with room for all of them; the threads' groups become one's.
    Place,
    /// In parts that fit a core's caches.
    Radix,
}

impl Way {
    fn operator(self) -> &'static str {
        match self {
            Self::Place => "GroupByPlaceExec",
            Self::Radix => "GroupByRadixExec",
        }
    }
}

type FirstPhase = Shared<BoxFuture<'static, Result<Arc<Grouped>, Arc<DataFusionError>>>>;

/// What the threads have grouped.
enum Grouped {
    /// The whole answer, for the partition that asks first.
    Place(Mutex<Option<SendableRecordBatchStream>>),
    /// Parts, for all partitions.
    Radix(Collected),
}

/// Does what two phases of [`AggregateExec`] do, with all that lies between them.
#[derive(Debug)]
pub(crate) struct GroupPhasesExec {
    way: Way,
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

impl GroupPhasesExec {
    pub(super) fn new(
        way: Way,
        last: Arc<AggregateExec>,
        first: Arc<AggregateExec>,
        input: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let partitions = last.properties().partitioning.partition_count();
        let properties = last.properties().as_ref().clone();
        let properties = properties.with_partitioning(Partitioning::UnknownPartitioning(partitions));
        Self {
            way,
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
        let phase = match self.way {
            Way::Place => self.by_place(context)?.boxed(),
            Way::Radix => self.by_radix(context)?.boxed(),
        };
        Ok(phase.map(|grouped: Result<_>| grouped.map(Arc::new).map_err(Arc::new)).boxed().shared())
    }

    /// The rows of each partition, with what counts the time that they take.
    fn inputs(&self, context: &Arc<TaskContext>) -> Result<Vec<(SendableRecordBatchStream, Time)>> {
        let partitions = 0..self.input.output_partitioning().partition_count();
        let inputs = partitions.map(|partition| {
            let time = BaselineMetrics::new(&self.metrics, partition).elapsed_compute().clone();
            Ok((self.input.execute(partition, Arc::clone(context))?, time))
        });
        inputs.collect()
    }

    fn by_radix(
        &self,
        context: &Arc<TaskContext>,
    ) -> Result<impl Future<Output = Result<Grouped>> + Send + use<>> {
        let Some(shape) = Shape::new(&self.first)? else {
            return internal_err!("a key cannot stand in a row");
        };
        let shape = Arc::new(shape);
        let mut tasks = Vec::new();
        for (partition, (input, time)) in self.inputs(context)?.into_iter().enumerate() {
            let store = Store::new(Arc::clone(context), &self.metrics, partition);
            let collector = Collector::new(Arc::clone(&shape), store)?;
            tasks.push(SpawnedTask::spawn(collector.run(input, time)));
        }
        Ok(async move { Ok(Grouped::Radix(Collected::new(shape, all(tasks).await?))) })
    }

    fn by_place(
        &self,
        context: &Arc<TaskContext>,
    ) -> Result<impl Future<Output = Result<Grouped>> + Send + use<>> {
        // One that cannot keep its groups ends the first phase for all of them: what is left is grouped on the way to the
        // second one, so that what is given away is taken at once.
        let is_given = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for (input, time) in self.inputs(context)? {
            let mut groups = Partial::new(&self.first, context, input, time)?;
            let is_given = Arc::clone(&is_given);
            tasks.push(SpawnedTask::spawn(async move {
                let are_all = groups.collect(&|| is_given.load(Ordering::Relaxed)).await?;
                is_given.fetch_or(!are_all, Ordering::Relaxed);
                Ok(groups)
            }));
        }
        let (last, schema) = (Arc::clone(&self.last), self.first.schema());
        let context = Arc::clone(context);
        Ok(async move {
            let partials = all(tasks).await?;
            let are_all = !is_given.load(Ordering::Relaxed);
            let rows = whole(partials, are_all, &last, schema, context).await?;
            Ok(Grouped::Place(Mutex::new(Some(rows))))
        })
    }
}

/// The parts of a radix, as one partition comes to merge them.
fn parts(
    grouped: Arc<Grouped>,
    schema: SchemaRef,
    state: (MemoryReservation, BaselineMetrics),
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    futures::stream::try_unfold(state, move |(reservation, baseline)| {
        let (schema, grouped) = (Arc::clone(&schema), Arc::clone(&grouped));
        async move {
            let Grouped::Radix(collected) = grouped.as_ref() else { return Ok(None) };
            let timer = baseline.elapsed_compute().timer();
            let merged = collected.merge(&schema, &reservation).await?;
            drop(timer);
            baseline.record_output(merged.as_ref().map_or(0, |batch| batch.num_rows()));
            Ok(merged.map(|batch| (batch, (reservation, baseline))))
        }
    })
}

/// The groups of all partitions as one. Where they do not become one, for they were too many or there was no memory,
/// DataFusion's second phase brings them together.
async fn whole(
    mut partials: Vec<Partial>,
    are_all: bool,
    last: &Arc<AggregateExec>,
    schema: SchemaRef,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let threads = partials.len();
    if are_all && let Some(mut own) = partials.pop() {
        let mut left = Vec::new();
        for mut other in partials {
            if !own.absorb(&mut other)? {
                left.push(other);
            }
            tokio::task::yield_now().await;
        }
        if left.is_empty()
            && let Some((results, held)) = own.results(&last.schema(), threads).await?
        {
            let rows = context.session_config().batch_size();
            let batches = futures::stream::iter(split(vec![results], rows));
            let batches = batches.map(move |batch| {
                let _until_all_have_come = &held;
                Ok(batch)
            });
            return Ok(Box::pin(RecordBatchStreamAdapter::new(last.schema(), batches)));
        }
        left.push(own);
        partials = left;
    }
    let states = Arc::new(States { schema: Arc::clone(&schema), partials: Mutex::new(partials) });
    let source = StreamingTableExec::try_new(schema, vec![states], None, [], false, None)?;
    replace_children_if_necessary(Arc::clone(last) as _, vec![Arc::new(source)])?.execute(0, context)
}

/// The states of groups, from those who still have some.
struct States {
    schema: SchemaRef,
    partials: Mutex<Vec<Partial>>,
}

impl fmt::Debug for States {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("States").finish_non_exhaustive()
    }
}

impl PartitionStream for States {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// All go on grouping, each in a task of its own, as their states are taken.
    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let partials = std::mem::take(&mut *self.partials.lock());
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), partials.len());
        for partial in partials {
            let sender = builder.tx();
            builder.spawn(async move {
                let mut states = pin!(partial.into_states());
                while let Some(states) = states.try_next().await? {
                    if sender.send(Ok(states)).await.is_err() {
                        break;
                    }
                }
                Ok(())
            });
        }
        builder.build()
    }
}

impl DisplayAs for GroupPhasesExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.first.group_expr().expr().iter().map(|(_, name)| name.as_str());
        let aggregates = self.first.aggr_expr().iter().map(|aggregate| aggregate.name());
        write!(
            out,
            "{}: gby=[{}], aggr=[{}]",
            self.way.operator(),
            keys.collect::<Vec<_>>().join(", "),
            aggregates.collect::<Vec<_>>().join(", ")
        )
    }
}

impl ExecutionPlan for GroupPhasesExec {
    fn name(&self) -> &'static str {
        self.way.operator()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (last, first) = (Arc::clone(&self.last), Arc::clone(&self.first));
        Ok(Arc::new(Self::new(self.way, last, first, only_child(children)?)))
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
        let batch_rows = context.session_config().batch_size();
        let reservation = MemoryConsumer::new(format!("{}, second phase[{partition}]", self.way.operator()))
            .register(context.memory_pool());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let batches = async move {
            let grouped = first_phase.await.map_err(DataFusionError::Shared)?;
            Ok::<_, DataFusionError>(match grouped.as_ref() {
                Grouped::Place(whole) => match whole.lock().take() {
                    Some(rows) => rows
                        .inspect_ok(move |batch| {
                            baseline.record_output(batch.num_rows());
                        })
                        .boxed(),
                    None => futures::stream::empty().boxed(),
                },
                Grouped::Radix(_) => parts(Arc::clone(&grouped), schema, (reservation, baseline))
                    .map_ok(move |part| futures::stream::iter(split(vec![part], batch_rows)).map(Ok))
                    .try_flatten()
                    .boxed(),
            })
        };
        let batches = futures::stream::once(batches).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
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
