//! CREATE SCHEMA and DROP SCHEMA.

use datafusion::sql::sqlparser::ast::{ObjectName, SchemaName};
use varve_table::{DEFAULT_SCHEMA, TableId, Transaction, View};
use varve_types::{ErrorCode, Result, VarveError};

use super::super::names;
use super::Dropping;
use crate::catalogue::schemas;
use crate::error::{exists, unsupported};
use crate::output::Output;

pub(in crate::statement) fn create_schema(
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

pub(in crate::statement) fn drop_schema(
    transaction: &mut Transaction,
    name: &ObjectName,
    dropping: Dropping,
) -> Result<()> {
    let name = names::object(name)?.name;
    let version = transaction.snapshot();
    if !schemas(&version).any(|other| other == name) {
        return dropping.nothing("schema", &name);
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
