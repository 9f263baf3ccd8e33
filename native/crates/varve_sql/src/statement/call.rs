//! CALL: what the database does to itself when it is told so. The schema `varve` has these procedures, beside the relation
//! `varve.adaptations`, which shows what they did.

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};
use varve_types::Result;

use super::constants;
use super::names::{self, Name};
use crate::error::{unknown, unsupported};
use crate::output::Output;
use crate::run::Run;
use crate::system::SYSTEM;

/// Runs a procedure; how many adaptations it made or undid is the number of rows.
///
/// # Errors
/// `SQL_NAME` for a procedure, table or adaptation that is not there, `SQL_UNSUPPORTED` for other arguments, and those of
/// [`varve_table::Database::adapt`].
/// Cost: rewrites segments; others read and write meanwhile.
pub(super) async fn run(run: &Run<'_>, call: Function) -> Result<Output> {
    let Name { schema, name } = names::object(&call.name)?;
    let version = run.engine.database()?.snapshot();
    let args = constants::values(run, version, &arguments(&call)?, &[]).await?;
    let count = match (schema.as_str(), name.as_str(), args.as_slice()) {
        (SYSTEM, "adapt", []) => run.engine.adapt().await?.len(),
        (SYSTEM, "undo_adaptation", [table, ScalarValue::Int64(Some(number))]) => {
            usize::from(undo(run, &table.to_string(), *number).await?)
        }
        (SYSTEM, "adapt" | "undo_adaptation", _) => {
            return Err(unsupported("it is varve.adapt(), and varve.undo_adaptation('table', number)"));
        }
        _ => return Err(unknown("procedure", &call.name.to_string())),
    };
    Ok(Output::done(Some(count as u64)))
}

/// Undoes an adaptation of a table; whether anything of it was left.
async fn undo(run: &Run<'_>, table: &str, number: i64) -> Result<bool> {
    let database = run.engine.database()?;
    let version = names::table(&database.snapshot(), &names::written(table)?)?;
    let number = u64::try_from(number).ok().filter(|number| {
        version.adaptive.as_ref().is_some_and(|adaptive| adaptive.adaptation(*number).is_some())
    });
    let number = number.ok_or_else(|| unknown("adaptation of this number of", table))?;
    database.undo_adaptation(version.table.id, number).await
}

fn arguments(call: &Function) -> Result<Vec<Expr>> {
    let plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Ok(value.clone()),
        other => Err(unsupported(format!("a procedure has no argument {other}"))),
    };
    match &call.args {
        FunctionArguments::None => Ok(Vec::new()),
        FunctionArguments::List(list) => list.args.iter().map(plain).collect(),
        FunctionArguments::Subquery(_) => Err(unsupported("a procedure takes values in brackets")),
    }
}
