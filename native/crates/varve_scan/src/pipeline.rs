//! A plan as a stream of batches: each step takes those of the step before.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, SortOptions};
use arrow_select::filter::filter_record_batch;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::task::{spawn_blocking, yield_now};
use varve_table::{DEFAULT_SCHEMA, Version};
use varve_types::{ErrorCode, Result, VarveError};
use vortex::session::VortexSession;

use crate::Progress;
use crate::aggregate::{Accumulator, accumulator};
use crate::budget::Budget;
use crate::coerce::comparable;
use crate::error::{do_not_fit, from_arrow};
use crate::expr::Expr;
use crate::groups::Groups;
use crate::join::{Built, KeyColumns, Probe};
use crate::plan::{Aggregate, Join, JoinKind, Named, Order, Rows, Step, Value};
use crate::scan::Scan;
use crate::session::unknown_table;
use crate::sort::Sorter;

/// Batches as they are computed.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch>>;

/// Rows that come out together of what gathers them.
const BATCH_ROWS: usize = 65_536;

/// What a plan runs on.
#[derive(Clone)]
pub(crate) struct Ground {
    pub version: Arc<Version>,
    pub session: VortexSession,
    pub budget: Arc<Budget>,
    pub progress: Arc<Progress>,
}

/// Rows under way, and what they look like.
struct Flow {
    schema: SchemaRef,
    batches: Batches,
}

impl Ground {
    /// Starts the rows of a plan.
    ///
    /// # Errors
    /// What is wrong with the plan; what goes wrong with values comes with the batches.
    pub(crate) fn start(&self, rows: &Rows) -> Result<(SchemaRef, Batches)> {
        let Flow { schema, batches } = self.rows(rows)?;
        Ok((schema, batches))
    }

    fn rows(&self, rows: &Rows) -> Result<Flow> {
        let version = &self.version;
        let table =
            version.table(DEFAULT_SCHEMA, &rows.table).ok_or_else(|| unknown_table(version, &rows.table))?;
        let wanted = needed(&rows.steps);
        let scan = Scan::new(table, |name| wanted.as_ref().is_none_or(|wanted| wanted.contains(name)));
        let schema = Arc::clone(&scan.schema);
        let leading = rows.steps.iter().map_while(|step| match step {
            Step::Filter { condition } => Some(Expr::condition(condition, &schema)),
            _ => None,
        });
        let conditions = leading.collect::<Result<Vec<_>>>()?;
        let batches = scan.rows(&self.session, &conditions, &self.progress)?;
        let mut flow = Flow { schema, batches };
        let mut steps = rows.steps.iter().peekable();
        while let Some(step) = steps.next() {
            let limit = match (step, steps.peek()) {
                (Step::Order { .. }, Some(Step::Limit { count: Some(count), offset })) => {
                    usize::try_from(count.saturating_add(*offset)).ok()
                }
                _ => None,
            };
            flow = self.step(flow, step, limit)?;
        }
        Ok(flow)
    }

    fn step(&self, flow: Flow, step: &Step, first: Option<usize>) -> Result<Flow> {
        match step {
            Step::Filter { condition } => filtered(flow, condition),
            Step::Select { columns } => selected(flow, columns),
            Step::Aggregate { by, values } => self.aggregated(flow, by, values),
            Step::Join(join) => self.joined(flow, join),
            Step::Order { by } => self.ordered(flow, by, first),
            Step::Limit { count, offset } => Ok(limited(flow, *count, *offset)),
        }
    }

    fn aggregated(&self, flow: Flow, by: &[String], values: &[Aggregate]) -> Result<Flow> {
        let Flow { schema, mut batches } = flow;
        let keys = by.iter().map(|name| Expr::column(name, &schema)).collect::<Result<Vec<_>>>()?;
        let bind = |value: &Option<Value>| value.as_ref().map(|value| Expr::bind(value, &schema)).transpose();
        let inputs = values.iter().map(|one| bind(&one.value)).collect::<Result<Vec<_>>>()?;
        let made = values
            .iter()
            .zip(&inputs)
            .map(|(one, input)| accumulator(one.function, input.as_ref().map(|input| &input.data_type)));
        let (mut accumulators, types): (Vec<Box<dyn Accumulator>>, Vec<DataType>) =
            made.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let mut groups = Groups::new(&keys.iter().map(|key| key.data_type.clone()).collect::<Vec<_>>())?;
        let fields = by.iter().zip(&keys).map(|(name, key)| Field::new(name, key.data_type.clone(), true));
        let aggregates =
            values.iter().zip(types).map(|(one, data_type)| Field::new(&one.name, data_type, true));
        let schema = unique(fields.chain(aggregates).collect())?;
        let (out, mut charge) = (Arc::clone(&schema), self.budget.charge());
        let all = async move {
            let mut numbers = Vec::new();
            while let Some(batch) = batches.try_next().await? {
                let columns = keys.iter().map(|key| key.array(&batch)).collect::<Result<Vec<_>>>()?;
                groups.find(&columns, batch.num_rows(), &mut numbers)?;
                for (accumulator, input) in accumulators.iter_mut().zip(&inputs) {
                    let values = input.as_ref().map(|input| input.array(&batch)).transpose()?;
                    accumulator.update(&numbers, groups.len(), values.as_ref())?;
                }
                charge.set(groups.bytes() + accumulators.iter().map(|one| one.bytes()).sum::<usize>())?;
                yield_now().await;
            }
            let count = groups.len();
            let mut columns = groups.into_keys()?;
            for accumulator in accumulators {
                columns.push(accumulator.finish(count)?);
            }
            batch_of(&out, columns, count)
        };
        Ok(Flow { schema, batches: gathered(Box::pin(all)) })
    }

    fn ordered(&self, flow: Flow, by: &[Order], first: Option<usize>) -> Result<Flow> {
        let Flow { schema, mut batches } = flow;
        let by = by.iter().map(|order| {
            let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
            Ok((Expr::bind(&order.value, &schema)?, options))
        });
        let mut sorter =
            Sorter::new(Arc::clone(&schema), by.collect::<Result<Vec<_>>>()?, first, self.budget.charge());
        let all = async move {
            while let Some(batch) = batches.try_next().await? {
                sorter.push(batch)?;
                yield_now().await;
            }
            // It may take long, and cannot be divided: whoever cancels does not wait for it.
            let sorted = spawn_blocking(move || sorter.sorted().map(|rows| (rows, sorter)));
            let (rows, _charged) =
                sorted.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
            Ok(rows)
        };
        Ok(Flow { schema, batches: gathered(Box::pin(all)) })
    }

    fn joined(&self, flow: Flow, join: &Join) -> Result<Flow> {
        let Flow { schema: left, batches } = flow;
        let Flow { schema: right, batches: mut other } = self.rows(&join.right)?;
        let (left_keys, right_keys) = key_columns(join, &left, &right)?;
        let kind = join.how;
        let (columns, schema) = joined_columns(join, &left, &right)?;
        let mut charge = self.budget.charge();
        let build = async move {
            let (mut rows, mut count) = (Vec::new(), 0);
            while let Some(batch) = other.try_next().await? {
                charge.grow(batch.get_array_memory_size() + Built::bytes(batch.num_rows()))?;
                count += batch.num_rows();
                rows.push(batch);
                yield_now().await;
            }
            let built = Built::new(&right, &rows, &right_keys)?;
            Ok::<_, VarveError>((Arc::new(built), charge, count))
        };
        let out = Arc::clone(&schema);
        let pairs = stream::once(build).map_ok(move |(built, charge, _)| {
            let (columns, schema, keys) = (columns.clone(), Arc::clone(&out), left_keys.clone());
            let state = Joining { built, _charge: charge, kind, columns, schema, keys, probe: None };
            (state, ())
        });
        // The left side is read when the right side is there.
        let mut batches = Some(batches);
        let pairs = pairs.map_ok(move |(joining, ())| {
            let rows = batches.take().unwrap_or_else(|| stream::empty().boxed());
            stream::try_unfold((joining, rows), async |(mut joining, mut rows)| {
                Ok(joining.next(&mut rows).await?.map(|batch| (batch, (joining, rows))))
            })
        });
        Ok(Flow { schema, batches: pairs.try_flatten().boxed() })
    }
}

/// A join under way.
struct Joining {
    built: Arc<Built>,
    _charge: crate::budget::Charge,
    kind: JoinKind,
    columns: Vec<usize>,
    schema: SchemaRef,
    keys: KeyColumns,
    probe: Option<Probe>,
}

impl Joining {
    async fn next(&mut self, rows: &mut Batches) -> Result<Option<RecordBatch>> {
        loop {
            yield_now().await;
            if let Some(probe) = &mut self.probe {
                if let Some(pairs) = probe.pairs(&self.built, self.kind, &self.columns, &self.schema)? {
                    return Ok(Some(pairs));
                }
                self.probe = None;
            }
            let Some(batch) = rows.try_next().await? else { return Ok(None) };
            let probe = Probe::new(&self.built, batch, &self.keys)?;
            match self.kind {
                JoinKind::Inner | JoinKind::Left => self.probe = Some(probe),
                JoinKind::Semi => return probe.kept(true).map(Some),
                JoinKind::Anti => return probe.kept(false).map(Some),
            }
        }
    }
}

fn key_columns(join: &Join, left: &Schema, right: &Schema) -> Result<(KeyColumns, KeyColumns)> {
    let mut sides = (KeyColumns { at: vec![], types: vec![] }, KeyColumns { at: vec![], types: vec![] });
    for (here, there) in &join.on {
        let (here, there) = (Expr::column(here, left)?, Expr::column(there, right)?);
        let common = comparable(&here.data_type, &there.data_type)
            .ok_or_else(|| do_not_fit("a key", &here.data_type, &there.data_type))?;
        for (side, key) in [(&mut sides.0, here), (&mut sides.1, there)] {
            if let crate::expr::Node::Column(at) = key.node {
                side.at.push(at);
                side.types.push(common.clone());
            }
        }
    }
    Ok(sides)
}

/// The places of the columns of the right side that come along, and all that come out.
fn joined_columns(join: &Join, left: &Schema, right: &Schema) -> Result<(Vec<usize>, SchemaRef)> {
    let mut fields: Vec<Field> = left.fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut columns = Vec::new();
    if matches!(join.how, JoinKind::Inner | JoinKind::Left) {
        let is_same_key = |name: &str| join.on.iter().any(|(here, there)| here == name && there == name);
        let taken: Vec<(String, String)> = match &join.take {
            Some(take) => take.iter().map(|one| (one.name.clone(), one.column.clone())).collect(),
            None => {
                let names = right.fields().iter().map(|field| field.name().clone());
                names.filter(|name| !is_same_key(name)).map(|name| (name.clone(), name)).collect()
            }
        };
        for (name, column) in taken {
            let found = Expr::column(&column, right)?;
            columns.push(right.index_of(&column).map_err(from_arrow)?);
            fields.push(Field::new(name, found.data_type, true));
        }
    }
    Ok((columns, unique(fields)?))
}

fn filtered(Flow { schema, batches }: Flow, condition: &Value) -> Result<Flow> {
    let condition = Expr::condition(condition, &schema)?;
    let batches = batches.and_then(move |batch| {
        let kept = condition
            .array(&batch)
            .and_then(|truth| filter_record_batch(&batch, truth.as_boolean()).map_err(from_arrow));
        async move { kept }
    });
    Ok(Flow {
        schema,
        batches: batches.try_filter(|batch| futures::future::ready(batch.num_rows() > 0)).boxed(),
    })
}

fn selected(Flow { schema, batches }: Flow, columns: &[Named]) -> Result<Flow> {
    let values =
        columns.iter().map(|column| Expr::bind(&column.value, &schema)).collect::<Result<Vec<_>>>()?;
    let fields = columns.iter().zip(&values);
    let schema = unique(
        fields.map(|(column, value)| Field::new(&column.name, value.data_type.clone(), true)).collect(),
    )?;
    let out = Arc::clone(&schema);
    let batches = batches.and_then(move |batch| {
        let arrays = values.iter().map(|value| value.array(&batch)).collect::<Result<Vec<_>>>();
        let made = arrays.and_then(|arrays| batch_of(&out, arrays, batch.num_rows()));
        async move { made }
    });
    Ok(Flow { schema, batches: batches.boxed() })
}

fn limited(Flow { schema, batches }: Flow, count: Option<u64>, offset: u64) -> Flow {
    let left = count.unwrap_or(u64::MAX);
    let rows = stream::try_unfold((batches, offset, left), async |(mut batches, mut skip, mut left)| {
        while left > 0 {
            let Some(batch) = batches.try_next().await? else { break };
            let rows = batch.num_rows() as u64;
            let from = skip.min(rows);
            skip -= from;
            let taken = (rows - from).min(left);
            if taken > 0 {
                left -= taken;
                return Ok(Some((batch.slice(from as usize, taken as usize), (batches, skip, left))));
            }
        }
        Ok(None)
    });
    Flow { schema, batches: rows.boxed() }
}

/// One batch that a future makes, in pieces.
fn gathered(all: BoxFuture<'static, Result<RecordBatch>>) -> Batches {
    let pieces = stream::once(all).map_ok(|batch| {
        let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
        stream::iter(starts.map(move |at| Ok(batch.slice(at, BATCH_ROWS.min(batch.num_rows() - at)))))
    });
    pieces.try_flatten().boxed()
}

fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(from_arrow)
}

/// A schema whose names are all different.
fn unique(fields: Vec<Field>) -> Result<SchemaRef> {
    let mut names = HashSet::new();
    if let Some(twice) = fields.iter().find(|field| !names.insert(field.name().as_str())) {
        let message = format!("two columns are called {}", twice.name());
        return Err(VarveError::new(
            ErrorCode::SqlName,
            message,
            "give one another name, or take fewer in a join",
        ));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Names that the steps may mean of the table's columns; `None` when all columns come out.
fn needed(steps: &[Step]) -> Option<HashSet<&str>> {
    let mut names = HashSet::new();
    for step in steps {
        match step {
            Step::Filter { condition } => mention(condition, &mut names),
            Step::Order { by } => by.iter().for_each(|order| mention(&order.value, &mut names)),
            Step::Join(join) => names.extend(join.on.iter().map(|(here, _)| here.as_str())),
            Step::Limit { .. } => {}
            Step::Select { columns } => {
                columns.iter().for_each(|column| mention(&column.value, &mut names));
                return Some(names);
            }
            Step::Aggregate { by, values } => {
                names.extend(by.iter().map(String::as_str));
                values
                    .iter()
                    .filter_map(|one| one.value.as_ref())
                    .for_each(|value| mention(value, &mut names));
                return Some(names);
            }
        }
    }
    None
}

fn mention<'v>(value: &'v Value, names: &mut HashSet<&'v str>) {
    match value {
        Value::Column { name } => {
            names.insert(name);
        }
        Value::Literal { .. } => {}
        Value::Call { values, .. } => values.iter().for_each(|value| mention(value, names)),
    }
}
