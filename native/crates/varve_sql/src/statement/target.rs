//! The table that a statement changes, as a relation that shows the addresses of its rows.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::sql::sqlparser::ast::{ObjectName, TableFactor, TableWithJoins};
use varve_table::{RowAddress, Table, Version};
use varve_types::Result;

use super::names::{self, quoted};
use crate::error::unsupported;
use crate::planner::TARGETS;
use crate::scan::ROW_ADDRESS;

/// The table that a statement changes.
pub(super) struct Target {
    pub table: Arc<Table>,
    /// What the statement calls it.
    pub alias: String,
}

impl Target {
    pub(super) fn new(version: &Version, from: &TableWithJoins) -> Result<Self> {
        let TableFactor::Table { name, alias, .. } = &from.relation else {
            return Err(unsupported("only tables can be changed"));
        };
        if !from.joins.is_empty() {
            return Err(unsupported("a join cannot be changed: use FROM or USING"));
        }
        Self::named(version, name, alias.as_ref().map(|alias| names::ident(&alias.name)))
    }

    pub(super) fn named(version: &Version, name: &ObjectName, alias: Option<String>) -> Result<Self> {
        let table = Arc::clone(&names::table(version, name)?.table);
        let alias = alias.unwrap_or_else(|| table.name.clone());
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

    /// Its columns as a query gives them, each with a name of its own.
    pub(super) fn columns(&self) -> String {
        let columns = self.table.columns.iter().enumerate();
        columns.map(|(at, column)| format!(", {} AS \"v{at}\"", self.column(&column.name))).collect()
    }
}

/// The addresses in the first column of a batch.
pub(super) fn addresses(batch: &RecordBatch) -> impl Iterator<Item = RowAddress> {
    batch.column(0).as_primitive::<UInt64Type>().values().iter().map(|address| RowAddress(*address))
}

/// The columns of a batch behind the first `skip`.
pub(super) fn behind(batch: &RecordBatch, skip: usize) -> Result<RecordBatch> {
    let values: Vec<usize> = (skip..batch.num_columns()).collect();
    batch.project(&values).map_err(|error| crate::error::from_datafusion(error.into()))
}
