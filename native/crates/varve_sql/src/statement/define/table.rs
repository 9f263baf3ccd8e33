//! CREATE TABLE and DROP TABLE.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, Expr, ObjectName, Statement, TableConstraint,
};
use varve_table::{Check, Column, ColumnId, Table, TableId, Transaction, Version};
use varve_types::{ErrorCode, Result, VarveError};

use super::super::names::{self, Name};
use super::super::{external, rows, texts, unique};
use super::{Dropping, drop_view};
use crate::catalogue::schemas;
use crate::error::{exists, from_datafusion, unknown, unsupported};
use crate::limits;
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;
use crate::values::contains_subquery;

pub(in crate::statement) async fn create_table(
    run: &Run<'_>,
    transaction: &mut Transaction,
    create: CreateTable,
) -> Result<Output> {
    if create.temporary || create.external || create.like.is_some() {
        return Err(unsupported("TEMPORARY tables and LIKE are not there"));
    }
    let Name { schema, name } = names::object(&create.name)?;
    let version = transaction.snapshot();
    if let Some(old) = version.table(&schema, &name) {
        if create.if_not_exists {
            return Ok(Output::done(None));
        }
        if !create.or_replace {
            return Err(exists("table", &name));
        }
        transaction.drop_table(old.table.id)?;
    }
    check_free(&transaction.snapshot(), &schema, &name)?;
    let planner = run.planner(version);
    let mut table = Table {
        id: TableId(transaction.next_id()),
        schema,
        name,
        columns: Vec::new(),
        next_column: 0,
        primary_key: Vec::new(),
        checks: Vec::new(),
    };
    for definition in &create.columns {
        add_column(&planner, &mut table, definition)?;
    }
    for constraint in &create.constraints {
        add_constraint(&mut table, constraint)?;
    }
    let query = match create.query.clone() {
        Some(mut query) => {
            texts::in_columns(&mut query, table.columns.iter().map(|column| &column.data_type))?;
            Some(planner.plan(Statement::Query(query)).await.map_err(from_datafusion)?)
        }
        None => None,
    };
    if let (Some(plan), true) = (&query, table.columns.is_empty()) {
        let mut taken = BTreeSet::new();
        for field in plan.schema().fields() {
            let name = names::free(field.name(), &mut taken).value;
            add_field(&mut table, &Arc::new(field.as_ref().clone().with_name(name)))?;
        }
    }
    if table.columns.is_empty() {
        return Err(unsupported("a table without columns is not there"));
    }
    rows::Checks::new(&planner, &table)?;
    let unique = unique::of(&create, &table)?;
    transaction.put_table(table.clone())?;
    unique::create(transaction, &table, unique).await?;
    match query {
        Some(plan) => fill(run, &planner, transaction, &table, plan).await,
        None => Ok(Output::done(None)),
    }
}

/// CREATE TABLE ... AS.
async fn fill(
    run: &Run<'_>,
    planner: &Planner,
    transaction: &mut Transaction,
    table: &Table,
    plan: LogicalPlan,
) -> Result<Output> {
    let given = plan.schema().columns();
    if given.len() != table.columns.len() {
        let message = format!("the query has {} columns, the table {}", given.len(), table.columns.len());
        return Err(VarveError::new(ErrorCode::SqlType, message, ""));
    }
    let values = given.into_iter().map(datafusion::logical_expr::Expr::Column).collect();
    let plan = rows::cast(plan, values, table)?;
    let rows = rows::Checks::new(planner, table)?.checked(run.stream(planner, plan).await?);
    let count = transaction.append(table.id, rows).await?;
    Ok(Output::done(Some(count)))
}

pub(super) fn check_free(version: &Version, schema: &str, name: &str) -> Result<()> {
    if !schemas(version).any(|other| other == schema) {
        return Err(unknown("schema", schema));
    }
    if version.table(schema, name).is_some() {
        return Err(exists("table", name));
    }
    if version.view(schema, name).is_some() {
        return Err(exists("view", name));
    }
    Ok(())
}

pub(super) fn add_column(planner: &Planner, table: &mut Table, definition: &ColumnDef) -> Result<()> {
    let schema = SqlToRel::new(planner).build_schema(vec![definition.clone()]).map_err(from_datafusion)?;
    let field = Arc::clone(&schema.fields()[0]);
    add_field(table, &field)?;
    let Some(mut column) = table.columns.pop() else { return Ok(()) };
    column.nullable = true;
    for option in &definition.options {
        match &option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => column.nullable = false,
            ColumnOption::Default(value) => {
                let known = planner.expr(value.clone(), &DFSchema::empty()).map_err(from_datafusion)?;
                if contains_subquery(&known) {
                    return Err(unsupported("a query in a DEFAULT is not there"));
                }
                column.default = Some(value.to_string());
            }
            ColumnOption::PrimaryKey(_) => {
                if !table.primary_key.is_empty() {
                    return Err(unsupported("a table has one primary key"));
                }
                column.nullable = false;
                table.primary_key.push(column.id);
            }
            ColumnOption::Check(check) => {
                add_check(table, check.name.as_ref().map(names::ident), &check.expr)
            }
            // A UNIQUE becomes an index when the table is there.
            ColumnOption::Comment(_) | ColumnOption::Unique(_) => {}
            other => return Err(unsupported(format!("the column option {other} is not there"))),
        }
    }
    table.columns.push(column);
    Ok(())
}

fn add_field(table: &mut Table, field: &FieldRef) -> Result<()> {
    if table.position(field.name()).is_some() {
        return Err(exists("column", field.name()));
    }
    // A column of nothing but NULL has no type of its own.
    let data_type = match field.data_type() {
        DataType::Null => DataType::Utf8View,
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) if value.is_string() => DataType::Utf8View,
        other => other.clone(),
    };
    limits::columns(&format!("table {}", table.name), table.columns.len() + 1)?;
    let id = ColumnId(table.next_column);
    table.next_column += 1;
    table.columns.push(Column {
        id,
        name: field.name().clone(),
        data_type,
        nullable: true,
        default: None,
        missing: None,
        metadata: HashMap::clone(field.metadata()),
    });
    Ok(())
}

fn add_constraint(table: &mut Table, constraint: &TableConstraint) -> Result<()> {
    match constraint {
        TableConstraint::PrimaryKey(key) => {
            if !table.primary_key.is_empty() {
                return Err(unsupported("a table has one primary key"));
            }
            for part in &key.columns {
                let position = key_column(table, &part.column.expr)?;
                table.columns[position].nullable = false;
                table.primary_key.push(table.columns[position].id);
            }
            Ok(())
        }
        TableConstraint::Check(check) => {
            add_check(table, check.name.as_ref().map(names::ident), &check.expr);
            Ok(())
        }
        TableConstraint::Unique(_) => Ok(()),
        other => Err(unsupported(format!("the constraint {other} is not there"))),
    }
}

fn add_check(table: &mut Table, name: Option<String>, condition: &Expr) {
    let name = name.unwrap_or_else(|| format!("{}_check{}", table.name, table.checks.len() + 1));
    table.checks.push(Check { name, expression: condition.to_string() });
}

/// The position of a column that a key names.
pub(in crate::statement) fn key_column(table: &Table, part: &Expr) -> Result<usize> {
    let Expr::Identifier(name) = part else {
        return Err(unsupported(format!("a key over the expression {part} is not there")));
    };
    let name = names::ident(name);
    table.position(&name).ok_or_else(|| unknown("column", &name))
}

pub(in crate::statement) fn drop_table(
    transaction: &mut Transaction,
    name: &ObjectName,
    dropping: Dropping,
) -> Result<()> {
    match names::table(&transaction.snapshot(), name) {
        Ok(found) => transaction.drop_table(found.table.id),
        Err(error) if error.code() == ErrorCode::SqlUnsupported && is_external(transaction, name)? => {
            drop_view(transaction, name, dropping)
        }
        Err(error) if dropping.if_exists && error.code() == ErrorCode::SqlName => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_external(transaction: &Transaction, name: &ObjectName) -> Result<bool> {
    let Name { schema, name } = names::object(name)?;
    Ok(transaction.snapshot().view(&schema, &name).is_some_and(external::is_external))
}
