//! Comparisons with what is the same for all rows on the right, as `x.a = 2` for `2 = x.a`.
//!
//! DataFusion 55.2 writes them so, but not what it says of a key because the other side of a join is compared, nor what a
//! projection makes of a comparison that is pushed through it. A filter then says twice, as `2 = y.a` and as `y.a = 2`, what is
//! taken for two things that cannot both be (`simplify_predicates`), and had no rows. So did `f = 0.0 AND f = -0.0`: it is
//! compared with one zero.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};

use crate::expressions::each_part;
use crate::rules::{LogicalRule, around};
use crate::zeros::positive_zero;

/// The rule that moves filters and puts them together, and sees them so.
pub(crate) fn first(rule: LogicalRule) -> LogicalRule {
    around(rule, |plan, rule| in_filters(plan)?.transform_data(rule))
}

/// The plan with those of the filter that it begins with, and of filters right below.
fn in_filters(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(mut filter) = plan else { return Ok(Transformed::no(plan)) };
    let predicate = each_part(filter.predicate, &turned)?;
    filter.predicate = predicate.data;
    let mut is_new = predicate.transformed;
    if let LogicalPlan::Filter(_) = filter.input.as_ref() {
        let input = in_filters(Arc::unwrap_or_clone(filter.input))?;
        filter.input = Arc::new(input.data);
        is_new |= input.transformed;
    }
    Ok(Transformed::new_transformed(LogicalPlan::Filter(filter), is_new))
}

fn turned(part: Expr) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { return Ok(Transformed::no(part)) };
    let turned = op.swap().filter(|_| !left.any_column_refs() && right.any_column_refs());
    let (left, op, right) = match turned {
        Some(op) => (right, op, left),
        None => (left, op, right),
    };
    let unsigned = positive_zero(&right).filter(|_| op.swap().is_some());
    let is_new = turned.is_some() || unsigned.is_some();
    let right = unsigned.map_or(right, Box::new);
    Ok(Transformed::new_transformed(Expr::BinaryExpr(BinaryExpr { left, op, right }), is_new))
}
