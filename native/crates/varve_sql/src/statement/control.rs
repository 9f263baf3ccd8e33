//! BEGIN, COMMIT, ROLLBACK and savepoints.

use datafusion::sql::sqlparser::ast::{Ident, Statement};
use varve_types::{ErrorCode, Result, VarveError};

use super::{Parsed, names};
use crate::engine::Engine;
use crate::output::Output;
use crate::session::OpenTransaction;

/// Whether a statement is about the transaction itself.
pub(crate) fn is_control(statement: &Parsed) -> bool {
    matches!(
        statement,
        Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. }
    )
}

/// Whether a statement begins or ends a transaction.
pub(crate) fn is_end(statement: &Parsed) -> bool {
    matches!(
        statement,
        Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { savepoint: None, .. }
    )
}

/// The error of a statement that begins or ends a transaction where it may not.
pub(crate) fn refused(statement: &Parsed) -> VarveError {
    state(
        &format!("{statement} cannot be a statement of its own here: it would be forgotten with it"),
        "use the function transaction(...), which commits at its end and rolls back when it throws",
    )
}

/// Begins a transaction at a snapshot; it takes the writer at its first change.
pub(crate) fn begin(engine: &Engine, open: &mut Option<OpenTransaction>) -> Result<()> {
    if open.is_some() {
        return Err(state("a transaction is open already", "COMMIT or ROLLBACK it, or use SAVEPOINT"));
    }
    *open = Some(OpenTransaction::new(engine.database()?.begin_reading()));
    Ok(())
}

/// Ends the open transaction and makes its changes durable.
pub(crate) async fn commit(open: &mut Option<OpenTransaction>) -> Result<()> {
    open.take().ok_or_else(none_open)?.transaction.commit().await.map(|_| ())
}

/// Runs it.
pub(crate) async fn run(
    engine: &Engine,
    open: &mut Option<OpenTransaction>,
    statement: Parsed,
) -> Result<Output> {
    match statement {
        Statement::StartTransaction { .. } => begin(engine, open)?,
        Statement::Commit { .. } => commit(open).await?,
        Statement::Rollback { savepoint: None, .. } => drop(open.take().ok_or_else(none_open)?),
        Statement::Rollback { savepoint: Some(name), .. } => {
            let open = open.as_mut().ok_or_else(none_open)?;
            let at = position(open, &name)?;
            open.savepoints.truncate(at + 1);
            let savepoint = open.savepoints[at].1.clone();
            open.transaction.roll_back_to(&savepoint);
        }
        Statement::Savepoint { name } => {
            let open = open.as_mut().ok_or_else(none_open)?;
            let savepoint = open.transaction.savepoint();
            open.savepoints.push((names::ident(&name), savepoint));
        }
        Statement::ReleaseSavepoint { name } => {
            let open = open.as_mut().ok_or_else(none_open)?;
            let at = position(open, &name)?;
            open.savepoints.truncate(at);
        }
        _ => {}
    }
    Ok(Output::done(None))
}

fn position(open: &OpenTransaction, name: &Ident) -> Result<usize> {
    let wanted = names::ident(name);
    let found = open.savepoints.iter().rposition(|(name, _)| *name == wanted);
    found.ok_or_else(|| state(&format!("there is no savepoint {wanted}"), "check its name"))
}

/// The error of a statement that needs an open transaction.
pub(crate) fn none_open() -> VarveError {
    state("no transaction is open", "BEGIN one first")
}

fn state(message: &str, hint: &str) -> VarveError {
    VarveError::new(ErrorCode::TransactionState, message, hint)
}
