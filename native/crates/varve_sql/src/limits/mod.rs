//! How much a statement may ask of parser and planner. DataFusion's rules look at each column of a node for each other one,
//! and recurse over plans as trees, even where these share parts: what is too wide, too deep or too often the same is refused
//! before a rule sees it.

mod extent;
mod lists;
mod reached;
mod tokens;

use std::ops::ControlFlow;

use datafusion::common::Result as Planned;
use varve_types::{ErrorCode, Result, VarveError};

pub(crate) use extent::of_plan;
pub(crate) use lists::of_statement;
pub(crate) use reached::of_reached;
pub(crate) use tokens::{of_text, of_tokens};

use crate::error::into_datafusion;

/// Columns of a table or a file; expressions of one list.
const COLUMNS_MAX: usize = 4_096;
/// Columns of a part of a query, and of its answer: an UPSERT has those of the table, and of new rows, beside each other.
const PART_COLUMNS_MAX: usize = 3 * COLUMNS_MAX;
/// Columns of all tables that a statement names, each as often as it is named.
const NAMED_COLUMNS_MAX: usize = 1 << 16;
/// Values of one list that are not the same for all rows: each is a comparison of its own.
const CHANGING_VALUES_MAX: usize = 1_000;

/// Refuses a table or a file of too many columns.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn columns(what: &str, count: usize) -> Result<()> {
    within(what, count, COLUMNS_MAX, "columns", "keep many values in one list or struct")
}

fn items(what: &str, count: usize) -> Result<()> {
    within(what, count, COLUMNS_MAX, "items", "divide the list")
}

/// Refuses tables with too many columns together.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn named_columns(count: usize) -> Planned<()> {
    within(
        "the statement",
        count,
        NAMED_COLUMNS_MAX,
        "columns in all tables that it names",
        "name fewer tables",
    )
    .map_err(into_datafusion)
}

/// Refuses a list of too many values that each row has its own of.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn list(count: usize) -> Planned<()> {
    within(
        "IN",
        count,
        CHANGING_VALUES_MAX,
        "values that change with the row",
        "join a table or VALUES instead",
    )
    .map_err(into_datafusion)
}

/// The error of a statement that is too long or too deep.
pub(crate) fn exceeded(message: String) -> VarveError {
    VarveError::new(ErrorCode::SqlLimit, message, "divide the statement, or use IN (...) and parameters")
}

fn within(what: &str, count: usize, most: usize, of: &str, hint: &str) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    let message = format!("{what} has {count} {of}, the limit is {most}");
    Err(VarveError::new(ErrorCode::SqlLimit, message, hint))
}

fn flow(checked: Result<()>) -> ControlFlow<VarveError> {
    match checked {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}
