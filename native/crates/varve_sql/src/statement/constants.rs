//! Expressions without columns.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{DataType, Expr};
use varve_table::Version;
use varve_types::Result;

use super::parse;
use crate::error::{defect, from_datafusion};
use crate::run::Run;

/// The values of expressions, in the types that are told for them.
///
/// # Errors
/// Those of a query for them.
pub(super) async fn values(
    run: &Run<'_>,
    version: Arc<Version>,
    exprs: &[Expr],
    types: &[DataType],
) -> Result<Vec<ScalarValue>> {
    if exprs.is_empty() {
        return Ok(Vec::new());
    }
    let values = exprs.iter().enumerate().map(|(at, expr)| match types.get(at) {
        Some(data_type) => format!("CAST({expr} AS {data_type}) AS \"v{at}\""),
        None => format!("{expr} AS \"v{at}\""),
    });
    let sql = format!("SELECT {}", values.collect::<Vec<_>>().join(", "));
    let planner = run.planner(version);
    let plan = planner.plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
    let rows = run.collect(&planner, plan).await?;
    let row = rows.iter().find(|batch| batch.num_rows() == 1);
    let row = row.ok_or_else(|| defect("constant expressions are not one row".into()))?;
    let values = row.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
    values.collect::<Result<_, _>>().map_err(from_datafusion)
}
