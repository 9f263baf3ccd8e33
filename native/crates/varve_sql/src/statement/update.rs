//! UPDATE: a query for the addresses of the rows that change and for their new values; then the old rows go and the new
//! ones come. A WITH in front is that of the query.

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Expr, ObjectName, Update, UpdateTableFromKind,
};
use futures::StreamExt;
use varve_table::{Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::changes::Changes;
use super::insert::{default_of, is_default};
use super::returning::Returning;
use super::rows::{self, Checks};
use super::target::{Target, addresses, behind};
use super::{names, parse};
use crate::error::{from_datafusion, unknown, unsupported};
use crate::output::Output;
use crate::run::Run;

pub(super) async fn run(
    run: &Run<'_>,
    transaction: &mut Transaction,
    with: &str,
    update: Update,
) -> Result<Output> {
    if update.limit.is_some() || update.or.is_some() || !update.order_by.is_empty() {
        return Err(unsupported("UPDATE with OR, ORDER BY or LIMIT is not there"));
    }
    let mut planner = run.planner(transaction.snapshot());
    let target = Target::new(&planner.version, &update.table)?;
    let table = &target.table;
    let returning = Returning::new(update.returning, &target);
    let new = assigned(table, &update.assignments)?;
    let mut sql = format!("{with}SELECT {}", target.address());
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
    let plan = planner.plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
    let plan = rows::cast_behind(plan, 1, table)?;
    let checks = Checks::new(&planner, table)?;
    let mut changes = Changes::new(run, table, "UPDATE");
    let mut count = 0;
    let mut batches = run.stream(&planner, plan).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        // Of a row that FROM matches several times the first match counts.
        let is_first: BooleanArray = addresses(&batch).map(|row| Some(changes.go(row))).collect();
        let new = filter_record_batch(&behind(&batch, 1)?, &is_first);
        let new = new.map_err(|error| from_datafusion(error.into()))?;
        checks.check(&new)?;
        changes.come(&new)?;
        count += new.num_rows() as u64;
    }
    changes.apply(run, &mut planner, transaction, (count, returning.as_ref())).await
}

/// For each column of the table its new value, if the statement gives one.
pub(super) fn assigned(table: &Table, assignments: &[Assignment]) -> Result<Vec<Option<Expr>>> {
    let mut new = vec![None; table.columns.len()];
    for (name, value) in assignments.iter().map(pairs).collect::<Result<Vec<_>>>()?.concat() {
        let name = names::column(name)?;
        let position = table.position(&name).ok_or_else(|| unknown("column", &name))?;
        let value = if is_default(value) { default_of(&table.columns[position])? } else { value.clone() };
        if new[position].replace(value).is_some() {
            let message = format!("column {name} is assigned twice");
            return Err(VarveError::new(ErrorCode::SqlName, message, "assign it once"));
        }
    }
    Ok(new)
}

/// The columns that are assigned to, each with its value: several in `(a, b) = (1, 2)`.
fn pairs(assignment: &Assignment) -> Result<Vec<(&ObjectName, &Expr)>> {
    match (&assignment.target, &assignment.value) {
        (AssignmentTarget::ColumnName(name), value) => Ok(vec![(name, value)]),
        (AssignmentTarget::Tuple(names), Expr::Tuple(values)) if names.len() == values.len() => {
            Ok(names.iter().zip(values).collect())
        }
        (AssignmentTarget::Tuple(names), value) => match names.as_slice() {
            [name] => Ok(vec![(name, value)]),
            _ => Err(unsupported("several columns are assigned to from as many values in brackets")),
        },
    }
}
