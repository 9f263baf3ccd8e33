//! Joins in which NULL is equal to NULL, as those by IS NOT DISTINCT FROM.
//!
//! Whether it is says one word for all keys of a join. DataFusion 55.2 adds keys by `=` to such a join, which then pairs rows
//! with NULLs in those, too, and takes several joins apart to put them together by the word of one. So its rules that do this
//! do not see such joins.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::logical_expr::{Join, LogicalPlan};

use crate::rules::{LogicalRule, without};

/// The rule, of DataFusion's for logical plans, that sees none of them if it would mix them with others.
pub(crate) fn kept_apart(rule: LogicalRule) -> LogicalRule {
    match rule.name() {
        "extract_equijoin_predicate" => without(rule, has_key),
        "eliminate_cross_join" => without(rule, contains_inner),
        _ => rule,
    }
}

/// Whether the node is such a join.
fn has_key(node: &LogicalPlan) -> Result<bool> {
    Ok(match node {
        LogicalPlan::Join(Join { null_equality, on, .. }) => {
            *null_equality == NullEquality::NullEqualsNull && !on.is_empty()
        }
        _ => false,
    })
}

/// Whether there is one in the plan that others could be put together with.
fn contains_inner(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |=
            has_key(node)? && matches!(node, LogicalPlan::Join(join) if join.join_type == JoinType::Inner);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
