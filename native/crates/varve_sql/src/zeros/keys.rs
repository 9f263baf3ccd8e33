//! Keys by which rows are sorted.
//!
//! DataFusion 55.2 and Arrow sort numbers totally, -0.0 before 0.0, while `=` and `<` take both for one. `ORDER BY x, k` put
//! the zeros into two groups, each with an order of its own; with LIMIT rows were lost, since what is not below the last row
//! is not read; a rank was another, and a window's partition two; and of a join's rows that were merged in that order by
//! several keys some did not meet. So the sum of a key and 0.0, which is never -0.0, stands for the key. The last key of
//! ORDER BY may stay: rows whose keys are equal come in any order.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Sort as Key;
use datafusion::logical_expr::{
    Distinct, Expr, ExprSchemable, LogicalPlan, Operator, WindowFunctionDefinition, lit,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal};

use crate::expressions::{Rule, each_node_over, each_part_of, rule};

/// Functions that ask for the place of a row among others and not for the rows whose keys are equal.
const BY_PLACE: [&str; 4] = ["row_number", "lag", "lead", "ntile"];

/// The rule. It comes after those that give values their types.
pub(crate) fn one_zero() -> Rule {
    rule("one_zero_in_keys", |plan| each_node_over(plan, &in_node))
}

fn in_node(node: LogicalPlan, columns: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Sort(mut sort) => {
            let is_changed = but_the_last(&mut sort.expr, columns)?;
            Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), is_changed))
        }
        LogicalPlan::Distinct(Distinct::On(mut on)) => {
            // What is to be distinct is what the keys begin with, and has to stay so.
            let keys = on.sort_expr.iter_mut().flatten().map(|key| &mut key.expr);
            let is_changed = all(on.on_expr.iter_mut().chain(keys), columns)?;
            Ok(Transformed::new_transformed(LogicalPlan::Distinct(Distinct::On(on)), is_changed))
        }
        node @ (LogicalPlan::Window(_) | LogicalPlan::Aggregate(_)) => {
            each_part_of(node, &|part| in_function(part, columns))
        }
        node => Ok(Transformed::no(node)),
    }
}

fn in_function(part: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    match part {
        Expr::WindowFunction(mut function) => {
            let params = &mut function.params;
            let partitions = all(params.partition_by.iter_mut(), columns)?;
            let keys = if is_by_place(&function.fun) {
                but_the_last(&mut params.order_by, columns)?
            } else {
                all(params.order_by.iter_mut().map(|key| &mut key.expr), columns)?
            };
            Ok(Transformed::new_transformed(Expr::WindowFunction(function), partitions || keys))
        }
        // What is distinct is sorted by its own values, and so is what a function asks for within its group.
        Expr::AggregateFunction(mut function) if !function.params.distinct => {
            let is_changed = but_the_last(&mut function.params.order_by, columns)?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(function), is_changed))
        }
        part => Ok(Transformed::no(part)),
    }
}

fn is_by_place(function: &WindowFunctionDefinition) -> bool {
    BY_PLACE.contains(&function.name())
}

fn but_the_last(keys: &mut [Key], columns: &DFSchema) -> Result<bool> {
    let before = keys.len().saturating_sub(1);
    all(keys[..before].iter_mut().map(|key| &mut key.expr), columns)
}

/// Makes the zeros of all keys one; whether any key may have two.
fn all<'k>(keys: impl Iterator<Item = &'k mut Expr>, columns: &DFSchema) -> Result<bool> {
    let mut is_changed = false;
    for key in keys {
        // A parameter may have no type yet.
        let Ok(data_type) = key.get_type(columns) else { continue };
        let Some(zero) = zero_of(&data_type)? else { continue };
        *key = std::mem::take(key) + lit(zero);
        is_changed = true;
    }
    Ok(is_changed)
}

/// `key`, of which both zeros are one if it is a floating point number.
pub(crate) fn with_one_zero(
    key: Arc<dyn PhysicalExpr>,
    data_type: &DataType,
) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(match zero_of(data_type)? {
        Some(zero) => Arc::new(BinaryExpr::new(key, Operator::Plus, Arc::new(Literal::new(zero)))),
        None => key,
    })
}

fn zero_of(data_type: &DataType) -> Result<Option<ScalarValue>> {
    data_type.is_floating().then(|| ScalarValue::new_zero(data_type)).transpose()
}
