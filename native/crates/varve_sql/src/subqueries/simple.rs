//! Which queries DataFusion's own rules take out of an expression, so that the answer is right.
//!
//! These pull what a query's filters ask of the query around it up to the join that replaces it
//! (`PullUpCorrelatedExpr` of DataFusion 55.2). Past a LIMIT, a window, an outer join, UNION or a second aggregation that is
//! not possible, and some of it is done all the same: `EXISTS (... HAVING count(*) = 0)` was never true. And the columns that
//! they pull up get the name of one table, the query's: of `a.s` and `b.s` in one filter it took the same for both.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result};
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::utils::{merge_schema, split_conjunction};
use datafusion::logical_expr::{Aggregate, Expr, Filter, LogicalPlan, Operator};

use super::outer::{free, free_in, is_closed, lateral};
use crate::values::contains_subquery;

/// Whether that goes for the rows of `plan`, in a filter or a lateral join over rows of `around`.
pub(super) fn rows(plan: &LogicalPlan, around: &DFSchema) -> Result<bool> {
    Ok(is_within(plan, around)? && path(plan, false)? && are_told_apart(plan)?)
}

/// Whether that goes for the one value of `plan`.
pub(super) fn value(plan: &LogicalPlan, around: &DFSchema) -> Result<bool> {
    Ok(is_within(plan, around)? && aggregated(plan)? && are_told_apart(plan)?)
}

fn is_within(plan: &LogicalPlan, around: &DFSchema) -> Result<bool> {
    Ok(free(plan)?.iter().all(|column| around.has_column(column)))
}

/// Whether no two of the columns that `plan` shows, and of those that are pulled up, have one name.
fn are_told_apart(plan: &LogicalPlan) -> Result<bool> {
    let mut columns: BTreeSet<Column> = plan.schema().columns().into_iter().collect();
    plan.apply(|node| {
        if is_closed(node)? {
            return Ok(TreeNodeRecursion::Jump);
        }
        if let LogicalPlan::Filter(Filter { predicate, input, .. }) = node {
            for part in split_conjunction(predicate) {
                if !free_in(part, input.schema())?.is_empty() {
                    columns.extend(part.column_refs().into_iter().cloned());
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let names: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Ok(names.len() == columns.len())
}

fn aggregated(plan: &LogicalPlan) -> Result<bool> {
    match plan {
        LogicalPlan::Projection(projection) => {
            Ok(are_closed(&projection.expr, plan)? && aggregated(&projection.input)?)
        }
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
            Ok(group_expr.is_empty() && are_closed(aggr_expr, plan)? && path(input, true)?)
        }
        _ => Ok(false),
    }
}

/// Whether all that `plan` asks of the query around it stands in filters that can be pulled up; only equalities can be, past
/// an aggregation.
fn path(plan: &LogicalPlan, only_equalities: bool) -> Result<bool> {
    if is_closed(plan)? {
        return Ok(true);
    }
    match plan {
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            for part in split_conjunction(predicate) {
                let named = free_in(part, input.schema())?;
                let can_be = named.is_empty()
                    || !contains_subquery(part)
                        && !named.iter().any(|column| input.schema().has_column(column))
                        && (!only_equalities || is_equality(part))
                        && !is_left_out(part);
                if !can_be {
                    return Ok(false);
                }
            }
            path(input, only_equalities)
        }
        LogicalPlan::Projection(projection) => {
            Ok(are_closed(&projection.expr, plan)? && path(&projection.input, only_equalities)?)
        }
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner && lateral(join).is_none() => {
            let sides = join.on.iter().flat_map(|(left, right)| [left, right]);
            Ok(are_closed(sides.chain(&join.filter), plan)?
                && path(&join.left, only_equalities)?
                && path(&join.right, only_equalities)?)
        }
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
            let is_plain = !group_expr.is_empty() && !matches!(group_expr[..], [Expr::GroupingSet(_)]);
            Ok(is_plain && are_closed(group_expr.iter().chain(aggr_expr), plan)? && path(input, true)?)
        }
        _ => Ok(false),
    }
}

fn are_closed<'e>(exprs: impl IntoIterator<Item = &'e Expr>, node: &LogicalPlan) -> Result<bool> {
    let own = merge_schema(&node.inputs());
    for expr in exprs {
        if !free_in(expr, &own)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether DataFusion takes a condition for true, as `x = x`, which is not true of NULL (`find_join_exprs`).
fn is_left_out(condition: &Expr) -> bool {
    matches!(condition, Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if left == right)
}

/// Whether a condition says that a column is something that no other column has a part in.
fn is_equality(condition: &Expr) -> bool {
    let is_column = |side: &Expr| match side {
        Expr::Cast(Cast { expr, .. }) => matches!(expr.as_ref(), Expr::Column(_)),
        side => matches!(side, Expr::Column(_)),
    };
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            is_column(left) && !right.any_column_refs() || is_column(right) && !left.any_column_refs()
        }
        _ => false,
    }
}
