//! CREATE, ALTER and DROP.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{
    AlterTable, AlterTableOperation, ColumnDef, ColumnOption, CreateIndex, CreateTable, CreateView, Expr,
    ObjectName, RenameTableNameKind, SchemaName, Statement, TableConstraint, Visitor,
};
use varve_table::{
    Check, Column, ColumnId, DEFAULT_SCHEMA, Index, IndexId, Table, TableId, Transaction, Version, View,
};
use varve_types::{ErrorCode, Result, VarveError};

use super::names::{self, Name};
use super::walk::look;
use super::{external, parse, rows, texts, unique};
use crate::catalogue::schemas;
use crate::error::{exists, from_datafusion, unknown, unsupported};
use crate::limits;
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;
use crate::values::contains_subquery;

/// How a DROP takes it when something is not there, or something else stands on it.
#[derive(Clone, Copy)]
pub(super) struct Dropping {
    pub if_exists: bool,
    pub cascade: bool,
}

pub(super) async fn create_table(
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

fn check_free(version: &Version, schema: &str, name: &str) -> Result<()> {
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

fn add_column(planner: &Planner, table: &mut Table, definition: &ColumnDef) -> Result<()> {
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
pub(super) fn key_column(table: &Table, part: &Expr) -> Result<usize> {
    let Expr::Identifier(name) = part else {
        return Err(unsupported(format!("a key over the expression {part} is not there")));
    };
    let name = names::ident(name);
    table.position(&name).ok_or_else(|| unknown("column", &name))
}

pub(super) async fn create_view(
    run: &Run<'_>,
    transaction: &mut Transaction,
    create: CreateView,
) -> Result<Output> {
    if create.materialized || create.temporary {
        return Err(unsupported("MATERIALIZED and TEMPORARY views are not there"));
    }
    let Name { schema, name } = names::object(&create.name)?;
    let version = transaction.snapshot();
    if version.view(&schema, &name).is_some() {
        if create.if_not_exists {
            return Ok(Output::done(None));
        }
        if !create.or_replace {
            return Err(exists("view", &name));
        }
    } else {
        check_free(&version, &schema, &name)?;
    }
    let query = create.query.to_string();
    let sql = if create.columns.is_empty() {
        query
    } else {
        let columns: Vec<String> =
            create.columns.iter().map(|column| names::quoted(&names::ident(&column.name))).collect();
        format!("SELECT * FROM ({query}) AS {} ({})", names::quoted(&name), columns.join(", "))
    };
    run.planner(version).plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
    transaction.put_view(View { schema, name, sql })?;
    Ok(Output::done(None))
}

pub(super) fn create_schema(
    transaction: &mut Transaction,
    name: &SchemaName,
    if_not_exists: bool,
) -> Result<Output> {
    let SchemaName::Simple(name) = name else { return Err(unsupported("AUTHORIZATION is not there")) };
    let name = names::object(name)?.name;
    if schemas(&transaction.snapshot()).any(|other| other == name) || name == "information_schema" {
        return if if_not_exists { Ok(Output::done(None)) } else { Err(exists("schema", &name)) };
    }
    transaction.create_schema(&name)?;
    Ok(Output::done(None))
}

pub(super) async fn create_index(transaction: &mut Transaction, create: CreateIndex) -> Result<Output> {
    if create.predicate.is_some() || !create.include.is_empty() {
        return Err(unsupported("partial and covering indexes are not there"));
    }
    let version = transaction.snapshot();
    let table = Arc::clone(&names::table(&version, &create.table_name)?.table);
    let mut columns = Vec::with_capacity(create.columns.len());
    for part in &create.columns {
        columns.push(table.columns[key_column(&table, &part.column.expr)?].id);
    }
    let name = match &create.name {
        Some(name) => names::object(name)?.name,
        None => format!("{}_index{}", table.name, transaction.next_id()),
    };
    if find_index(&version, &table.schema, &name).is_some() {
        return if create.if_not_exists { Ok(Output::done(None)) } else { Err(exists("index", &name)) };
    }
    let id = IndexId(transaction.next_id());
    transaction.create_index(Index { id, table: table.id, name, columns, unique: create.unique }).await?;
    Ok(Output::done(None))
}

fn find_index<'v>(version: &'v Version, schema: &str, name: &str) -> Option<&'v Index> {
    version.indexes.iter().find(|index| {
        let table = version.tables.get(&index.table);
        index.name == name && table.is_some_and(|version| version.table.schema == schema)
    })
}

pub(super) fn alter_table(run: &Run<'_>, transaction: &mut Transaction, alter: AlterTable) -> Result<Output> {
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

pub(super) fn drop_table(transaction: &mut Transaction, name: &ObjectName, dropping: Dropping) -> Result<()> {
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

pub(super) fn drop_view(transaction: &mut Transaction, name: &ObjectName, dropping: Dropping) -> Result<()> {
    let Name { schema, name } = names::object(name)?;
    match transaction.snapshot().view(&schema, &name) {
        Some(_) => transaction.drop_view(&schema, &name),
        None if dropping.if_exists => Ok(()),
        None => Err(unknown("view", &name)),
    }
}

pub(super) fn drop_index(transaction: &mut Transaction, name: &ObjectName, dropping: Dropping) -> Result<()> {
    let Name { schema, name } = names::object(name)?;
    let version = transaction.snapshot();
    match find_index(&version, &schema, &name) {
        Some(index) => transaction.drop_index(index.table, index.id),
        None if dropping.if_exists => Ok(()),
        None => Err(unknown("index", &name)),
    }
}

pub(super) fn drop_schema(
    transaction: &mut Transaction,
    name: &ObjectName,
    dropping: Dropping,
) -> Result<()> {
    let name = names::object(name)?.name;
    let version = transaction.snapshot();
    if !schemas(&version).any(|other| other == name) {
        return if dropping.if_exists { Ok(()) } else { Err(unknown("schema", &name)) };
    }
    let tables: Vec<TableId> = version
        .tables
        .values()
        .filter(|version| version.table.schema == name)
        .map(|version| version.table.id)
        .collect();
    let views: Vec<View> = version.views.iter().filter(|view| view.schema == name).cloned().collect();
    if name == DEFAULT_SCHEMA || (!dropping.cascade && (!tables.is_empty() || !views.is_empty())) {
        let message = format!("schema {name} is {DEFAULT_SCHEMA} or not empty");
        return Err(VarveError::new(
            ErrorCode::ConstraintViolated,
            message,
            "drop what is in it, or use CASCADE",
        ));
    }
    for table in tables {
        transaction.drop_table(table)?;
    }
    for view in views {
        transaction.drop_view(&view.schema, &view.name)?;
    }
    transaction.drop_schema(&name)
}
