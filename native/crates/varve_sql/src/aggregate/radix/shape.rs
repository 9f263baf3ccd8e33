//! What is aggregated: the keys, and which columns the aggregates need.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, aggregate_expressions};
use datafusion::physical_plan::expressions::Literal;

use super::piece::{Kind, Rows};
use super::rows::Layout;

/// An argument of an aggregate.
enum Argument {
    /// The column of a piece that holds it.
    Column(usize),
    Constant(ScalarValue),
}

struct Aggregate {
    expr: Arc<AggregateFunctionExpr>,
    arguments: Vec<Argument>,
    /// The column that says which rows count.
    filter: Option<usize>,
    states: usize,
}

/// The keys and aggregates of one query.
pub(in crate::aggregate) struct Shape {
    pub(super) layout: Arc<Layout>,
    pub(super) seed: u64,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns of a piece of arguments.
    columns: Vec<Arc<dyn PhysicalExpr>>,
    aggregates: Vec<Aggregate>,
}

impl Shape {
    /// Of the first of two phases; `None` when its keys cannot stand in rows.
    pub(in crate::aggregate) fn new(like: &AggregateExec) -> Result<Option<Self>> {
        let group_schema = like.group_expr().group_schema(&like.input().schema())?;
        let Some(layout) = Layout::new(group_schema.fields().iter().map(|field| field.data_type())) else {
            return Ok(None);
        };
        let mut columns = Vec::new();
        let arguments = aggregate_expressions(like.aggr_expr(), like.mode(), group_schema.fields().len())?;
        let aggregates = like.aggr_expr().iter().zip(arguments).zip(like.filter_expr());
        let aggregates = aggregates.map(|((expr, arguments), filter)| {
            Ok(Aggregate {
                expr: Arc::clone(expr),
                arguments: arguments.into_iter().map(|expr| argument(&mut columns, expr)).collect(),
                filter: filter.as_ref().map(|filter| column_of(&mut columns, filter)),
                states: expr.state_fields()?.len(),
            })
        });
        Ok(Some(Self {
            layout: Arc::new(layout),
            seed: RandomState::new().hash_one(0),
            keys: like.group_expr().input_exprs(),
            aggregates: aggregates.collect::<Result<_>>()?,
            columns,
        }))
    }

    /// The key columns of a batch.
    pub(super) fn keys(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        evaluate(&self.keys, batch)
    }

    /// The columns of a piece of arguments for a batch.
    pub(super) fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        evaluate(&self.columns, batch)
    }

    pub(super) fn accumulators(&self) -> Result<Vec<Box<dyn GroupsAccumulator>>> {
        self.aggregates.iter().map(|aggregate| aggregate.expr.create_groups_accumulator()).collect()
    }

    /// Adds rows to the accumulators of all aggregates: `groups` has the group of each row, of `total` groups.
    pub(super) fn add(
        &self,
        accumulators: &mut [Box<dyn GroupsAccumulator>],
        rows: &Rows<'_>,
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        let mut states = rows.columns.iter();
        for (aggregate, accumulator) in self.aggregates.iter().zip(accumulators) {
            if rows.kind == Kind::States {
                let states = states.by_ref().take(aggregate.states).cloned().collect::<Vec<_>>();
                accumulator.merge_batch(&states, groups, total)?;
                continue;
            }
            let arguments = aggregate.arguments.iter().map(|argument| match argument {
                Argument::Column(at) => Ok(Arc::clone(&rows.columns[*at])),
                Argument::Constant(value) => value.to_array_of_size(groups.len()),
            });
            let filter = aggregate.filter.map(|at| rows.columns[at].as_boolean());
            accumulator.update_batch(&arguments.collect::<Result<Vec<_>>>()?, groups, filter, total)?;
        }
        Ok(())
    }
}

fn evaluate(exprs: &[Arc<dyn PhysicalExpr>], batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    exprs.iter().map(|expr| expr.evaluate(batch)?.into_array(batch.num_rows())).collect()
}

fn argument(columns: &mut Vec<Arc<dyn PhysicalExpr>>, expr: Arc<dyn PhysicalExpr>) -> Argument {
    match expr.downcast_ref::<Literal>() {
        Some(literal) => Argument::Constant(literal.value().clone()),
        None => Argument::Column(column_of(columns, &expr)),
    }
}

/// The place of an expression among the columns, which each have another one.
fn column_of(columns: &mut Vec<Arc<dyn PhysicalExpr>>, expr: &Arc<dyn PhysicalExpr>) -> usize {
    columns.iter().position(|column| column == expr).unwrap_or_else(|| {
        columns.push(Arc::clone(expr));
        columns.len() - 1
    })
}
