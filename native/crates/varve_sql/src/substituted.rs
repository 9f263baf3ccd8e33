//! Filters that go through projections: what is computed comes into them in the place of its column.
//!
//! `c > 0` is `c + c > 0` below `SELECT c + c AS c`, and twice as long below each further one: 25 of them made a condition that
//! no memory holds. Those that would become too long stay where they are.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::rules::{LogicalRule, filters, without};

/// Parts of an expression that columns may come to stand for.
const PARTS_MAX: usize = 1 << 8;

/// The rule that moves filters, and leaves such ones where they are.
pub(crate) fn bounded(rule: LogicalRule) -> LogicalRule {
    without(rule, becomes_too_long)
}

fn becomes_too_long(node: &LogicalPlan) -> Result<bool> {
    let (conditions, below) = filters(node);
    let LogicalPlan::Projection(Projection { expr: computed, schema, .. }) = below else { return Ok(false) };
    let sizes = computed.iter().map(parts).collect::<Result<Vec<_>>>()?;
    let mut all = 0;
    for condition in conditions {
        condition.apply(|part| {
            if let Expr::Column(column) = part
                && let Some(place) = schema.maybe_index_of_column(column)
                && sizes[place] > 1
            {
                all += sizes[place];
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(all > PARTS_MAX)
}

fn parts(expr: &Expr) -> Result<usize> {
    let expr = if let Expr::Alias(alias) = expr { &alias.expr } else { expr };
    let mut parts = 0;
    expr.apply(|_| {
        parts += 1;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(parts)
}

/// Whether a column that comes out of a projection stands for too long an expression of what is below all projections.
pub(crate) fn is_too_long(node: &dyn ExecutionPlan) -> Result<bool> {
    let Some(projection) = node.downcast_ref::<ProjectionExec>() else { return Ok(false) };
    Ok(sizes(projection)?.into_iter().any(|size| size > PARTS_MAX))
}

/// The parts that each column of a projection stands for.
fn sizes(projection: &ProjectionExec) -> Result<Vec<usize>> {
    let below = match below(projection.input()) {
        Some(below) => sizes(below)?,
        None => Vec::new(),
    };
    let size = |expr: &Arc<dyn PhysicalExpr>| {
        let mut size: usize = 0;
        expr.apply(|part| {
            let column = part.downcast_ref::<Column>().and_then(|column| below.get(column.index()));
            size = size.saturating_add(column.copied().unwrap_or(1));
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(size)
    };
    projection.expr().iter().map(|item| size(&item.expr)).collect()
}

/// The next projection, under operators that have the columns of their input.
fn below(plan: &Arc<dyn ExecutionPlan>) -> Option<&ProjectionExec> {
    let mut plan = plan;
    loop {
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            return Some(projection);
        }
        let [input] = plan.children()[..] else { return None };
        if input.schema() != plan.schema() {
            return None;
        }
        plan = input;
    }
}
