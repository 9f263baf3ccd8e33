//! The groups by place of one thread's rows.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef, UInt32Type};
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
use futures::TryStreamExt;

use super::cells::Cells;
use super::grouping::Grouping;
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

/// What holds an aggregate of all groups.
enum Aggregate {
    /// The partition's cells.
    Cells,
    /// DataFusion's accumulator.
    Other {
        accumulator: Box<dyn GroupsAccumulator>,
        arguments: Vec<Arc<dyn PhysicalExpr>>,
        filter: Option<Arc<dyn PhysicalExpr>>,
    },
}

/// The aggregation of one partition.
pub(super) struct Partial {
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
    given: Vec<RecordBatch>,
}

impl Partial {
    /// Whether it keeps nothing beside cells for this aggregation, so that [`Self::absorb`] and [`Self::results`] serve.
    pub(super) fn is_of_cells(like: &AggregateExec) -> Result<bool> {
        let (input, mut cells) = (like.input().schema(), Cells::default());
        for ((aggregate, arguments), filter) in each(like)? {
            if filter.is_some() || !cells.take(aggregate, &arguments, &input)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn new(like: &AggregateExec, context: &TaskContext, partition: usize) -> Result<Self> {
        let group_schema = like.group_expr().group_schema(&like.input().schema())?;
        let mut cells = Cells::default();
        Ok(Self {
            schema: like.schema(),
            keys: like.group_expr().input_exprs(),
            aggregates: aggregates(like, &mut cells)?,
            cells,
            groups: Groups::ByPlace(grouping_of(&group_schema)?),
            group_schema,
            numbers: Vec::new(),
            reservation: MemoryConsumer::new(format!("GroupByPlaceExec[{partition}]"))
                .register(context.memory_pool()),
            given: Vec::new(),
        })
    }

    /// Adds all rows of `input`; `time` counts what is done beside waiting for it.
    pub(super) async fn collect(mut self, mut input: SendableRecordBatchStream, time: Time) -> Result<Self> {
        while let Some(batch) = input.try_next().await? {
            let _timer = time.timer();
            self.add(&batch)?;
        }
        Ok(self)
    }

    /// All groups, as the second phase takes them; one may come more than once.
    pub(super) fn into_states(mut self) -> Result<Vec<RecordBatch>> {
        self.give()?;
        Ok(self.given)
    }

    /// Takes the groups of another partition; false when it keeps some. Both are of cells.
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
        self.cells.absorb(&mut other.cells, &self.numbers, grouping.len());
        Ok(other.given.is_empty())
    }

    /// All groups with what their aggregates come to, and the memory that these take, if all are still here and there is as
    /// much. It is of cells.
    pub(super) fn results(&mut self, schema: &SchemaRef) -> Result<Option<(RecordBatch, MemoryReservation)>> {
        let Groups::ByPlace(grouping) = &mut self.groups else { return Ok(None) };
        // What there is, and about as much again for what comes out.
        let bytes = 2 * (grouping.size() + self.cells.size());
        if !self.given.is_empty() || self.reservation.try_resize(bytes).is_err() {
            return Ok(None);
        }
        let mut columns = std::mem::replace(grouping, grouping_of(&self.group_schema)?).into_keys()?;
        columns.extend(self.cells.results()?);
        let results = RecordBatch::try_new(Arc::clone(schema), columns)?;
        self.reservation.resize(results.get_array_memory_size());
        Ok(Some((results, self.reservation.take())))
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let keys = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(rows));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let groups = self.number(keys)?;
        self.cells.add(batch, &self.numbers, groups)?;
        let mut bytes = self.cells.size();
        for aggregate in &mut self.aggregates {
            let Aggregate::Other { accumulator, arguments, filter } = aggregate else { continue };
            let values = arguments.iter().map(|expr| expr.evaluate(batch)?.into_array(rows));
            let filter =
                filter.as_ref().map(|filter| filter.evaluate(batch)?.into_array(rows)).transpose()?;
            let filter = filter.as_ref().map(|filter| filter.as_boolean());
            accumulator.update_batch(&values.collect::<Result<Vec<_>>>()?, &self.numbers, filter, groups)?;
            bytes += accumulator.size();
        }
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
        let mut columns = keys;
        let mut cells = self.cells.states()?.into_iter();
        for aggregate in &mut self.aggregates {
            columns.extend(match aggregate {
                Aggregate::Cells => cells.next().unwrap_or_default(),
                Aggregate::Other { accumulator, .. } => accumulator.state(EmitTo::All)?,
            });
        }
        self.given.push(RecordBatch::try_new(Arc::clone(&self.schema), columns)?);
        self.reservation.free();
        Ok(())
    }
}

/// What holds each aggregate: `cells` take those that they can.
fn aggregates(like: &AggregateExec, cells: &mut Cells) -> Result<Vec<Aggregate>> {
    let input = like.input().schema();
    let holder = |((aggregate, arguments), filter): Each<'_>| {
        if filter.is_none() && cells.take(aggregate, &arguments, &input)? {
            return Ok(Aggregate::Cells);
        }
        let accumulator = aggregate.create_groups_accumulator()?;
        Ok(Aggregate::Other { accumulator, arguments, filter: filter.clone() })
    };
    each(like)?.into_iter().map(holder).collect()
}

/// An aggregate with its arguments and its filter.
type Each<'a> = ((&'a AggregateFunctionExpr, Vec<Arc<dyn PhysicalExpr>>), &'a Option<Arc<dyn PhysicalExpr>>);

fn each(like: &AggregateExec) -> Result<Vec<Each<'_>>> {
    let input = like.input().schema();
    let keys = like.group_expr().num_group_exprs();
    let arguments = aggregate_expressions(like.aggr_expr(), like.mode(), keys)?;
    let short = |expr| Ok(shortened(expr, &input)?.data);
    let arguments = arguments.into_iter().map(|all| all.into_iter().map(short).collect::<Result<Vec<_>>>());
    let arguments = arguments.collect::<Result<Vec<_>>>()?;
    let aggregates = like.aggr_expr().iter().map(AsRef::as_ref);
    Ok(aggregates.zip(arguments).zip(like.filter_expr()).collect())
}

/// Texts as a dictionary in which each has its own entry; others as they are.
fn as_dictionary(keys: &ArrayRef) -> Result<ArrayRef> {
    if *keys.data_type() != DataType::Utf8View {
        return Ok(Arc::clone(keys));
    }
    let places = UInt32Array::from_iter_values(0..keys.len() as u32);
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(places, Arc::clone(keys))?))
}
