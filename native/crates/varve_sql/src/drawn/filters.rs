//! Conditions about such values hold of what they are written over: of pairs that a join found, of groups, of numbered rows.
//!
//! DataFusion 55.2 moves one without columns through everything, so that `SELECT g, count(*) ... GROUP BY g` under
//! `WHERE random() < 0.5` counted half of the rows of all groups. What a filter says of a column that was drawn it asks of what
//! is drawn below, once more: `FROM (SELECT random() AS r FROM t) WHERE r < 0.5` had greater ones. Of that it does the most in
//! the physical plan: see [`crate::pushdown`].

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan};

use crate::rules::{LogicalRule, around, filters};

/// The rule that moves filters, and leaves conditions about such values where they are.
pub(crate) fn left_there(rule: LogicalRule) -> LogicalRule {
    around(rule, |plan, rule| {
        let plan = with_others_below(plan)?;
        if stays(&plan.data) { Ok(plan) } else { plan.transform_data(rule) }
    })
}

/// The plan with such conditions, of the filter or the inner join that it begins with, in a filter above all others.
fn with_others_below(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(_) if is_mixed(&plan) => {
            let (conditions, below) = filters(&plan);
            let parts = conditions.into_iter().rev().flat_map(split_conjunction).cloned();
            let (drawn, others) = parted(parts.collect());
            Ok(Transformed::yes(filtered(drawn, filtered(others, below.clone()))))
        }
        LogicalPlan::Join(mut join) if join.join_type == JoinType::Inner && draws_in_filter(&join) => {
            let (drawn, others) = parted(join.filter.take().map(split_conjunction_owned).unwrap_or_default());
            join.filter = conjunction(others);
            Ok(Transformed::yes(filtered(drawn, LogicalPlan::Join(join))))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

/// Whether the filters that a plan begins with do not have all such conditions in the first one alone.
fn is_mixed(plan: &LogicalPlan) -> bool {
    let (conditions, _) = filters(plan);
    let [first, below @ ..] = conditions.as_slice() else { return false };
    let mut parts = split_conjunction(first).into_iter();
    below.iter().any(|condition| condition.is_volatile())
        || first.is_volatile() && !parts.all(Expr::is_volatile)
}

fn draws_in_filter(join: &Join) -> bool {
    join.filter.as_ref().is_some_and(Expr::is_volatile)
}

fn parted(parts: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    parts.into_iter().partition(Expr::is_volatile)
}

fn filtered(parts: Vec<Expr>, input: LogicalPlan) -> LogicalPlan {
    match conjunction(parts) {
        Some(predicate) => LogicalPlan::Filter(Filter::new(predicate, Arc::new(input))),
        None => input,
    }
}

/// Whether no filter is to be moved from a node: it is one about such values, or over an operator that draws them. Of what a
/// projection draws the rule knows.
fn stays(plan: &LogicalPlan) -> bool {
    let (conditions, below) = filters(plan);
    conditions.into_iter().any(Expr::is_volatile)
        || matches!(below, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Join(_))
            && below.expressions().iter().any(Expr::is_volatile)
}
