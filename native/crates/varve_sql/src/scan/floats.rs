//! Comparisons of floating point numbers, in the order of Vortex.
//!
//! To SQL the two zeros are one number, as in PostgreSQL and in the kernels of Arrow; Vortex orders numbers totally, -0.0
//! before 0.0. NaN is greater than all others and equal to itself in both. A comparison with a literal zero is therefore
//! made one with the outer of the two, and one between two columns is left to DataFusion.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::expressions::{BinaryExpr, InListExpr, Literal};

/// `expr` for an engine that orders floating point numbers totally; `None` when it cannot be said.
pub(super) fn in_total_order(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let is_sayable = Cell::new(true);
    let ordered = Arc::clone(expr).transform_up(|node| {
        let rewritten = if let Some(binary) = node.downcast_ref::<BinaryExpr>() {
            comparison(binary, schema)?
        } else if let Some(list) = node.downcast_ref::<InListExpr>() {
            membership(list, schema)?
        } else {
            Rewritten::AsItIs
        };
        Ok(match rewritten {
            Rewritten::AsItIs => Transformed::no(node),
            Rewritten::To(expr) => Transformed::yes(expr),
            Rewritten::Unsayable => {
                is_sayable.set(false);
                Transformed::no(node)
            }
        })
    })?;
    Ok(is_sayable.get().then_some(ordered.data))
}

enum Rewritten {
    AsItIs,
    To(Arc<dyn PhysicalExpr>),
    Unsayable,
}

fn comparison(binary: &BinaryExpr, schema: &Schema) -> Result<Rewritten> {
    let (left, right, op) = (binary.left(), binary.right(), *binary.op());
    if op.is_logic_operator() || op.is_numerical_operators() || !left.data_type(schema)?.is_floating() {
        return Ok(Rewritten::AsItIs);
    }
    let (value, op, literal) = match (literal(left), literal(right), op.swap()) {
        (_, Some(literal), _) => (left, op, literal),
        (Some(literal), None, Some(op)) => (right, op, literal),
        _ => return Ok(Rewritten::Unsayable),
    };
    let Some((negative, positive)) = zeros(literal) else { return Ok(Rewritten::AsItIs) };
    let to = |op, bound: &ScalarValue| -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(Arc::clone(value), op, Arc::new(Literal::new(bound.clone()))))
    };
    Ok(Rewritten::To(match op {
        Operator::Lt | Operator::GtEq => to(op, &negative),
        Operator::LtEq | Operator::Gt => to(op, &positive),
        Operator::Eq => Arc::new(BinaryExpr::new(
            to(Operator::GtEq, &negative),
            Operator::And,
            to(Operator::LtEq, &positive),
        )),
        Operator::NotEq => {
            Arc::new(BinaryExpr::new(to(Operator::Lt, &negative), Operator::Or, to(Operator::Gt, &positive)))
        }
        _ => return Ok(Rewritten::Unsayable),
    }))
}

fn membership(list: &InListExpr, schema: &Schema) -> Result<Rewritten> {
    if !list.expr().data_type(schema)?.is_floating() {
        return Ok(Rewritten::AsItIs);
    }
    let mut items = list.list().to_vec();
    for item in list.list() {
        let Some(literal) = literal(item) else { return Ok(Rewritten::Unsayable) };
        if let Some((negative, positive)) = zeros(literal) {
            items.push(Arc::new(Literal::new(negative)));
            items.push(Arc::new(Literal::new(positive)));
        }
    }
    if items.len() == list.list().len() {
        return Ok(Rewritten::AsItIs);
    }
    let both = InListExpr::try_new(Arc::clone(list.expr()), items, list.negated(), schema)?;
    Ok(Rewritten::To(Arc::new(both)))
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

/// Both zeros of the type of `value`, the negative one first, when it is one of them.
pub(super) fn zeros(value: &ScalarValue) -> Option<(ScalarValue, ScalarValue)> {
    match value {
        ScalarValue::Float64(Some(0.0)) => {
            Some((ScalarValue::Float64(Some(-0.0)), ScalarValue::Float64(Some(0.0))))
        }
        ScalarValue::Float32(Some(0.0)) => {
            Some((ScalarValue::Float32(Some(-0.0)), ScalarValue::Float32(Some(0.0))))
        }
        _ => None,
    }
}

/// `value`, but for a zero the lower or the upper one.
pub(super) fn outer(value: &ScalarValue, is_lower: bool) -> ScalarValue {
    match zeros(value) {
        Some((negative, positive)) => {
            if is_lower {
                negative
            } else {
                positive
            }
        }
        None => value.clone(),
    }
}

/// Whether a floating point number of 4 or 8 bytes is not NaN.
pub(super) fn is_number(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float64(Some(number)) => !number.is_nan(),
        ScalarValue::Float32(Some(number)) => !number.is_nan(),
        _ => false,
    }
}

/// The least or the greatest number of a floating point type of 4 or 8 bytes; `None` for other types.
pub(super) fn infinity(data_type: &DataType, is_negative: bool) -> Option<ScalarValue> {
    let number = if is_negative { f64::NEG_INFINITY } else { f64::INFINITY };
    match data_type {
        DataType::Float64 => Some(ScalarValue::Float64(Some(number))),
        DataType::Float32 => Some(ScalarValue::Float32(Some(number as f32))),
        _ => None,
    }
}
