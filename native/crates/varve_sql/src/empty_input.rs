//! Aggregates that give a row of no rows, as `SELECT count(*) FROM t` and GROUPING SETS with an empty one, under a filter.
//!
//! What a filter says of the keys of groups may be said of rows before. DataFusion 55.2 takes a condition without columns, as
//! `EXISTS (SELECT ...)` about other tables, for one of these: it leaves no rows then, and the aggregate a row of them. So its
//! rule does not see such filters.

use datafusion::common::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Expr, Filter, GroupingSet, LogicalPlan};

use crate::rules::{LogicalRule, without};

/// The rule, of DataFusion's for logical plans, that leaves such filters where they are if it moves filters.
pub(crate) fn kept_above(rule: LogicalRule) -> LogicalRule {
    if rule.name() == "push_down_filter" { without(rule, is_over_row_of_none) } else { rule }
}

fn is_over_row_of_none(node: &LogicalPlan) -> Result<bool> {
    let (mut input, mut is_without_columns) = (node, false);
    while let LogicalPlan::Filter(Filter { predicate, input: below, .. }) = input {
        is_without_columns |= split_conjunction(predicate).iter().any(|part| part.column_refs().is_empty());
        input = below;
    }
    Ok(is_without_columns
        && matches!(input, LogicalPlan::Aggregate(Aggregate { group_expr, .. }) if rows_of_none(group_expr) > 0))
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
