//! Windows over the same columns, by some of which one parts rows and another orders them.
//!
//! `sum(x) OVER (PARTITION BY a)` and `sum(x) OVER (ORDER BY a ...)`, of one frame, are one expression to DataFusion 55.2, which
//! compares what both have of such a list (`NormalizeEq`). It computed that once, outside of a window, and the statement was
//! refused. So its rule does not see plans with such a pair.

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::rules::{LogicalRule, without};

/// The rule, of DataFusion's for logical plans, that does not see such plans if it looks for what is computed twice.
pub(crate) fn told_apart(rule: LogicalRule) -> LogicalRule {
    if rule.name() == "common_sub_expression_eliminate" { without(rule, contains_alike) } else { rule }
}

fn contains_alike(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let functions = windows_from(node);
        found = functions.iter().enumerate().any(|(at, one)| {
            functions[..at].iter().any(|other| {
                one.params.partition_by.len() != other.params.partition_by.len()
                    && are_taken_for_one(one, other)
            })
        });
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The functions of the windows that `node` begins with, one right above the other.
fn windows_from(mut node: &LogicalPlan) -> Vec<&WindowFunction> {
    let mut functions = Vec::new();
    while let LogicalPlan::Window(window) = node {
        functions.extend(window.window_expr.iter().filter_map(|expr| match expr {
            Expr::WindowFunction(function) => Some(function.as_ref()),
            _ => None,
        }));
        node = &window.input;
    }
    functions
}

fn are_taken_for_one(one: &WindowFunction, other: &WindowFunction) -> bool {
    one.fun == other.fun
        && one.params.window_frame == other.params.window_frame
        && values(one).eq(values(other))
}

/// All that a window is computed of.
fn values(function: &WindowFunction) -> impl Iterator<Item = &Expr> {
    let params = &function.params;
    let keys = params.order_by.iter().map(|key| &key.expr);
    params.args.iter().chain(&params.partition_by).chain(keys).chain(params.filter.as_deref())
}
