//! DELETE: a query for the addresses of the rows that go. A WITH in front is that of the query.

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::sql::sqlparser::ast::{Delete, FromTable, Statement, Truncate};
use futures::StreamExt;
use varve_table::Transaction;
use varve_types::Result;

use super::changes::Changes;
use super::parse;
use super::returning::Returning;
use super::target::{Target, addresses, behind};
use crate::error::{from_datafusion, unsupported};
use crate::output::Output;
use crate::run::Run;

pub(super) async fn run(
    run: &Run<'_>,
    transaction: &mut Transaction,
    with: &str,
    delete: Delete,
) -> Result<Output> {
    if delete.limit.is_some() || !delete.order_by.is_empty() || !delete.tables.is_empty() {
        return Err(unsupported("DELETE with ORDER BY, LIMIT or several tables is not there"));
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [from] = from.as_slice() else { return Err(unsupported("DELETE is from one table")) };
    let mut planner = run.planner(transaction.snapshot());
    let target = Target::new(&planner.version, from)?;
    let returning = Returning::new(delete.returning, &target);
    let mut sql = format!("{with}SELECT {}", target.address());
    if returning.is_some() {
        sql += &target.columns();
    }
    sql += &format!(" FROM {}", target.relation());
    for other in delete.using.iter().flatten() {
        sql += &format!(", {other}");
    }
    if let Some(condition) = &delete.selection {
        sql += &format!(" WHERE {condition}");
    }
    let plan = planner.plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
    let mut changes = Changes::new(run, &target.table, "DELETE");
    let mut count = 0;
    let mut batches = run.stream(&planner, plan).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        // A row that USING matches several times goes once.
        let is_first: BooleanArray = addresses(&batch).map(|row| Some(changes.go(row))).collect();
        count += is_first.true_count() as u64;
        if returning.is_some() {
            let old = filter_record_batch(&behind(&batch, 1)?, &is_first);
            changes.show(&old.map_err(|error| from_datafusion(error.into()))?)?;
        }
        changes.count_gone()?;
    }
    changes.apply(run, &mut planner, transaction, (count, returning.as_ref())).await
}

/// TRUNCATE: DELETE of all rows.
pub(super) async fn truncate(
    run: &Run<'_>,
    transaction: &mut Transaction,
    truncate: Truncate,
) -> Result<Output> {
    let Truncate { table_names, partitions: None, if_exists: false, identity: None, cascade: None, .. } =
        truncate
    else {
        return Err(unsupported("TRUNCATE names tables, and nothing else"));
    };
    for target in table_names {
        if let Statement::Delete(all) = parse::one(&format!("DELETE FROM {}", target.name))? {
            self::run(run, transaction, "", all).await?;
        }
    }
    Ok(Output::done(None))
}
