//! DELETE: a query for the addresses of the rows that go.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::sql::sqlparser::ast::{Delete, FromTable, TableFactor, TableWithJoins};
use varve_table::{RowAddress, RowSet, Table, Transaction, Version};
use varve_types::Result;

use super::names::quoted;
use super::{names, parse};
use crate::error::{from_datafusion, unsupported};
use crate::output::Output;
use crate::planner::TARGETS;
use crate::scan::ROW_ADDRESS;
use crate::session::Run;

pub(super) async fn run(run: &Run<'_>, transaction: &mut Transaction, delete: Delete) -> Result<Output> {
    if delete.returning.is_some()
        || delete.limit.is_some()
        || !delete.order_by.is_empty()
        || !delete.tables.is_empty()
    {
        return Err(unsupported("DELETE with RETURNING, ORDER BY, LIMIT or several tables is not there"));
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [from] = from.as_slice() else { return Err(unsupported("DELETE is from one table")) };
    let planner = run.planner(transaction.snapshot());
    let target = Target::new(&planner.version, from)?;
    let mut sql = format!("SELECT {} FROM {}", target.address(), target.relation());
    for other in delete.using.iter().flatten() {
        sql += &format!(", {other}");
    }
    if let Some(condition) = &delete.selection {
        sql += &format!(" WHERE {condition}");
    }
    let plan = planner.plan(parse::one(&sql)?).map_err(from_datafusion)?;
    let mut gone = RowSet::default();
    for batch in run.collect(&planner, plan).await? {
        gone.extend(addresses(&batch));
    }
    let count = transaction.delete(target.table.id, gone)?;
    Ok(Output::done(Some(count)))
}

/// The table that a statement changes, as a relation that shows the addresses of its rows.
pub(super) struct Target {
    pub table: Arc<Table>,
    /// What the statement calls it.
    alias: String,
}

impl Target {
    pub(super) fn new(version: &Version, from: &TableWithJoins) -> Result<Self> {
        let TableFactor::Table { name, alias, .. } = &from.relation else {
            return Err(unsupported("only tables can be changed"));
        };
        if !from.joins.is_empty() {
            return Err(unsupported("a join cannot be changed: use FROM or USING"));
        }
        let table = Arc::clone(&names::table(version, name)?.table);
        let alias = alias.as_ref().map_or_else(|| table.name.clone(), |alias| names::ident(&alias.name));
        Ok(Self { table, alias })
    }

    pub(super) fn address(&self) -> String {
        self.column(ROW_ADDRESS)
    }

    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.alias), quoted(name))
    }

    pub(super) fn relation(&self) -> String {
        format!("{}.{} AS {}", quoted(TARGETS), quoted(&self.table.id.to_string()), quoted(&self.alias))
    }
}

/// The addresses in the first column of a batch.
pub(super) fn addresses(batch: &RecordBatch) -> impl Iterator<Item = RowAddress> {
    batch.column(0).as_primitive::<UInt64Type>().values().iter().map(|address| RowAddress(*address))
}
