//! Aggregates that give a row of no rows, as `SELECT count(*) FROM t` and GROUPING SETS with an empty one, under a filter.
//!
//! What a filter says of the keys of groups may be said of rows before. DataFusion 55.2 takes a condition without columns, as
//! `EXISTS (SELECT ...)` about other tables, for one of these: it leaves no rows then, and the aggregate a row of them. So its
//! rule does not see such filters.

use datafusion::common::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan};

use crate::rules::{LogicalRule, filters, without};

/// The rule that moves filters, and leaves such ones where they are.
pub(crate) fn kept_above(rule: LogicalRule) -> LogicalRule {
    without(rule, is_over_row_of_none)
}

fn is_over_row_of_none(node: &LogicalPlan) -> Result<bool> {
    let (conditions, below) = filters(node);
    let mut parts = conditions.into_iter().flat_map(split_conjunction);
    Ok(parts.any(|part| part.column_refs().is_empty())
        && matches!(below, LogicalPlan::Aggregate(Aggregate { group_expr, .. }) if rows_of_none(group_expr) > 0))
}

/// The rows that an aggregate by `groups` gives of no rows.
pub(crate) fn rows_of_none(groups: &[Expr]) -> usize {
    match groups {
        [] => 1,
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => {
            sets.iter().filter(|set| set.is_empty()).count()
        }
        [Expr::GroupingSet(_)] => 1,
        _ => 0,
    }
}
