//! Whether what a plan computes is the same when it is computed again. The domain of a query is computed beside the rows around,
//! which find nothing where it differs.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::logical_plan::Distinct;
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Expr, ExprSchemable, Limit, LogicalPlan, Window, WindowFrameUnits,
    WindowFunctionDefinition,
};

use crate::multisets::NUMBER;

/// Whether columns of these types have the same values each time that `plan` is computed.
pub(super) fn is_repeatable(plan: &LogicalPlan, types: &[DataType]) -> Result<bool> {
    let mut is_repeatable = true;
    plan.apply_with_subqueries(|node| {
        is_repeatable &= match node {
            LogicalPlan::Limit(limit) => is_total(limit),
            LogicalPlan::Distinct(Distinct::On(_)) | LogicalPlan::Extension(_) => false,
            LogicalPlan::Aggregate(Aggregate { input, aggr_expr, .. }) => {
                let mut values = aggr_expr.iter();
                values.all(|value| is_exact(value, input.schema(), types))
            }
            LogicalPlan::Window(Window { input, window_expr, .. }) => {
                let mut values = window_expr.iter();
                values.all(|value| is_exact(value, input.schema(), types))
            }
            _ => true,
        };
        node.apply_expressions(|expr| {
            is_repeatable &= !expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if is_repeatable { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_repeatable)
}

/// Whether an order by all columns says which rows a LIMIT keeps, or they are all the same.
fn is_total(limit: &Limit) -> bool {
    let by = match limit.input.as_ref() {
        LogicalPlan::Sort(sort) => sort.expr.iter().map(|by| &by.expr).collect(),
        LogicalPlan::Projection(rows) => {
            return rows.expr.iter().all(|of| matches!(of.clone().unalias(), Expr::Literal(..)));
        }
        _ => Vec::new(),
    };
    are_all(by, limit.input.schema())
}

fn are_all(exprs: Vec<&Expr>, schema: &DFSchema) -> bool {
    schema.columns().into_iter().all(|column| exprs.contains(&&Expr::Column(column)))
}

/// Whether a value over rows of `schema` is the same in whatever order they come, as far as that matters to columns of `types`:
/// the last digits of a sum may differ, and which of some rows is the first.
fn is_exact(value: &Expr, schema: &DFSchema, types: &[DataType]) -> bool {
    match value {
        Expr::Alias(alias) if alias.name == NUMBER => true,
        Expr::Alias(alias) => is_exact(&alias.expr, schema, types),
        Expr::AggregateFunction(call) => is_exact_aggregate(&call.func, value, schema, types),
        Expr::WindowFunction(window) => {
            let WindowFunctionParams { partition_by, order_by, .. } = &window.params;
            let by = partition_by.iter().chain(order_by.iter().map(|by| &by.expr)).collect();
            match &window.fun {
                _ if are_all(by, schema) => true,
                WindowFunctionDefinition::AggregateUDF(function) => {
                    let is_of_peers =
                        order_by.is_empty() || window.params.window_frame.units != WindowFrameUnits::Rows;
                    is_of_peers && is_exact_aggregate(function, value, schema, types)
                }
                WindowFunctionDefinition::WindowUDF(function) => {
                    matches!(function.name(), "rank" | "dense_rank" | "percent_rank" | "cume_dist")
                }
            }
        }
        _ => false,
    }
}

fn is_exact_aggregate(function: &AggregateUDF, value: &Expr, schema: &DFSchema, types: &[DataType]) -> bool {
    let Ok(of) = value.get_type(schema) else { return false };
    match function.name() {
        "count" | "min" | "max" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor" => true,
        "sum" if !of.is_floating() => true,
        _ => !types.contains(&of),
    }
}
