//! INTERSECT ALL and EXCEPT ALL: a row that is there m times on the left and n times on the right comes out min(m, n) times,
//! and max(m - n, 0) times.
//!
//! DataFusion 55.2 makes a semi or anti join of them, which lets all m through, or none. So the rows of both sides that are
//! equal are numbered, and those of one number are joined.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder};

use crate::expressions::{Rule, each_node, rule};

/// The number of a row among those equal to it: whichever of them has it, the rows of one number are the same.
pub(crate) const NUMBER: &str = "\u{1}number";

/// The rule. It comes after those that give values their types, and before subqueries become joins.
pub(crate) fn by_number() -> Rule {
    rule("multisets_by_number", |plan| each_node(plan, &in_node))
}

fn in_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(join) = &node else { return Ok(Transformed::no(node)) };
    if !is_of_all(join) {
        return Ok(Transformed::no(node));
    }
    let (of_left, of_right): (Vec<_>, Vec<_>) = join.on.iter().cloned().unzip();
    let left = numbered(&join.left, of_left)?;
    let right = numbered(&join.right, of_right)?;
    let number = Expr::Column(Column::new_unqualified(NUMBER));
    let joined = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        join.on.iter().cloned().chain([(number.clone(), number)]).collect(),
        None,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    let columns = join.left.schema().columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build().map(Transformed::yes)
}

/// Whether a join is such a set operation: by all columns, with NULL equal to NULL. Where no row of the left side is there twice
/// it is the one without ALL.
fn is_of_all(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        && join.on.len() == join.left.schema().fields().len()
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(_))
}

/// The rows with their number among those with the same `values`.
fn numbered(plan: &Arc<LogicalPlan>, values: Vec<Expr>) -> Result<LogicalPlan> {
    let mut number = WindowFunction::new(row_number_udwf(), Vec::new());
    number.params.partition_by = values;
    LogicalPlanBuilder::from(Arc::clone(plan)).window([Expr::from(number).alias(NUMBER)])?.build()
}
