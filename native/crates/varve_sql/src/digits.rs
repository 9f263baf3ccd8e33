//! Numbers that keep the digits that they were written with, for where a decimal is wanted.
//!
//! DataFusion 55.2 makes doubles of what is written with a point: of `12345678901234567890.12` a table of decimals got
//! another number. With all of them decimals, `0.1 * x` would be another type, and doubles written with 17 digits no longer
//! the nearest. So each is a double, unless it is cast to a decimal, or computed or compared with one.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, lit,
};

use crate::expressions::{Rule, each_part_over, rule};

/// The function that such a number is, of its text. No statement can name it.
pub(crate) const AS_WRITTEN: &str = "\u{1}as_written";

/// The function.
pub(crate) fn as_written() -> Arc<ScalarUDF> {
    let text = Signature::exact(vec![DataType::Utf8], Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(AsWritten { signature: text }))
}

/// The rule that makes decimals of them. It comes before those that give values their types.
pub(crate) fn as_decimals() -> Rule {
    rule(
        "numbers_as_decimals",
        |plan| {
            if has_any(&plan)? { each_part_over(plan, &in_part) } else { Ok(plan) }
        },
    )
}

fn has_any(plan: &LogicalPlan) -> Result<bool> {
    let mut has_any = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            has_any |= expr.exists(|part| Ok(text(part).is_some()))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(has_any)
}

fn in_part(mut part: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let is_decimal = |expr: &Expr| expr.get_type(columns).is_ok_and(|of| of.is_decimal());
    let is_other = match &mut part {
        Expr::Cast(cast) if cast.field.data_type().is_decimal() => settle(&mut cast.expr, as_text),
        Expr::TryCast(cast) if cast.field.data_type().is_decimal() => settle(&mut cast.expr, as_text),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if takes_numbers(*op) => {
            let (left_is, right_is) = (is_decimal(left), is_decimal(right));
            left_is && settle(right, as_decimal) || right_is && settle(left, as_decimal)
        }
        Expr::Between(between) if is_decimal(&between.expr) => {
            settle(&mut between.low, as_decimal) | settle(&mut between.high, as_decimal)
        }
        Expr::InList(list) if is_decimal(&list.expr) => {
            list.list.iter_mut().fold(false, |is_other, item| settle(item, as_decimal) | is_other)
        }
        _ => false,
    };
    Ok(if is_other { Transformed::yes(part) } else { Transformed::no(part) })
}

fn takes_numbers(op: Operator) -> bool {
    op.supports_propagation() || op.is_numerical_operators() || op == Operator::IsDistinctFrom
}

/// Puts what `instead` makes of its text in the place of such a number; whether it is one.
fn settle(expr: &mut Expr, instead: fn(&str) -> Option<Expr>) -> bool {
    let other = text(expr).and_then(instead);
    let is_other = other.is_some();
    if let Some(other) = other {
        *expr = other;
    }
    is_other
}

/// The text of such a number.
fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Alias(alias) => text(&alias.expr),
        Expr::ScalarFunction(call) if call.func.name() == AS_WRITTEN => match call.args.as_slice() {
            [Expr::Literal(ScalarValue::Utf8(Some(text)), _)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn as_text(text: &str) -> Option<Expr> {
    Some(lit(text))
}

fn as_decimal(text: &str) -> Option<Expr> {
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = fraction.len();
    let precision = u8::try_from(whole.trim_start_matches('0').len() + scale).ok()?.max(1);
    let scale = i8::try_from(scale).ok()?;
    let data_type = if precision <= 38 {
        DataType::Decimal128(precision, scale)
    } else {
        DataType::Decimal256(precision, scale)
    };
    ScalarValue::from(text).cast_to(&data_type).ok().map(|value| Expr::Literal(value, None))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AsWritten {
    signature: Signature,
}

impl ScalarUDFImpl for AsWritten {
    fn name(&self) -> &'static str {
        AS_WRITTEN
    }

    /// As the column of a double is named.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [Expr::Literal(ScalarValue::Utf8(Some(text)), _)] => Ok(format!("Float64({})", double(text)?)),
            args => Ok(format!("{args:?}")),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args[0].cast_to(&DataType::Float64, None)
    }
}

fn double(text: &str) -> Result<f64> {
    text.parse().map_err(|_| exec_datafusion_err!("{text} is no number"))
}
