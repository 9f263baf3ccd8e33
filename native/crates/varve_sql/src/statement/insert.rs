//! INSERT. Rows stream into the table, unless ON CONFLICT or RETURNING needs all of them first.

use datafusion::common::DFSchema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr as Logical, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{Expr, Insert, Query, SetExpr, Statement, TableObject, Value};
use futures::StreamExt;
use varve_table::{Column, Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::changes::{Changes, Held};
use super::conflict::Rule;
use super::returning::Returning;
use super::rows::Checks;
use super::target::Target;
use super::{names, parse, rows};
use crate::error::{from_datafusion, unknown, unsupported};
use crate::output::Output;
use crate::planner::Planner;
use crate::session::Run;

pub(super) async fn run(run: &Run<'_>, transaction: &mut Transaction, mut insert: Insert) -> Result<Output> {
    let rule = Rule::of(&mut insert)?;
    let TableObject::TableName(name) = &insert.table else {
        return Err(unsupported("INSERT INTO a function is not there"));
    };
    let mut planner = run.planner(transaction.snapshot());
    let alias = insert.table_alias.as_ref().map(|alias| names::ident(&alias.alias));
    let target = Target::named(&planner.version, name, alias)?;
    let table = &target.table;
    let returning = Returning::new(insert.returning, &target);
    let given = insert.columns.iter().map(names::column).collect::<Result<Vec<_>>>()?;
    let targets = targets(table, &given)?;
    let source = match insert.source {
        Some(query) => source(&planner, table, &targets, query)?,
        // DEFAULT VALUES: one row of nothing.
        None => LogicalPlanBuilder::empty(true).build().map_err(from_datafusion)?,
    };
    let plan = in_table_order(&planner, table, &targets, source)?;
    let checks = Checks::new(&planner, table)?;
    let rows = run.stream(&planner, plan).await?;
    if rule.is_none() && returning.is_none() {
        let count = transaction.append(table.id, checks.checked(rows)).await?;
        return Ok(Output::done(Some(count)));
    }
    let mut given = Held::new(run, "INSERT");
    let mut rows = std::pin::pin!(checks.checked(rows));
    while let Some(batch) = rows.next().await {
        given.push(rows::of_table(table, &batch?)?)?;
    }
    let mut changes = Changes::new(run, table, "INSERT");
    let count = match rule {
        Some(rule) => rule.resolve(run, &mut planner, &target, (&given, &mut changes)).await?,
        None => {
            given.batches().iter().try_for_each(|rows| changes.come(rows))?;
            given.batches().iter().map(|rows| rows.num_rows() as u64).sum()
        }
    };
    drop(given);
    changes.apply(run, &mut planner, transaction, (count, returning.as_ref())).await
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
                if is_default(value) {
                    *value = default_of(&table.columns[*target])?;
                }
            }
        }
    }
    planner.plan(Statement::Query(query)).map_err(from_datafusion)
}

/// Whether a value is the word DEFAULT.
pub(super) fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
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
