//! VALUES with queries among what it lists, as `INSERT INTO t VALUES ((SELECT max(a) + 1 FROM t), 'x')`.
//!
//! DataFusion 55.2 computes rows of VALUES while it plans, when a subquery has no value yet, and ends in an error of its own.
//! So a row with one becomes a query for one row.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Union, Values, cast};

use crate::expressions::{Rule, each_node, rule};

/// The rule. It comes before those that give values their types.
pub(crate) fn as_queries() -> Rule {
    rule("values_as_queries", |plan| each_node(plan, &in_node))
}

fn in_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Values(Values { schema, values }) = node else { return Ok(Transformed::no(node)) };
    let is_asked = |row: &Vec<Expr>| row.iter().any(contains_subquery);
    if !values.iter().any(is_asked) {
        return Ok(Transformed::no(LogicalPlan::Values(Values { schema, values })));
    }
    let (asked, known): (Vec<_>, Vec<_>) = values.into_iter().partition(is_asked);
    let asked = asked.into_iter().map(|row| query(row, &schema).map(Arc::new));
    let mut inputs = asked.collect::<Result<Vec<_>>>()?;
    if !known.is_empty() {
        inputs.push(Arc::new(LogicalPlan::Values(Values { schema: Arc::clone(&schema), values: known })));
    }
    Ok(Transformed::yes(LogicalPlan::Union(Union { inputs, schema })))
}

/// The query for one row, of columns as `schema` has them.
fn query(row: Vec<Expr>, schema: &DFSchema) -> Result<LogicalPlan> {
    let values = row
        .into_iter()
        .zip(schema.fields())
        .map(|(value, field)| cast(value, field.data_type().clone()).alias(field.name()));
    LogicalPlanBuilder::empty(true).project(values)?.build()
}

/// Whether a query stands in an expression.
pub(crate) fn contains_subquery(expr: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)
        ))
    };
    expr.exists(is_subquery).unwrap_or(true)
}
