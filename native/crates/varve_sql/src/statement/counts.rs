//! Counts, which are BIGINT.
//!
//! `count(*)` is one in DataFusion 55.2, while `rank()`, `array_length(l)` and others are BIGINT UNSIGNED: an integer minus one
//! of these was a decimal, and the negative of one an error. They are cast where they are called.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{CastKind, DataType, Expr, Function, Statement};

use super::names;
use super::walk::change_expressions;

/// Functions that count without a sign, in order.
const COUNTS: [&str; 16] = [
    "approx_distinct",
    "array_indexof",
    "array_length",
    "array_ndims",
    "array_position",
    "cardinality",
    "dense_rank",
    "json_length",
    "list_indexof",
    "list_length",
    "list_ndims",
    "list_position",
    "ntile",
    "rank",
    "regr_count",
    "row_number",
];

/// Casts them. What is cast already stays as it is.
pub(super) fn settle(statement: &mut Statement) {
    change_expressions(statement, |expr| match expr {
        Expr::Cast { expr: inner, .. } => {
            if let Expr::Cast { expr: call, data_type: DataType::BigInt(None), .. } = inner.as_mut()
                && is_count(call)
            {
                *inner = std::mem::replace(call, Box::new(Expr::Wildcard(AttachedToken::empty())));
            }
        }
        call if is_count(call) => {
            let inner = std::mem::replace(call, Expr::Wildcard(AttachedToken::empty()));
            *call = bigint(inner);
        }
        _ => {}
    });
}

fn bigint(expr: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type: DataType::BigInt(None),
        array: false,
        format: None,
    }
}

fn is_count(expr: &Expr) -> bool {
    let Expr::Function(Function { name, .. }) = expr else { return false };
    names::column(name).is_ok_and(|name| COUNTS.binary_search(&name.as_str()).is_ok())
}
