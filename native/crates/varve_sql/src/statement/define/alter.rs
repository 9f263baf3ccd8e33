//! ALTER TABLE.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::logical_expr::ExprSchemable;
use datafusion::sql::sqlparser::ast::{AlterTable, AlterTableOperation, Expr, RenameTableNameKind, Visitor};
use varve_table::{Table, Transaction, Version};
use varve_types::{ErrorCode, Result, VarveError};

use super::super::walk::look;
use super::super::{names, parse, unique};
use super::table::{add_column, check_free};
use crate::error::{exists, from_datafusion, unknown, unsupported};
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;

pub(in crate::statement) fn alter_table(
    run: &Run<'_>,
    transaction: &mut Transaction,
    alter: AlterTable,
) -> Result<Output> {
    let version = transaction.snapshot();
    let found = match names::table(&version, &alter.name) {
        Err(error) if alter.if_exists && error.code() == ErrorCode::SqlName => return Ok(Output::done(None)),
        found => found?,
    };
    let planner = run.planner(Arc::clone(&version));
    let mut table = Table::clone(&found.table);
    for operation in alter.operations {
        match operation {
            AlterTableOperation::AddColumn { if_not_exists, column_def, .. } => {
                if if_not_exists && table.position(&names::ident(&column_def.name)).is_some() {
                    continue;
                }
                if unique::in_column(&column_def).is_some() {
                    return Err(unsupported(
                        "UNIQUE cannot be added with a column: add the column, then an index",
                    ));
                }
                add_column(&planner, &mut table, &column_def)?;
                fill_older_rows(&planner, &mut table, found.live_rows() > 0)?;
            }
            AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
                for name in column_names {
                    drop_column(&version, &mut table, &names::ident(&name), if_exists)?;
                }
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                rename_column(&mut table, &names::ident(&old_column_name), names::ident(&new_column_name))?;
            }
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::As(name) | RenameTableNameKind::To(name),
            } => {
                let new = names::object(&name)?.name;
                check_free(&version, &table.schema, &new)?;
                table.name = new;
            }
            AlterTableOperation::DropConstraint { if_exists, name, .. } => {
                let (name, before) = (names::ident(&name), table.checks.len());
                table.checks.retain(|check| check.name != name);
                if table.checks.len() == before && !if_exists {
                    return Err(unknown("constraint", &name));
                }
            }
            other => return Err(unsupported(format!("ALTER TABLE ... {other} is not there"))),
        }
    }
    transaction.put_table(table)?;
    Ok(Output::done(None))
}

/// What rows that are older than the last column hold in it: its DEFAULT as it is now.
fn fill_older_rows(planner: &Planner, table: &mut Table, has_rows: bool) -> Result<()> {
    if !table.primary_key.is_empty()
        && table.primary_key.last() == table.columns.last().map(|column| &column.id)
    {
        return Err(unsupported("a primary key cannot be added to a table"));
    }
    let Some(column) = table.columns.last_mut() else { return Ok(()) };
    if let Some(sql) = &column.default {
        let nothing = DFSchema::empty();
        let value = planner.expr(parse::expression(sql)?, &nothing).map_err(from_datafusion)?;
        if has_rows && value.is_volatile() {
            return Err(unsupported(format!(
                "rows that are there have no value of their own of DEFAULT {sql}: add the column without, then UPDATE"
            )));
        }
        let computed = value
            .cast_to(&column.data_type, &nothing)
            .and_then(|value| planner.computed(value, &nothing)?.evaluate(&one_row()?)?.into_array(1));
        column.missing = Some(computed.map_err(from_datafusion)?);
    }
    if has_rows && !column.nullable && column.missing.is_none() {
        let message =
            format!("column {} is NOT NULL, and the rows that are there have no value for it", column.name);
        return Err(VarveError::new(ErrorCode::ConstraintViolated, message, "give it a DEFAULT"));
    }
    Ok(())
}

/// A row without columns.
fn one_row() -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
}

fn drop_column(version: &Version, table: &mut Table, name: &str, if_exists: bool) -> Result<()> {
    let Some(position) = table.position(name) else {
        return if if_exists { Ok(()) } else { Err(unknown("column", name)) };
    };
    let id = table.columns[position].id;
    let is_indexed =
        version.indexes.iter().any(|index| index.table == table.id && index.columns.contains(&id));
    if table.primary_key.contains(&id) || is_indexed || checks_name(table, name)? || table.columns.len() == 1
    {
        let message = format!("column {name} is part of a key, an index or a CHECK, or the last one");
        return Err(VarveError::new(ErrorCode::ConstraintViolated, message, "drop that first"));
    }
    table.columns.remove(position);
    Ok(())
}

fn rename_column(table: &mut Table, old: &str, new: String) -> Result<()> {
    let position = table.position(old).ok_or_else(|| unknown("column", old))?;
    if table.position(&new).is_some() {
        return Err(exists("column", &new));
    }
    if checks_name(table, old)? {
        return Err(unsupported(format!("column {old} stands in a CHECK: drop that before renaming")));
    }
    table.columns[position].name = new;
    Ok(())
}

/// Whether a CHECK names the column.
fn checks_name(table: &Table, name: &str) -> Result<bool> {
    let mut column = NamedColumn { name, is_found: false };
    for check in &table.checks {
        look(&parse::expression(&check.expression)?, &mut column)?;
    }
    Ok(column.is_found)
}

struct NamedColumn<'n> {
    name: &'n str,
    is_found: bool,
}

impl Visitor for NamedColumn<'_> {
    type Break = VarveError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<VarveError> {
        let column = match expr {
            Expr::Identifier(column) => Some(column),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        self.is_found |= column.is_some_and(|column| names::ident(column) == self.name);
        ControlFlow::Continue(())
    }
}
