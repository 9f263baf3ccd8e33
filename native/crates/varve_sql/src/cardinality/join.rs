//! Rows of joins.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

use super::{Estimate, Learned, Shape, domain, learned};

/// The share of pairs that a condition beside the keys is guessed to leave.
pub(crate) const CONDITION: f64 = 1.0 / 3.0;

/// The share of rows that is guessed to have no partner at least.
const LONELY_MIN: f64 = 0.05;

type Keys<'p> = &'p [(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>)];

/// What a join does, whichever way it does it.
struct Join<'p> {
    on: Keys<'p>,
    has_condition: bool,
    join_type: JoinType,
    projection: Option<&'p [usize]>,
}

impl<'p> Join<'p> {
    fn of(plan: &'p dyn ExecutionPlan) -> Option<Self> {
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            return Some(Self {
                on: join.on(),
                has_condition: join.filter().is_some(),
                join_type: *join.join_type(),
                projection: join.projection.as_deref(),
            });
        }
        if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
            return Some(Self {
                on: join.on(),
                has_condition: join.filter().is_some(),
                join_type: join.join_type(),
                projection: None,
            });
        }
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            return Some(Self {
                on: &[],
                has_condition: join.filter().is_some(),
                join_type: *join.join_type(),
                projection: join.projection().as_deref(),
            });
        }
        plan.downcast_ref::<CrossJoinExec>()?;
        Some(Self { on: &[], has_condition: false, join_type: JoinType::Inner, projection: None })
    }
}

/// The estimate of a join; `None` when the operator is none.
pub(super) fn estimate(
    plan: &dyn ExecutionPlan,
    (left, right): (&Estimate, &Estimate),
    learned: &Learned,
) -> Option<Estimate> {
    let join = Join::of(plan)?;
    let condition = if join.has_condition { CONDITION } else { 1.0 };
    let correction = shape(left, right, join.on).map_or(1.0, |shape| learned.factor(shape));
    let inner = (pairs(left, right, join.on) * correction * condition).min(left.rows * right.rows);
    // Of the rows of one side, those that have a partner: as many as their share of the values is on the other side.
    let values = values(left, right, join.on);
    let with_partner = |one: &Estimate, other: &Estimate| {
        let seen = domain::Domain { values, rows: values, origin: None }.seen_in(other.rows);
        one.rows * (seen / values).min(1.0) * condition
    };
    let rows = match join.join_type {
        JoinType::Inner => inner,
        JoinType::Left => inner.max(left.rows),
        JoinType::Right => inner.max(right.rows),
        JoinType::Full => inner.max(left.rows + right.rows),
        JoinType::LeftSemi => with_partner(left, right),
        JoinType::RightSemi => with_partner(right, left),
        JoinType::LeftAnti => without_partner(left.rows, with_partner(left, right)),
        JoinType::RightAnti => without_partner(right.rows, with_partner(right, left)),
        JoinType::LeftMark => left.rows,
        JoinType::RightMark => right.rows,
    };
    let columns = match join.join_type {
        JoinType::LeftSemi | JoinType::LeftAnti => left.columns.clone(),
        JoinType::RightSemi | JoinType::RightAnti => right.columns.clone(),
        JoinType::LeftMark => [&left.columns[..], &[None]].concat(),
        JoinType::RightMark => [&right.columns[..], &[None]].concat(),
        _ => [&left.columns[..], &right.columns[..]].concat(),
    };
    let columns = match join.projection {
        Some(projection) => projection.iter().map(|at| columns.get(*at).copied().flatten()).collect(),
        None => columns,
    };
    Some(Estimate { rows, columns })
}

/// That every row has a partner is never certain.
fn without_partner(rows: f64, with: f64) -> f64 {
    (rows - with).max(rows * LONELY_MIN)
}

/// Of how many values the keys of a join are together.
fn values(left: &Estimate, right: &Estimate, on: Keys<'_>) -> f64 {
    if on.is_empty() {
        return 1.0;
    }
    let of_left = domain::of_all(on.iter().map(|(key, _)| key), &left.columns);
    let of_right = domain::of_all(on.iter().map(|(_, key)| key), &right.columns);
    domain::common(of_left, of_right).unwrap_or_else(|| left.rows.max(right.rows).max(1.0))
}

/// How many pairs of rows have the same keys.
pub(super) fn pairs(left: &Estimate, right: &Estimate, on: Keys<'_>) -> f64 {
    left.rows * right.rows / values(left, right, on)
}

/// What corrections of a join belong to: the columns that are its keys, whichever side they are on. `None` when they are
/// not all columns of tables.
pub(super) fn shape(left: &Estimate, right: &Estimate, on: Keys<'_>) -> Option<Shape> {
    let origin = |key, side: &Estimate| domain::of_expr(key, &side.columns)?.origin;
    let pairs = on.iter().map(|(one, other)| Some((origin(one, left)?, origin(other, right)?)));
    edges(pairs.collect::<Option<Vec<_>>>()?)
}

/// The same of pairs of columns.
pub(crate) fn edges(pairs: Vec<(Shape, Shape)>) -> Option<Shape> {
    let mut pairs: Vec<_> = pairs.into_iter().map(|(one, other)| (one.min(other), one.max(other))).collect();
    pairs.sort_unstable();
    (!pairs.is_empty()).then(|| learned::shape(pairs))
}
