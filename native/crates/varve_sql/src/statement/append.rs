//! Rows that come as Arrow: columns matched by name, cast, and checked like those of INSERT.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use varve_table::{Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::insert::default_of;
use super::names;
use super::rows::{self, Checks};
use crate::error::{from_datafusion, unknown};
use crate::output::Output;
use crate::planner::Planner;
use crate::session::Run;

/// What the rows are called while they are planned.
const GIVEN: &str = "appended";

/// Appends `batches`, all of `schema`.
pub(crate) async fn append(
    run: &Run<'_>,
    transaction: &mut Transaction,
    name: &str,
    (schema, batches): (SchemaRef, Vec<RecordBatch>),
) -> Result<Output> {
    let planner = run.planner(transaction.snapshot());
    let table = Arc::clone(&names::table(&planner.version, &names::written(name)?)?.table);
    let values = values(&planner, &table, &schema)?;
    let plan = MemTable::try_new(schema, vec![batches])
        .and_then(|given| LogicalPlanBuilder::scan(GIVEN, provider_as_source(Arc::new(given)), None)?.build())
        .map_err(from_datafusion)?;
    let plan = rows::cast(plan, values, &table)?;
    let checks = Checks::new(&planner, &table)?;
    let rows = run.stream(&planner, plan).await?;
    let count = transaction.append(table.id, checks.checked(rows)).await?;
    Ok(Output::done(Some(count)))
}

/// For each column of the table where its values come from.
fn values(planner: &Planner<'_>, table: &Table, given: &SchemaRef) -> Result<Vec<Expr>> {
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
