//! SET and RESET of options.

use datafusion::sql::sqlparser::ast::{Expr, Reset, Set, Statement, UnaryOperator, Value};
use varve_types::Result;

use super::Parsed;
use crate::engine::Engine;
use crate::error::unsupported;
use crate::output::Output;
use crate::settings::TIME_ZONE;

/// Whether a statement is about options.
pub(crate) fn is_about_options(statement: &Parsed) -> bool {
    matches!(statement, Statement::Set(_) | Statement::Reset(_))
}

/// Runs it. It is no part of a transaction.
///
/// # Errors
/// `SQL_UNSUPPORTED`, `SQL_NAME`, `SQL_VALUE`.
pub(crate) fn run(engine: &Engine, statement: &Parsed) -> Result<Output> {
    let settings = engine.settings();
    match statement {
        Statement::Reset(of) => match &of.reset {
            Reset::ALL => settings.reset()?,
            Reset::ConfigurationParameter(name) => settings.set(&name.to_string(), None)?,
        },
        Statement::Set(Set::SetTimeZone { local: false, value }) => {
            settings.set(TIME_ZONE, value_of(value)?.as_deref())?;
        }
        Statement::Set(Set::SingleAssignment { scope: None, hivevar: false, variable, values }) => {
            let [value] = values.as_slice() else { return Err(unsupported("an option has one value")) };
            settings.set(&variable.to_string(), value_of(value)?.as_deref())?;
        }
        other => return Err(unsupported(format!("{other} is not there: it is SET option = value"))),
    }
    Ok(Output::done(None))
}

/// The value as it is written; `None` for DEFAULT.
fn value_of(value: &Expr) -> Result<Option<String>> {
    Ok(match value {
        Expr::Identifier(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default") =>
        {
            None
        }
        Expr::Identifier(word) => Some(word.value.clone()),
        Expr::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus, .. } => Some(value.to_string()),
        Expr::Value(literal) => Some(match &literal.value {
            Value::Boolean(value) => value.to_string(),
            Value::Number(digits, _) => digits.to_string(),
            text => text
                .clone()
                .into_string()
                .ok_or_else(|| unsupported(format!("an option is not set to {value}")))?,
        }),
        other => return Err(unsupported(format!("an option is set to a value, not to {other}"))),
    })
}
