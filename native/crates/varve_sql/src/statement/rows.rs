//! Rows on their way into a table: cast to its types, and checked.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection};
use datafusion::physical_expr::PhysicalExpr;
use futures::{Stream, StreamExt};
use varve_table::{Check, Table};
use varve_types::{ErrorCode, Result, VarveError};

use super::parse;
use crate::error::from_datafusion;
use crate::planner::Planner;
use crate::plans::changes_by_itself;

/// `plan` with its columns as `values` says, each cast to the type of the column of `table` at its place.
pub(super) fn cast(plan: LogicalPlan, values: Vec<Expr>, table: &Table) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    let values = values
        .into_iter()
        .zip(&table.columns)
        .map(|(value, column)| Ok(value.cast_to(&column.data_type, &schema)?.alias(column.name.clone())));
    values
        .collect::<datafusion::common::Result<Vec<_>>>()
        .and_then(|values| LogicalPlanBuilder::from(plan).project(values)?.build())
        .map_err(from_datafusion)
}

/// `plan` with its columns behind the first `skip` cast to the types of the columns of `table`. Where such a column is a
/// CASE, each of its branches is cast, so that none is brought to the type of another first.
pub(super) fn cast_behind(plan: LogicalPlan, skip: usize, table: &Table) -> Result<LogicalPlan> {
    let cast = |plan: LogicalPlan| {
        let LogicalPlan::Projection(Projection { expr, input, .. }) = plan else {
            return plan_err!("a query for new rows is no projection");
        };
        let schema = Arc::clone(input.schema());
        let values = expr.into_iter().enumerate().map(|(at, value)| {
            let Some(column) = at.checked_sub(skip).and_then(|at| table.columns.get(at)) else {
                return Ok(value);
            };
            let name = value.schema_name().to_string();
            let value = match value.unalias() {
                Expr::Case(mut case) => {
                    for (_, then) in &mut case.when_then_expr {
                        **then = then.as_ref().clone().cast_to(&column.data_type, &schema)?;
                    }
                    if let Some(otherwise) = &mut case.else_expr {
                        **otherwise = otherwise.as_ref().clone().cast_to(&column.data_type, &schema)?;
                    }
                    Expr::Case(case)
                }
                value => value.cast_to(&column.data_type, &schema)?,
            };
            Ok(value.alias(name))
        });
        let values = values.collect::<datafusion::common::Result<Vec<_>>>()?;
        Projection::try_new(values, input).map(LogicalPlan::Projection)
    };
    cast(plan).map_err(from_datafusion)
}

/// Rows whose columns are those of `table`, in its order, by their names.
///
/// # Errors
/// `CONSTRAINT_VIOLATED` for NULL in a column that is NOT NULL.
pub(super) fn of_table(table: &Table, rows: &RecordBatch) -> Result<RecordBatch> {
    let stored = table.store_batch(rows)?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(table.arrow_schema(), stored.columns().to_vec(), &options)
        .map_err(|error| from_datafusion(error.into()))
}

/// The CHECK constraints of a table, ready to run.
pub(super) struct Checks {
    table: String,
    schema: SchemaRef,
    checks: Vec<(Check, Arc<dyn PhysicalExpr>)>,
    /// Whether a condition means another for each statement, as one with `now()` does.
    pub(super) is_of_statement: bool,
}

impl Checks {
    pub(super) fn new(planner: &Planner, table: &Table) -> Result<Self> {
        let schema = table.arrow_schema();
        let columns = DFSchema::try_from(Arc::clone(&schema)).map_err(from_datafusion)?;
        let mut is_of_statement = false;
        let checks = table.checks.iter().map(|check| {
            let condition = parse::expression(&check.expression)?;
            let condition = planner.expr(condition, &columns).and_then(|condition| {
                is_of_statement |= condition.exists(|part| Ok(changes_by_itself(part)))?;
                planner.computed(condition, &columns)
            });
            Ok((check.clone(), condition.map_err(from_datafusion)?))
        });
        let checks = checks.collect::<Result<_>>()?;
        Ok(Self { table: table.name.clone(), schema, checks, is_of_statement })
    }

    /// Refuses rows for which a condition is false. NULL passes, as the standard has it.
    pub(super) fn check(&self, rows: &RecordBatch) -> Result<()> {
        if self.checks.is_empty() {
            return Ok(());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        // The rows may still break NOT NULL, which is looked at later.
        let nullable = self.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let nullable = Arc::new(datafusion::arrow::datatypes::Schema::new(nullable.collect::<Vec<_>>()));
        let rows = RecordBatch::try_new_with_options(nullable, rows.columns().to_vec(), &options)
            .map_err(|error| from_datafusion(error.into()))?;
        for (check, condition) in &self.checks {
            let holds = condition.evaluate(&rows).and_then(|value| value.into_array(rows.num_rows()));
            let holds = holds.map_err(from_datafusion)?;
            let holds = as_boolean_array(&holds).map_err(from_datafusion)?;
            if holds.iter().any(|holds| holds == Some(false)) {
                let message = format!(
                    "a row breaks CHECK {} ({}) of table {}",
                    check.name, check.expression, self.table
                );
                return Err(VarveError::new(
                    ErrorCode::ConstraintViolated,
                    message,
                    "change the row or the constraint",
                ));
            }
        }
        Ok(())
    }

    /// `rows`, checked as they pass.
    pub(super) fn checked(
        self,
        rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
        rows.map(move |batch| {
            let batch = batch?;
            self.check(&batch).map(|()| batch)
        })
    }
}
