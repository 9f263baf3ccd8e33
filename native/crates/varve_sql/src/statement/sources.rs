//! Parameters of functions in FROM, as `read_csv($1)` and `generate_series(1, $1)`.
//!
//! Such a function tells its columns when a statement is planned, which depend on what it is called with. So the values of its
//! parameters are put in before, and a statement with one has none without them.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr, Statement, TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use varve_types::{ErrorCode, Result, VarveError};

use super::walk::{change, change_expressions};
use super::{parse, quotes};
use crate::param::Params;

/// Puts them in.
///
/// # Errors
/// `SQL_UNSUPPORTED` for one without a value, or with one of a type that no text stands for.
pub(crate) fn put_in(statement: &mut Statement, params: &Params) -> Result<()> {
    let mut sources = Sources { params, missing: None };
    change(statement, &mut sources);
    let Some(name) = sources.missing else { return Ok(()) };
    let message = format!("{name} has no value that a function in FROM could be planned with");
    Err(VarveError::new(
        ErrorCode::SqlUnsupported,
        message,
        "give it with the statement, without preparing that",
    ))
}

struct Sources<'p> {
    params: &'p Params,
    missing: Option<String>,
}

impl VisitorMut for Sources<'_> {
    type Break = Infallible;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Infallible> {
        match factor {
            TableFactor::Table { args: Some(args), .. } => self.put_into(&mut args.args),
            TableFactor::Function { args, .. } => self.put_into(args),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Sources<'_> {
    fn put_into(&mut self, args: &mut impl VisitMut) {
        change_expressions(args, |expr| {
            let Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) = expr else { return };
            match self.params.value(name).and_then(written) {
                Some(written) => *expr = written,
                None => self.missing = Some(std::mem::take(name)),
            }
        });
    }
}

/// A value as a statement has it.
fn written(value: &ScalarValue) -> Option<Expr> {
    let text = value.cast_to(&DataType::Utf8).ok()?;
    let ScalarValue::Utf8(Some(text)) = text else { return Some(Expr::value(Value::Null)) };
    let cast = |to: &str| parse::expression(&format!("CAST({} AS {to})", quotes::written(&text))).ok();
    match value.data_type() {
        DataType::Boolean => Some(Expr::value(Value::Boolean(text == "true"))),
        of if of.is_numeric() => Some(Expr::value(Value::Number(text, false))),
        of if of.is_string() => Some(Expr::value(Value::SingleQuotedString(text))),
        DataType::Date32 => cast("DATE"),
        DataType::Timestamp(_, None) => cast("TIMESTAMP"),
        DataType::Timestamp(_, Some(_)) => cast("TIMESTAMP WITH TIME ZONE"),
        _ => None,
    }
}
