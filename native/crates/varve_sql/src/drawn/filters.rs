//! Conditions about such values hold of what they are written over: of pairs that a join found, of groups, of numbered rows.
//!
//! DataFusion 55.2 moves one without columns through everything, so that `SELECT g, count(*) ... GROUP BY g` under
//! `WHERE random() < 0.5` counted half of the rows of all groups. What a filter says of a column that was drawn it asks of what
//! is drawn below, once more: `FROM (SELECT random() AS r FROM t) WHERE r < 0.5` had greater ones. Of that it does the most in
//! the physical plan: see [`crate::pushdown`].

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan};

use crate::rules::{LogicalRule, around};

/// The rule, of DataFusion's for logical plans, that leaves conditions about such values where they are if it moves filters.
pub(crate) fn left_there(rule: LogicalRule) -> LogicalRule {
    if rule.name() != "push_down_filter" {
        return rule;
    }
    around(rule, |plan, rule| {
        let plan = with_others_below(plan)?;
        if stays(&plan.data) { Ok(plan) } else { plan.transform_data(rule) }
    })
}

/// The plan with such conditions, of the filter or the inner join that it begins with, in a filter above all others.
fn with_others_below(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(Filter { predicate, input, .. }) if is_mixed(&predicate, &input) => {
            let mut parts = split_conjunction_owned(predicate);
            let mut input = input;
            while let LogicalPlan::Filter(Filter { predicate, input: below, .. }) = input.as_ref() {
                parts.splice(0..0, split_conjunction_owned(predicate.clone()));
                input = Arc::clone(below);
            }
            let (drawn, others) = parted(parts);
            Ok(Transformed::yes(filtered(drawn, Arc::new(filtered(others, input)))))
        }
        LogicalPlan::Join(mut join) if join.join_type == JoinType::Inner && draws_in_filter(&join) => {
            let (drawn, others) = parted(join.filter.take().map(split_conjunction_owned).unwrap_or_default());
            join.filter = conjunction(others);
            Ok(Transformed::yes(filtered(drawn, Arc::new(LogicalPlan::Join(join)))))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

/// Whether a filter and those right below it do not have all such conditions in the first one alone.
fn is_mixed(predicate: &Expr, input: &LogicalPlan) -> bool {
    let mut below = input;
    while let LogicalPlan::Filter(Filter { predicate, input, .. }) = below {
        if predicate.is_volatile() {
            return true;
        }
        below = input;
    }
    let (drawn, others) = parted(split_conjunction_owned(predicate.clone()));
    !drawn.is_empty() && !others.is_empty()
}

fn draws_in_filter(join: &Join) -> bool {
    join.filter.as_ref().is_some_and(Expr::is_volatile)
}

fn parted(parts: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    parts.into_iter().partition(Expr::is_volatile)
}

fn filtered(parts: Vec<Expr>, input: Arc<LogicalPlan>) -> LogicalPlan {
    match conjunction(parts) {
        Some(predicate) => LogicalPlan::Filter(Filter::new(predicate, input)),
        None => Arc::unwrap_or_clone(input),
    }
}

/// Whether no filter is to be moved from a node: it is one about such values, or over an operator that draws them. Of what a
/// projection draws the rule knows.
fn stays(plan: &LogicalPlan) -> bool {
    let mut below = plan;
    while let LogicalPlan::Filter(Filter { predicate, input, .. }) = below {
        if predicate.is_volatile() {
            return true;
        }
        below = input;
    }
    matches!(below, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Join(_))
        && below.expressions().iter().any(Expr::is_volatile)
}
