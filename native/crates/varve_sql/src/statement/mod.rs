//! Statements that do not only read: what they change, and how.

mod analyze;
mod append;
mod arrows;
mod call;
mod changes;
pub(crate) mod columns;
mod conflict;
mod constants;
pub(crate) mod control;
mod copy;
mod counts;
mod define;
mod delete;
mod dialect;
pub(crate) mod digits;
pub(crate) mod drawn;
pub(crate) mod enclosing;
mod external;
mod grouping;
mod ignored;
mod insert;
pub(crate) mod lists;
mod merge;
pub(crate) mod names;
mod once;
pub(crate) mod options;
mod order;
mod outer_names;
pub(crate) mod parse;
pub(crate) mod prepared;
mod quotes;
mod repeated;
mod returning;
mod row_values;
mod rows;
mod select_into;
mod shorthand;
pub(crate) mod sources;
mod target;
mod texts;
mod unique;
mod update;
pub(crate) mod using;
mod vacuum;
pub(crate) mod walk;
mod with_change;

use std::sync::Arc;

pub(crate) use append::append;
use datafusion::sql::sqlparser::ast::{ObjectType, Statement};
pub(crate) use insert::InsertRows;
pub(crate) use returning::returned;
use varve_table::{Transaction, Version};
use varve_types::{ErrorCode, Result, VarveError};

use crate::error::{from_datafusion, unsupported};
use crate::explain;
use crate::output::Output;
use crate::run::Run;

/// A statement as it was parsed.
pub(crate) type Parsed = Statement;

/// Whether a statement changes the database. EXPLAIN does not, whatever it explains.
pub(crate) fn changes(statement: &Parsed) -> bool {
    match statement {
        Statement::Query(query) => with_change::change(query).is_some(),
        Statement::Explain { .. }
        | Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowFunctions { .. }
        | Statement::ShowVariable { .. }
        | Statement::Copy { to: true, .. } => false,
        _ => true,
    }
}

/// Answers a statement that does not change the database.
pub(crate) async fn answer(run: &Run<'_>, version: Arc<Version>, statement: Parsed) -> Result<Output> {
    let planner = run.planner(version);
    match statement {
        Statement::Copy { .. } => copy::to_file(run, &planner, statement).await,
        statement if explain::is_ours(&statement) => explain::answer(run, &planner, statement).await,
        other => {
            let plan = planner.plan(other).await.map_err(from_datafusion)?;
            run.stream(&planner, plan).await
        }
    }
}

/// Whether a statement is upkeep of the database, which is no part of a transaction.
pub(crate) fn is_upkeep(statement: &Parsed) -> bool {
    matches!(statement, Statement::Vacuum(_) | Statement::Call(_))
}

/// Runs such a statement.
///
/// # Errors
/// `TRANSACTION_STATE` in a transaction, and its own.
pub(crate) async fn keep_up(run: &Run<'_>, in_transaction: bool, statement: Parsed) -> Result<Output> {
    if in_transaction {
        let message = format!("{statement} cannot run in a transaction");
        return Err(VarveError::new(ErrorCode::TransactionState, message, "COMMIT or ROLLBACK first"));
    }
    match statement {
        Statement::Vacuum(vacuum) => vacuum::run(run.engine.database()?, vacuum).await,
        Statement::Call(call) => call::run(run, call).await,
        other => Err(unsupported(format!("{other} is not there"))),
    }
}

/// Runs a statement that changes the database.
pub(crate) async fn apply(run: &Run<'_>, transaction: &mut Transaction, statement: Parsed) -> Result<Output> {
    let (with, statement) = with_change::divided(statement);
    match statement {
        Statement::Insert(insert) => insert::run(run, transaction, insert).await,
        Statement::Update(update) => update::run(run, transaction, &with, update).await,
        Statement::Delete(delete) => delete::run(run, transaction, &with, delete).await,
        Statement::Truncate(truncate) => delete::truncate(run, transaction, truncate).await,
        Statement::Copy { .. } => copy::from_file(run, transaction, statement).await,
        Statement::Merge(merge) => merge::run(run, transaction, &with, merge).await,
        Statement::Analyze(analyze) => analyze::run(run, transaction, analyze).await,
        Statement::CreateTable(table) => define::create_table(run, transaction, table).await,
        Statement::CreateView(view) => define::create_view(run, transaction, view).await,
        Statement::CreateSchema { schema_name, if_not_exists, .. } => {
            define::create_schema(transaction, &schema_name, if_not_exists)
        }
        Statement::CreateIndex(index) => define::create_index(transaction, index).await,
        Statement::AlterTable(alter) => define::alter_table(run, transaction, alter),
        Statement::Drop { object_type, if_exists, names, cascade, .. } => {
            let drop = match object_type {
                ObjectType::Table => define::drop_table,
                ObjectType::View => define::drop_view,
                ObjectType::Schema => define::drop_schema,
                ObjectType::Index => define::drop_index,
                other => return Err(unsupported(format!("DROP {other} is not there"))),
            };
            for name in names {
                drop(transaction, &name, define::Dropping { if_exists, cascade })?;
            }
            Ok(Output::done(None))
        }
        other => {
            let text = other.to_string();
            let verb = text.split_whitespace().next().unwrap_or_default();
            Err(unsupported(format!("the statement {verb} is not there")))
        }
    }
}
