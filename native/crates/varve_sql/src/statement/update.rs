//! UPDATE: a query for the addresses of the rows that change and for their new values; then the old rows go and the new
//! ones come.

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::logical_expr::{Expr as Logical, ExprSchemable, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Assignment, AssignmentTarget, Expr, Update, UpdateTableFromKind};
use futures::stream;
use varve_table::{RowSet, Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::delete::{Target, addresses};
use super::insert::default_of;
use super::rows::Checks;
use super::{names, parse};
use crate::error::{from_datafusion, unknown, unsupported};
use crate::output::Output;
use crate::session::Run;

pub(super) async fn run(run: &Run<'_>, transaction: &mut Transaction, update: Update) -> Result<Output> {
    if update.returning.is_some()
        || update.limit.is_some()
        || update.or.is_some()
        || !update.order_by.is_empty()
    {
        return Err(unsupported("UPDATE with RETURNING, OR, ORDER BY or LIMIT is not there"));
    }
    let planner = run.planner(transaction.snapshot());
    let target = Target::new(&planner.version, &update.table)?;
    let table = &target.table;
    let new = assigned(table, &update.assignments)?;
    let mut sql = format!("SELECT {}", target.address());
    for (at, (column, value)) in table.columns.iter().zip(&new).enumerate() {
        let value = value.as_ref().map_or_else(|| target.column(&column.name), |value| format!("({value})"));
        sql += &format!(", {value} AS \"v{at}\"");
    }
    sql += &format!(" FROM {}", target.relation());
    let (UpdateTableFromKind::BeforeSet(others) | UpdateTableFromKind::AfterSet(others)) =
        update.from.unwrap_or(UpdateTableFromKind::AfterSet(Vec::new()));
    for other in others {
        sql += &format!(", {other}");
    }
    if let Some(condition) = &update.selection {
        sql += &format!(" WHERE {condition}");
    }
    let plan = planner.plan(parse::one(&sql)?).map_err(from_datafusion)?;
    let schema = std::sync::Arc::clone(plan.schema());
    let values = schema.columns().into_iter().enumerate().map(|(at, column)| {
        let value = Logical::Column(column);
        match at.checked_sub(1).and_then(|at| table.columns.get(at)) {
            Some(column) => value.cast_to(&column.data_type, &schema),
            None => Ok(value),
        }
    });
    let plan = values
        .collect::<datafusion::common::Result<Vec<_>>>()
        .and_then(|values| LogicalPlanBuilder::from(plan).project(values)?.build())
        .map_err(from_datafusion)?;

    let checks = Checks::new(&planner, table)?;
    let mut gone = RowSet::default();
    let mut rows = Vec::new();
    for batch in run.collect(&planner, plan).await? {
        let values = first_matches(&batch, &mut gone)?;
        checks.check(&values)?;
        rows.push(Ok(values));
    }
    let count = transaction.delete(table.id, gone)?;
    transaction.append(table.id, stream::iter(rows)).await?;
    Ok(Output::done(Some(count)))
}

/// For each column of the table its new value, if the statement gives one.
fn assigned(table: &Table, assignments: &[Assignment]) -> Result<Vec<Option<Expr>>> {
    let mut new = vec![None; table.columns.len()];
    for assignment in assignments {
        let AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(unsupported("assigning to a tuple of columns is not there"));
        };
        let name = names::column(name)?;
        let position = table.position(&name).ok_or_else(|| unknown("column", &name))?;
        let is_default = matches!(&assignment.value, Expr::Identifier(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"));
        let value = if is_default { default_of(&table.columns[position])? } else { assignment.value.clone() };
        if new[position].replace(value).is_some() {
            let message = format!("column {name} is assigned twice");
            return Err(VarveError::new(ErrorCode::SqlName, message, "assign it once"));
        }
    }
    Ok(new)
}

/// The new values of rows that were not matched before; their addresses join `gone`.
fn first_matches(batch: &RecordBatch, gone: &mut RowSet) -> Result<RecordBatch> {
    let is_first: BooleanArray = addresses(batch).map(|address| Some(gone.insert(address))).collect();
    let values: Vec<usize> = (1..batch.num_columns()).collect();
    batch
        .project(&values)
        .and_then(|values| filter_record_batch(&values, &is_first))
        .map_err(|error| from_datafusion(error.into()))
}
