//! INSERT.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr as Logical, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{Expr, Insert, Query, SetExpr, Statement, TableObject, Value};
use varve_table::{Column, Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::rows::Checks;
use super::{names, parse, rows};
use crate::error::{from_datafusion, unknown, unsupported};
use crate::output::Output;
use crate::planner::Planner;
use crate::session::Run;

pub(super) async fn run(run: &Run<'_>, transaction: &mut Transaction, insert: Insert) -> Result<Output> {
    if insert.on.is_some() || insert.or.is_some() || insert.replace_into || insert.ignore {
        return Err(unsupported("INSERT ... ON CONFLICT is not there yet"));
    }
    if insert.returning.is_some() {
        return Err(unsupported("RETURNING is not there yet"));
    }
    let TableObject::TableName(name) = &insert.table else {
        return Err(unsupported("INSERT INTO a function is not there"));
    };
    let planner = run.planner(transaction.snapshot());
    let table = Arc::clone(&names::table(&planner.version, name)?.table);
    let given = insert.columns.iter().map(names::column).collect::<Result<Vec<_>>>()?;
    let targets = targets(&table, &given)?;
    let source = match insert.source {
        Some(query) => source(&planner, &table, &targets, query)?,
        // DEFAULT VALUES: one row of nothing.
        None => LogicalPlanBuilder::empty(true).build().map_err(from_datafusion)?,
    };
    let plan = in_table_order(&planner, &table, &targets, source)?;
    let checks = Checks::new(&planner, &table)?;
    let rows = run.stream(&planner, plan).await?;
    let count = transaction.append(table.id, checks.checked(rows)).await?;
    Ok(Output::done(Some(count)))
}

/// Positions in the table of the columns that are given; all of them when none is named.
pub(super) fn targets(table: &Table, given: &[String]) -> Result<Vec<usize>> {
    if given.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut targets = Vec::with_capacity(given.len());
    for name in given {
        let position = table.position(name).ok_or_else(|| unknown("column", name))?;
        if targets.contains(&position) {
            let message = format!("column {name} is named twice");
            return Err(VarveError::new(ErrorCode::SqlName, message, "name it once"));
        }
        targets.push(position);
    }
    Ok(targets)
}

fn source(
    planner: &Planner<'_>,
    table: &Table,
    targets: &[usize],
    mut query: Box<Query>,
) -> Result<LogicalPlan> {
    if let SetExpr::Values(values) = query.body.as_mut() {
        for row in &mut values.rows {
            for (value, target) in row.content.iter_mut().zip(targets) {
                if matches!(value, Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
                {
                    *value = default_of(&table.columns[*target])?;
                }
            }
        }
    }
    planner.plan(Statement::Query(query)).map_err(from_datafusion)
}

/// The DEFAULT of a column, NULL when it has none.
pub(super) fn default_of(column: &Column) -> Result<Expr> {
    match &column.default {
        Some(sql) => parse::expression(sql),
        None => Ok(Expr::Value(Value::Null.into())),
    }
}

/// The source with a value for each column of the table.
pub(super) fn in_table_order(
    planner: &Planner<'_>,
    table: &Table,
    targets: &[usize],
    source: LogicalPlan,
) -> Result<LogicalPlan> {
    let given = source.schema().columns();
    if given.len() != targets.len() && !given.is_empty() {
        let message =
            format!("{} values are given for {} columns of {}", given.len(), targets.len(), table.name);
        return Err(VarveError::new(
            ErrorCode::SqlType,
            message,
            "name the columns, or give a value for each",
        ));
    }
    let mut values = Vec::with_capacity(table.columns.len());
    for (position, column) in table.columns.iter().enumerate() {
        let place = targets.iter().position(|target| *target == position).and_then(|place| given.get(place));
        values.push(match (place, &column.default) {
            (Some(given), _) => Logical::Column(given.clone()),
            (None, Some(_)) => {
                planner.expr(default_of(column)?, &DFSchema::empty()).map_err(from_datafusion)?
            }
            (None, None) => lit(ScalarValue::Null),
        });
    }
    rows::cast(source, values, table)
}
