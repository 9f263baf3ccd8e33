//! Rows that come as Arrow: columns matched by name, cast, and checked like those of INSERT.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::logical_expr::{Expr, lit};
use varve_table::{Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::insert::default_of;
use super::once::Given;
use super::rows::{self, Checks};
use super::{names, once};
use crate::error::{from_datafusion, unknown};
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;

/// What the rows are called while they are planned.
const GIVEN: &str = "appended";

/// Appends rows, all of `schema`.
pub(crate) async fn append(
    run: &Run<'_>,
    transaction: &mut Transaction,
    name: &str,
    (schema, given): (SchemaRef, Given),
) -> Result<Output> {
    let mut planner = run.planner(transaction.snapshot());
    // The rows come in one stream; dividing it would lose their order, and casting them is cheap.
    Arc::make_mut(&mut planner.state).config_mut().options_mut().execution.target_partitions = 1;
    let table = Arc::clone(&names::table(&planner.version, &names::written(name)?)?.table);
    let values = values(&planner, &table, &schema)?;
    let plan = rows::cast(once::plan(GIVEN, schema, given)?, values, &table)?;
    let checks = Checks::new(&planner, &table)?;
    let rows = run.stream(&planner, plan).await?;
    let count = transaction.append(table.id, checks.checked(rows)).await?;
    Ok(Output::done(Some(count)))
}

/// For each column of the table where its values come from.
fn values(planner: &Planner, table: &Table, given: &SchemaRef) -> Result<Vec<Expr>> {
    for (at, field) in given.fields().iter().enumerate() {
        if table.position(field.name()).is_none() {
            return Err(unknown("column", field.name()));
        }
        if given.index_of(field.name()).is_ok_and(|first| first != at) {
            let message = format!("column {} is there twice", field.name());
            return Err(VarveError::new(ErrorCode::SqlName, message, "give it once"));
        }
    }
    let values = table.columns.iter().map(|column| {
        if given.index_of(&column.name).is_ok() {
            return Ok(Expr::Column(Column::new(Some(TableReference::bare(GIVEN)), column.name.clone())));
        }
        match &column.default {
            Some(_) => planner.expr(default_of(column)?, &DFSchema::empty()).map_err(from_datafusion),
            None => Ok(lit(ScalarValue::Null)),
        }
    });
    values.collect()
}
