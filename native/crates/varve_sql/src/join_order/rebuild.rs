//! A plan of a tree.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality, Result, internal_datafusion_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, conjunction_opt};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::graph::{Graph, Key, Set};
use super::search::Tree;

/// A plan and the numbers of the columns that come out of it.
struct Part {
    plan: Arc<dyn ExecutionPlan>,
    columns: Vec<usize>,
}

/// The plan of a tree, with the columns of `schema`.
pub(super) fn plan(graph: &Graph, tree: &Tree, schema: &SchemaRef) -> Result<Arc<dyn ExecutionPlan>> {
    let mut wanted = graph.output.clone();
    wanted.sort_unstable();
    wanted.dedup();
    let part = build(graph, tree, &wanted)?;
    let places = part.places();
    let items = graph.output.iter().zip(schema.fields()).map(|(number, field)| {
        let at = places.get(number).copied().ok_or_else(|| missing(*number))?;
        let name = part.plan.schema().field(at).name().clone();
        Ok(ProjectionExpr { expr: Arc::new(Column::new(&name, at)), alias: field.name().clone() })
    });
    let projection = ProjectionExec::try_new(items.collect::<Result<Vec<_>>>()?, part.plan)?;
    Ok(Arc::new(projection))
}

fn missing(number: usize) -> datafusion::common::DataFusionError {
    internal_datafusion_err!("column {number} of a join is not there")
}

/// The plan of a tree that has the columns `wanted` at least.
fn build(graph: &Graph, tree: &Tree, wanted: &[usize]) -> Result<Part> {
    let Some(inputs) = &tree.inputs else {
        let relation = &graph.relations[tree.set.trailing_zeros() as usize];
        let columns = relation.offset..relation.offset + relation.plan.schema().fields().len();
        return Ok(Part { plan: Arc::clone(&relation.plan), columns: columns.collect() });
    };
    let (left, right) = inputs.as_ref();
    let keys = keys(graph, left.set, right.set);
    let is_due = |relations: Set| {
        let within = |tree: &Tree| relations & !tree.set == 0 && tree.inputs.is_some();
        relations & !tree.set == 0 && !within(left) && !within(right)
    };
    let due = graph.conditions.iter().filter(|condition| is_due(condition.relations));
    let due: Vec<_> = due.map(|condition| Arc::clone(&condition.expr)).collect();

    let used = keys.iter().flat_map(|(one, other)| [&one.expr, &other.expr]).chain(&due);
    let mut inner: Vec<usize> = used.flat_map(collect_columns).map(|column| column.index()).collect();
    inner.extend(wanted);
    inner.sort_unstable();
    inner.dedup();
    let of = |tree: &Tree| -> Vec<usize> {
        inner.iter().copied().filter(|number| tree.set & 1 << graph.relation_of(*number) != 0).collect()
    };
    let (left, right) = (build(graph, left, &of(left))?, build(graph, right, &of(right))?);
    let on = keys.iter().map(|(one, other)| Ok((left.placed(&one.expr)?, right.placed(&other.expr)?)));
    let on = on.collect::<Result<Vec<_>>>()?;
    let filter = conjunction_opt(due).map(|condition| filter(&condition, &left, &right)).transpose()?;

    let both = [&left.columns[..], &right.columns[..]].concat();
    let (projection, columns) =
        both.into_iter().enumerate().filter(|(_, number)| wanted.binary_search(number).is_ok()).unzip();
    let join = HashJoinExec::try_new(
        left.plan,
        right.plan,
        on,
        filter,
        &JoinType::Inner,
        Some(projection),
        graph.mode,
        NullEquality::NullEqualsNothing,
        false,
    )?;
    Ok(Part { plan: Arc::new(join), columns })
}

/// The keys of a join of two sets: one pair of each class, for within a set keys of different relations are equal already.
/// Those of one relation need not be.
fn keys(graph: &Graph, left: Set, right: Set) -> Vec<(&Key, &Key)> {
    let mut pairs = Vec::new();
    for class in &graph.classes {
        let (of_left, of_right) = (telling(class, left), telling(class, right));
        let (Some(one), Some(other)) = (of_left.first().copied(), of_right.first().copied()) else {
            continue;
        };
        pairs.extend(of_left.into_iter().map(|key| (key, other)));
        pairs.extend(of_right.into_iter().skip(1).map(|key| (one, key)));
    }
    pairs
}

/// The first key of a class within a set, and those beside another one of their relation.
fn telling(class: &[Key], set: Set) -> Vec<&Key> {
    let mut seen = 0;
    let mut keys = Vec::new();
    for key in class.iter().filter(|key| set & 1 << key.relation != 0) {
        if keys.is_empty() || seen & 1 << key.relation != 0 {
            keys.push(key);
        }
        seen |= 1 << key.relation;
    }
    keys
}

/// A condition on the rows of two parts.
fn filter(condition: &Arc<dyn PhysicalExpr>, left: &Part, right: &Part) -> Result<JoinFilter> {
    let mut numbers: Vec<usize> = collect_columns(condition).iter().map(Column::index).collect();
    numbers.sort_unstable();
    let (of_left, of_right) = (left.places(), right.places());
    let mut fields = Vec::with_capacity(numbers.len());
    let mut indices = Vec::with_capacity(numbers.len());
    for number in &numbers {
        let (part, at, side) = match (of_left.get(number), of_right.get(number)) {
            (Some(at), _) => (left, *at, JoinSide::Left),
            (None, Some(at)) => (right, *at, JoinSide::Right),
            (None, None) => return Err(missing(*number)),
        };
        fields.push(part.plan.schema().field(at).clone());
        indices.push(ColumnIndex { index: at, side });
    }
    let schema = Arc::new(Schema::new(fields));
    let places = numbers.iter().enumerate().map(|(at, number)| (*number, at)).collect();
    let expr = placed(condition, &places, &schema)?;
    Ok(JoinFilter::new(expr, indices, schema))
}

impl Part {
    /// Where each numbered column is.
    fn places(&self) -> HashMap<usize, usize> {
        self.columns.iter().enumerate().map(|(at, number)| (*number, at)).collect()
    }

    /// A numbered expression over what comes out.
    fn placed(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        placed(expr, &self.places(), &self.plan.schema())
    }
}

fn placed(
    expr: &Arc<dyn PhysicalExpr>,
    places: &HashMap<usize, usize>,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let replaced = Arc::clone(expr).transform_up(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        let at = places.get(&column.index()).copied().ok_or_else(|| missing(column.index()))?;
        Ok(Transformed::yes(Arc::new(Column::new(schema.field(at).name(), at)) as _))
    });
    Ok(replaced?.data)
}
