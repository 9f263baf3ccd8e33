//! Numbers written with more digits than a double holds, as `12345678901234567890.12`.
//!
//! SQL's planner makes doubles of them. They keep their digits in a call of [`crate::digits`] instead, which is a double too,
//! but where a decimal is wanted.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, SelectItem, SetExpr, UnaryOperator, Value, VisitMut, VisitorMut,
};
use varve_types::Result;

use super::parse;
use crate::digits::AS_WRITTEN;

/// Digits that a double always gives back.
const DOUBLE_DIGITS: usize = 15;
/// Digits of the longest decimals.
const DECIMAL_DIGITS: usize = 76;

/// Keeps the digits of such numbers.
pub(crate) fn keep(node: &mut impl VisitMut) {
    super::walk::change(node, &mut Keeping);
}

struct Keeping;

impl VisitorMut for Keeping {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        let kept = long(expr).map(|text| parse::expression(&format!("\"{AS_WRITTEN}\"('{text}')")));
        if let Some(Ok(call)) = kept {
            *expr = call;
        }
        ControlFlow::Continue(())
    }
}

/// Casts what goes into columns of decimals beside such a number, which would become doubles all together; `types` are those of
/// the columns.
pub(super) fn in_columns<'t>(query: &mut Query, types: impl Iterator<Item = &'t DataType>) -> Result<()> {
    for (at, data_type) in types.enumerate() {
        use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
        let (Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale)) = data_type
        else {
            continue;
        };
        let mut column: Vec<&mut Expr> = match query.body.as_mut() {
            SetExpr::Values(values) => {
                values.rows.iter_mut().filter_map(|row| row.content.get_mut(at)).collect()
            }
            SetExpr::Select(select) => match select.projection.get_mut(at) {
                Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => vec![expr],
                _ => continue,
            },
            _ => return Ok(()),
        };
        if column.iter().any(|value| long(value).is_some()) {
            for value in &mut column {
                **value = parse::expression(&format!("CAST({value} AS DECIMAL({precision}, {scale}))"))?;
            }
        }
    }
    Ok(())
}

/// The text of such a number, with its sign.
fn long(expr: &Expr) -> Option<String> {
    let (sign, literal) = match expr {
        Expr::Value(literal) => ("", literal),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(literal) => ("-", literal),
            _ => return None,
        },
        _ => return None,
    };
    let Value::Number(text, _) = &literal.value else { return None };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = whole.chars().chain(fraction.chars()).all(|digit| digit.is_ascii_digit());
    let is_integer = text.parse::<u64>().is_ok();
    let digits = text.trim_matches(['0', '.']).chars().filter(char::is_ascii_digit).count();
    let is_long = is_plain && !is_integer && digits > DOUBLE_DIGITS;
    (is_long && whole.len() + fraction.len() <= DECIMAL_DIGITS).then(|| format!("{sign}{text}"))
}
