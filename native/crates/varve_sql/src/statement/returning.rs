//! RETURNING: a query over the rows that a statement wrote, or, of those that it deleted, over what they were.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;
use datafusion::sql::sqlparser::ast::{
    FromTable, OutputClause, SelectItem, Statement, TableFactor, TableObject, TableWithJoins,
};
use varve_table::Table;
use varve_types::Result;

use super::names::{self, quoted};
use super::target::Target;
use super::{Parsed, parse, with_change};
use crate::error::{from_datafusion, unsupported};
use crate::planner::{GIVEN, Planner};
use crate::run::Run;

/// The name of the written rows among what is given to the planner.
const WRITTEN: &str = "written";

/// What RETURNING asks for. It sees the columns of the changed table alone, as in SQLite.
pub(super) struct Returning {
    items: Vec<SelectItem>,
    /// What the statement calls the table.
    alias: String,
}

impl Returning {
    /// `None` when nothing is asked for.
    pub(super) fn new(items: Option<Vec<SelectItem>>, target: &Target) -> Option<Self> {
        items.map(|items| Self { items, alias: target.alias.clone() })
    }

    /// The answer over `written`: rows of `table`, columns by name.
    pub(super) async fn answer(
        &self,
        run: &Run<'_>,
        planner: &mut Planner,
        table: &Table,
        written: Vec<RecordBatch>,
    ) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let statement = self.statement(planner, table, written)?;
        let plan = planner.plan(statement).await.map_err(from_datafusion)?;
        let schema = Arc::clone(plan.schema().inner());
        Ok((schema, run.collect(planner, plan).await?))
    }

    /// The query; `planner` is given the rows that it reads.
    fn statement(&self, planner: &mut Planner, table: &Table, written: Vec<RecordBatch>) -> Result<Parsed> {
        let rows = MemTable::try_new(table.arrow_schema(), vec![written]).map_err(from_datafusion)?;
        planner.give(WRITTEN, Arc::new(rows));
        let items: Vec<String> = self.items.iter().map(ToString::to_string).collect();
        let (items, alias) = (items.join(", "), quoted(&self.alias));
        let sql = format!("SELECT {items} FROM {}.{} AS {alias}", quoted(GIVEN), quoted(WRITTEN));
        parse::one(&sql)
    }
}

/// The columns that a statement which changes something answers with; `None` when it has no RETURNING.
pub(crate) async fn returned(planner: &mut Planner, statement: Parsed) -> Result<Option<SchemaRef>> {
    let (_, statement) = with_change::divided(statement);
    let (target, items) = match statement {
        Statement::Insert(insert) => {
            let TableObject::TableName(name) = &insert.table else { return Ok(None) };
            let alias = insert.table_alias.as_ref().map(|alias| names::ident(&alias.alias));
            (Target::named(&planner.version, name, alias), insert.returning)
        }
        Statement::Update(update) => (Target::new(&planner.version, &update.table), update.returning),
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = delete.from;
            let Some(from) = from.into_iter().next() else { return Ok(None) };
            (Target::new(&planner.version, &from), delete.returning)
        }
        Statement::Merge(merge) => {
            (Target::new(&planner.version, &alone(merge.table)), of_merge(merge.output)?)
        }
        _ => return Ok(None),
    };
    let Some(items) = items else { return Ok(None) };
    let target = target?;
    let returning = Returning { items, alias: target.alias };
    let statement = returning.statement(planner, &target.table, Vec::new())?;
    let plan = planner.unbound(statement).await.map_err(from_datafusion)?;
    Ok(Some(Arc::clone(plan.schema().inner())))
}

/// A table that nothing is joined to.
pub(super) fn alone(relation: TableFactor) -> TableWithJoins {
    TableWithJoins { relation, joins: Vec::new() }
}

/// What MERGE returns.
pub(super) fn of_merge(output: Option<OutputClause>) -> Result<Option<Vec<SelectItem>>> {
    match output {
        None => Ok(None),
        Some(OutputClause::Returning { select_items, .. }) => Ok(Some(select_items)),
        Some(OutputClause::Output { .. }) => Err(unsupported("OUTPUT is not there: use RETURNING")),
    }
}
