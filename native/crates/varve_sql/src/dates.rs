//! Dates beside moments.
//!
//! A comparison of both makes a moment of the date, in nanoseconds, which reach from 1677 to 2262: one row with the date
//! 9999-12-31 or 0001-01-01 made `valid_to > now()` fail. Such a date is taken for the last or first that there is a moment
//! of, which compares alike.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Cast, InList};
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use crate::expressions::{Rule, each_part_over, rule};

/// Days since 1970 of the last date whose midnight is a moment in nanoseconds; as many before it is the first.
const LAST_DAY: i32 = 106_751;

/// The rule. It comes after those that give values their types.
pub(crate) fn within_moments() -> Rule {
    rule("dates_within_moments", |plan| each_part_over(plan, &compared))
}

fn compared(mut part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let sides: Vec<&mut Expr> = match &mut part {
        // Others of operators want no moments, or give one.
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if !op.is_numerical_operators() => vec![left, right],
        Expr::Between(Between { expr, low, high, .. }) => vec![expr, low, high],
        Expr::InList(InList { expr, list, .. }) => std::iter::once(expr.as_mut()).chain(list).collect(),
        _ => Vec::new(),
    };
    let mut is_new = false;
    for side in sides {
        let Expr::Cast(Cast { expr: date, field }) = side else { continue };
        let is_moment = matches!(field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _));
        if is_moment && date.get_type(schema).is_ok_and(|of| of == DataType::Date32) {
            **date = clamped(std::mem::take(date))?;
            is_new = true;
        }
    }
    Ok(Transformed::new_transformed(part, is_new))
}

fn clamped(date: Expr) -> Result<Expr> {
    let (first, last) = (day(-LAST_DAY), day(LAST_DAY));
    when(date.clone().lt(first.clone()), first).when(date.clone().gt(last.clone()), last).otherwise(date)
}

fn day(number: i32) -> Expr {
    lit(ScalarValue::Date32(Some(number)))
}
