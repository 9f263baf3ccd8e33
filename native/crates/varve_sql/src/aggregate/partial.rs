//! The groups by place of one thread's rows.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef, UInt32Type};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::aggregates::{AggregateExec, aggregate_expressions};
use datafusion::physical_plan::metrics::Time;
use futures::{Stream, TryStreamExt};

use super::cells::Cells;
use super::grouping::{Grouping, TABLE_ROOM_MAX};
use super::tasks::all;
use super::values::Values;
use crate::decimals::shortened;

/// How rows are grouped.
enum Groups {
    ByPlace(Grouping),
    /// When there were too many combinations.
    ByHash(Box<dyn GroupValues>),
}

fn grouping_of(group_schema: &Schema) -> Result<Grouping> {
    match Grouping::new(group_schema.fields().iter().map(|field| field.data_type())) {
        Some(grouping) => Ok(grouping),
        None => internal_err!("a key has no codes"),
    }
}

/// An aggregate of all groups.
struct Aggregate {
    function: Arc<AggregateFunctionExpr>,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    kept: Kept,
}

/// What keeps an aggregate.
enum Kept {
    /// The partition's cells.
    Cells,
    Values(Values),
    /// DataFusion's accumulator.
    Accumulator(Box<dyn GroupsAccumulator>),
}

/// The aggregation of one partition.
pub(super) struct Partial {
    input: SendableRecordBatchStream,
    has_ended: bool,
    /// What is done beside waiting for the input.
    time: Time,
    /// Of the states that the second phase takes.
    schema: SchemaRef,
    group_schema: SchemaRef,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    aggregates: Vec<Aggregate>,
    cells: Cells,
    groups: Groups,
    numbers: Vec<usize>,
    reservation: MemoryReservation,
    /// What had to be given away early.
    given: VecDeque<RecordBatch>,
}

/// More groups than one thread merges in the time that it takes to divide them among all, with DataFusion's accumulators.
const ACCUMULATED_GROUPS_MAX: usize = 1 << 15;

impl Partial {
    /// With how many groups it is worth it that they become one thread's.
    pub(super) fn groups_max(like: &AggregateExec) -> Result<usize> {
        let mut max = TABLE_ROOM_MAX;
        for aggregate in aggregates(like, &mut Cells::default())? {
            if matches!(aggregate.kept, Kept::Accumulator(_)) {
                // Sets of different values are much to merge, however few groups have them.
                let has_sets =
                    aggregate.function.state_fields()?.iter().any(|state| state.data_type().is_nested());
                max = max.min(if has_sets { 0 } else { ACCUMULATED_GROUPS_MAX });
            }
        }
        Ok(max)
    }

    /// The rows of `input` as `like`, a first phase, groups them; `time` counts what is done beside waiting for them.
    pub(super) fn new(
        like: &AggregateExec,
        context: &TaskContext,
        input: SendableRecordBatchStream,
        time: Time,
    ) -> Result<Self> {
        let group_schema = like.group_expr().group_schema(&like.input().schema())?;
        let mut cells = Cells::default();
        Ok(Self {
            input,
            has_ended: false,
            time,
            schema: like.schema(),
            keys: like.group_expr().input_exprs(),
            aggregates: aggregates(like, &mut cells)?,
            cells,
            groups: Groups::ByPlace(grouping_of(&group_schema)?),
            group_schema,
            numbers: Vec::new(),
            reservation: MemoryConsumer::new("GroupByPlaceExec").register(context.memory_pool()),
            given: VecDeque::new(),
        })
    }

    /// Adds rows until there are no more, something has to be given away, or `is_enough` says so; whether all groups are
    /// here.
    pub(super) async fn collect(&mut self, is_enough: &(dyn Fn() -> bool + Sync)) -> Result<bool> {
        while self.given.is_empty() && !self.has_ended && !is_enough() {
            match self.input.try_next().await? {
                Some(batch) => self.add(&batch).await?,
                None => self.end().await?,
            }
        }
        Ok(self.given.is_empty() && self.has_ended)
    }

    /// The groups of all rows, as the second phase takes them; one may come more than once.
    pub(super) fn into_states(self) -> impl Stream<Item = Result<RecordBatch>> + Send {
        futures::stream::try_unfold(self, |mut own| async move {
            if own.collect(&|| false).await? {
                own.give().await?;
            }
            Ok(own.given.pop_front().map(|states| (states, own)))
        })
    }

    /// Takes the groups of another partition, all of which are there; false when it keeps some.
    pub(super) fn absorb(&mut self, other: &mut Self) -> Result<bool> {
        let (Groups::ByPlace(grouping), Groups::ByPlace(theirs)) = (&mut self.groups, &mut other.groups)
        else {
            return Ok(false);
        };
        let keys = std::mem::replace(theirs, grouping_of(&self.group_schema)?).into_keys()?;
        // Texts come as dictionaries elsewhere.
        let coded = keys.iter().map(as_dictionary).collect::<Result<Vec<_>>>()?;
        if grouping.add(&coded, &mut self.numbers).is_err() {
            other.give_with(keys)?;
            return Ok(false);
        }
        let (groups, total) = (&self.numbers, grouping.len());
        self.cells.absorb(&mut other.cells, groups, total)?;
        for (own, other) in self.aggregates.iter_mut().zip(&mut other.aggregates) {
            match (&mut own.kept, &mut other.kept) {
                (Kept::Values(own), Kept::Values(other)) => own.absorb(other, groups, total),
                (Kept::Accumulator(own), Kept::Accumulator(other)) => {
                    own.merge_batch(&other.state(EmitTo::All)?, groups, total)?;
                }
                _ => (),
            }
        }
        Ok(true)
    }

    /// All groups with what their aggregates come to, and the memory that these take, if all are still here and there is as
    /// much; `threads` choose among values.
    pub(super) async fn results(
        &mut self,
        schema: &SchemaRef,
        threads: usize,
    ) -> Result<Option<(RecordBatch, MemoryReservation)>> {
        let Groups::ByPlace(grouping) = &mut self.groups else { return Ok(None) };
        let total = grouping.len();
        let (values, others) = self.size();
        let Groups::ByPlace(grouping) = &mut self.groups else { return Ok(None) };
        // What there is, and about as much again for what comes out.
        if self.reservation.try_resize(values + 2 * others).is_err() {
            return Ok(None);
        }
        let mut columns = std::mem::replace(grouping, grouping_of(&self.group_schema)?).into_keys()?;
        let mut cells = self.cells.results()?.into_iter();
        for aggregate in &mut self.aggregates {
            columns.extend(match &mut aggregate.kept {
                Kept::Cells => cells.next(),
                Kept::Values(values) => {
                    Some(chosen(values.take(), &aggregate.function, total, threads).await?)
                }
                Kept::Accumulator(accumulator) => Some(accumulator.evaluate(EmitTo::All)?),
            });
        }
        let results = RecordBatch::try_new(Arc::clone(schema), columns)?;
        self.reservation.resize(results.get_array_memory_size());
        Ok(Some((results, self.reservation.take())))
    }

    async fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let time = self.time.clone();
        let _timer = time.timer();
        let rows = batch.num_rows();
        let keys = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(rows));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let groups = self.number(keys).await?;
        self.cells.add(batch, &self.numbers, groups)?;
        for aggregate in &mut self.aggregates {
            if matches!(aggregate.kept, Kept::Cells) {
                continue;
            }
            let values = aggregate.arguments.iter().map(|expr| expr.evaluate(batch)?.into_array(rows));
            let values = values.collect::<Result<Vec<_>>>()?;
            let filter = aggregate.filter.as_ref();
            let filter = filter.map(|filter| filter.evaluate(batch)?.into_array(rows)).transpose()?;
            let filter = filter.as_ref().map(|filter| filter.as_boolean());
            match &mut aggregate.kept {
                Kept::Cells => (),
                Kept::Values(all) => all.add(&values[0], &self.numbers, filter)?,
                Kept::Accumulator(accumulator) => {
                    accumulator.update_batch(&values, &self.numbers, filter, groups)?;
                }
            }
        }
        let (values, others) = self.size();
        if self.reservation.try_resize(values + others).is_err() {
            self.give().await?;
        }
        Ok(())
    }

    /// All rows have come.
    async fn end(&mut self) -> Result<()> {
        let time = self.time.clone();
        let _timer = time.timer();
        self.has_ended = true;
        // While values are sorted they are there twice.
        let (values, others) = self.size();
        if values > 0 && self.reservation.try_resize(2 * values + others).is_err() {
            return self.give().await;
        }
        self.sort().await
    }

    async fn sort(&mut self) -> Result<()> {
        let total = self.groups.len();
        for aggregate in &mut self.aggregates {
            if let Kept::Values(values) = &mut aggregate.kept {
                values.sort(total).await?;
            }
        }
        Ok(())
    }

    /// Bytes of all values, and of what else there is.
    fn size(&self) -> (usize, usize) {
        let (mut values, mut others) = (0, self.cells.size() + 8 * self.numbers.capacity());
        for aggregate in &self.aggregates {
            match &aggregate.kept {
                Kept::Cells => (),
                Kept::Values(all) => values += all.size(),
                Kept::Accumulator(accumulator) => others += accumulator.size(),
            }
        }
        (values, others + self.groups.size())
    }

    /// Numbers the groups of a batch; how many groups there are.
    async fn number(&mut self, keys: Vec<ArrayRef>) -> Result<usize> {
        if let Groups::ByPlace(grouping) = &mut self.groups {
            if grouping.add(&keys, &mut self.numbers).is_ok() {
                return Ok(grouping.len());
            }
            self.give().await?;
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
    async fn give(&mut self) -> Result<()> {
        self.sort().await?;
        let keys = match &mut self.groups {
            Groups::ByPlace(grouping) if grouping.len() == 0 => return Ok(()),
            Groups::ByPlace(grouping) => {
                std::mem::replace(grouping, grouping_of(&self.group_schema)?).into_keys()?
            }
            Groups::ByHash(values) if values.is_empty() => return Ok(()),
            Groups::ByHash(values) => values.emit(EmitTo::All)?,
        };
        self.give_with(keys)
    }

    /// Gives the states of all groups away with their keys, which were taken.
    fn give_with(&mut self, keys: Vec<ArrayRef>) -> Result<()> {
        let groups = keys.first().map_or(0, |key| key.len());
        let mut columns = keys;
        let mut cells = self.cells.states()?.into_iter();
        for aggregate in &mut self.aggregates {
            columns.extend(match &mut aggregate.kept {
                Kept::Cells => cells.next().unwrap_or_default(),
                Kept::Values(values) => vec![values.take().lists(0..groups)?],
                Kept::Accumulator(accumulator) => accumulator.state(EmitTo::All)?,
            });
        }
        self.given.push_back(RecordBatch::try_new(Arc::clone(&self.schema), columns)?);
        self.reservation.free();
        Ok(())
    }
}

impl Groups {
    fn len(&self) -> usize {
        match self {
            Self::ByPlace(grouping) => grouping.len(),
            Self::ByHash(values) => values.len(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::ByPlace(grouping) => grouping.size(),
            Self::ByHash(values) => values.size(),
        }
    }
}

/// What `function` chooses among the values of `total` groups.
async fn chosen(
    values: Values,
    function: &Arc<AggregateFunctionExpr>,
    total: usize,
    threads: usize,
) -> Result<ArrayRef> {
    let values = Arc::new(values);
    let share = total.div_ceil(threads.max(1)).max(1);
    // Without groups there is one share, which is empty.
    let shares = (0..total.max(1)).step_by(share).map(|from| {
        let (values, function) = (Arc::clone(&values), Arc::clone(function));
        SpawnedTask::spawn(async move { values.results(&function, from..total.min(from + share)).await })
    });
    let chosen = all(shares.collect()).await?.concat();
    Ok(concat(&chosen.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
}

/// Each aggregate with what keeps it: `cells` take those that they can.
fn aggregates(like: &AggregateExec, cells: &mut Cells) -> Result<Vec<Aggregate>> {
    let input = like.input().schema();
    let keys = like.group_expr().num_group_exprs();
    let arguments = aggregate_expressions(like.aggr_expr(), like.mode(), keys)?;
    let aggregates = like.aggr_expr().iter().zip(arguments).zip(like.filter_expr());
    let aggregates = aggregates.map(|((function, arguments), filter)| {
        let arguments = arguments.into_iter().map(|expr| Ok(shortened(expr, &input)?.data));
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let kept = if filter.is_none() && cells.take(function, &arguments, &input)? {
            Kept::Cells
        } else if let Some(values) = Values::of(function)? {
            Kept::Values(values)
        } else {
            Kept::Accumulator(function.create_groups_accumulator()?)
        };
        Ok(Aggregate { function: Arc::clone(function), arguments, filter: filter.clone(), kept })
    });
    aggregates.collect()
}

/// Texts as a dictionary in which each has its own entry; others as they are.
fn as_dictionary(keys: &ArrayRef) -> Result<ArrayRef> {
    if *keys.data_type() != DataType::Utf8View {
        return Ok(Arc::clone(keys));
    }
    let places = UInt32Array::from_iter_values(0..keys.len() as u32);
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(places, Arc::clone(keys))?))
}
