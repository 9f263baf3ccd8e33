//! Queries on the right of a join, by LATERAL, and in its condition.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, JoinType, Result, TableReference, not_impl_err};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan, SubqueryAlias};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::{OptimizerContext, OptimizerRule};

use super::domain::{Domain, Names, projected};
use super::outer::{free_in, from_within, is_closed, lateral};
use super::{forms, in_filter, moved_out, only, simple, with_columns};
use crate::limits;
use crate::values::contains_subquery;

/// `asks` says whether there are queries in the condition.
pub(super) fn in_join(join: Join, asks: bool, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let has_lateral = lateral(&join).is_some();
    if !asks && !has_lateral {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let columns = join.schema.columns();
    let plan = match (asks, join.join_type) {
        (false, _) => with_lateral(join, names)?,
        (true, kind) => {
            let join = if has_lateral { without_lateral(join, names)? } else { join };
            if kind == JoinType::Inner { filtered_after(join, names)? } else { asked_before(join, names)? }
        }
    };
    only(columns, plan).map(Transformed::yes)
}

/// The rows of a lateral join. DataFusion's rule makes a join of it where it can: here, for what comes before that rule does not
/// see which columns such queries name, and takes what they name within a query for that query's.
fn with_lateral(join: Join, names: &Names) -> Result<LogicalPlan> {
    let Some((query, _)) = lateral(&join) else { return Ok(LogicalPlan::Join(join)) };
    let around = join.left.schema();
    let is_simple = !is_closed(query)? && (simple::rows(query, around)? || simple::value(query, around)?);
    let join = LogicalPlan::Join(join);
    let plan = if is_simple {
        DecorrelateLateralJoin::new().rewrite(join, &OptimizerContext::new())?.data
    } else {
        join
    };
    match plan {
        LogicalPlan::Join(join) => without_lateral(join, names).map(LogicalPlan::Join),
        plan => Ok(plan),
    }
}

fn aliased(plan: LogicalPlan, alias: Option<&TableReference>) -> Result<LogicalPlan> {
    Ok(match alias {
        Some(alias) => LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(plan), alias.clone())?),
        None => plan,
    })
}

/// The join with a plan of its own on the right, which may have more columns.
fn without_lateral(join: Join, names: &Names) -> Result<Join> {
    let Some((query, alias)) = lateral(&join) else { return Ok(join) };
    if is_closed(query)? {
        // What LATERAL within it names is its own.
        let right = aliased(query.clone(), alias)?;
        return over(&join, Arc::clone(&join.left), Arc::new(right), join.filter.clone());
    }
    let domain = Domain::of(query, &join.left, names)?;
    let rows = domain.through(query)?;
    let columns = query.schema().columns().into_iter().chain(rows.keys.iter().cloned());
    let right = aliased(projected(columns.map(Expr::Column).collect(), rows.plan)?, alias)?;
    let mut keys = rows.keys;
    if let Some(alias) = alias {
        keys = keys.into_iter().map(|key| Column::new(Some(alias.clone()), key.name)).collect();
    }
    let filter = conjunction(domain.same(&keys).into_iter().chain(join.filter.clone()));
    let join = over(&join, Arc::clone(&join.left), Arc::new(right), filter)?;
    limits::of_plan(&LogicalPlan::Join(join.clone()))?;
    Ok(join)
}

/// An inner join, whose queries may as well be asked about its rows.
fn filtered_after(join: Join, names: &Names) -> Result<LogicalPlan> {
    let (asking, plain) = by_queries(&join);
    let rows = LogicalPlan::Join(Join { filter: conjunction(plain), ..join });
    match conjunction(asking) {
        Some(predicate) => in_filter(Filter::try_new(predicate, Arc::new(rows))?, names),
        None => Ok(rows),
    }
}

/// An outer join. Queries about rows of one side are asked before it, and those about both in a lateral join.
fn asked_before(join: Join, names: &Names) -> Result<LogicalPlan> {
    let (asking, mut conditions) = by_queries(&join);
    let (mut of_left, mut of_right, mut of_both) = (Vec::new(), Vec::new(), Vec::new());
    for part in asking {
        let mut moved = Vec::new();
        let without = moved_out(part.clone(), &mut moved, names)?.data;
        let mut sides = Vec::new();
        for value in &moved {
            let mut named = free_in(value, &DFSchema::empty())?;
            named.extend(value.column_refs().into_iter().cloned());
            let are_of = |side: &LogicalPlan| named.iter().all(|column| side.schema().has_column(column));
            sides.push((are_of(&join.left), are_of(&join.right)));
        }
        if sides.contains(&(false, false)) {
            of_both.push(part);
            continue;
        }
        conditions.push(without);
        for (value, (is_of_left, _)) in moved.into_iter().zip(sides) {
            if is_of_left { of_left.push(value) } else { of_right.push(value) }
        }
    }
    let left = with_columns(join.left.as_ref().clone(), of_left, names)?;
    let right = with_columns(join.right.as_ref().clone(), of_right, names)?;
    let join = over(&join, Arc::new(left), Arc::new(right), conjunction(conditions))?;
    match conjunction(of_both) {
        Some(condition) => among_partners(join, condition, names),
        None => Ok(LogicalPlan::Join(join)),
    }
}

/// An outer join with partners, of those that it has, for which `condition` holds.
fn among_partners(join: Join, condition: Expr, names: &Names) -> Result<LogicalPlan> {
    let columns = join.schema.columns();
    let join = match join.join_type {
        JoinType::Left => join,
        JoinType::Right => {
            let on = join.on.into_iter().map(|(left, right)| (right, left)).collect();
            Join::try_new(
                join.right,
                join.left,
                on,
                join.filter,
                JoinType::Left,
                join.join_constraint,
                join.null_equality,
                join.null_aware,
            )?
        }
        other => {
            return not_impl_err!("a query with columns of both sides in the condition of a {other} join");
        }
    };
    let condition = from_within(condition, join.left.schema())?;
    let partners = in_filter(Filter::try_new(condition, Arc::clone(&join.right))?, names)?;
    let partners = Arc::new(LogicalPlan::Subquery(forms::subquery(partners)));
    let join = over(&join, Arc::clone(&join.left), partners, join.filter.clone())?;
    let joined = LogicalPlan::Join(without_lateral(join, names)?);
    projected(columns.into_iter().map(Expr::Column).collect(), joined)
}

/// The parts of the condition of a join with queries, and those without.
fn by_queries(join: &Join) -> (Vec<Expr>, Vec<Expr>) {
    let parts = join.filter.clone().map(split_conjunction_owned).unwrap_or_default();
    parts.into_iter().partition(contains_subquery)
}

/// A join like `join`.
fn over(join: &Join, left: Arc<LogicalPlan>, right: Arc<LogicalPlan>, filter: Option<Expr>) -> Result<Join> {
    let (on, kind, constraint) = (join.on.clone(), join.join_type, join.join_constraint);
    Join::try_new(left, right, on, filter, kind, constraint, join.null_equality, join.null_aware)
}
