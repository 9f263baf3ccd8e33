//! CREATE INDEX and DROP INDEX.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{CreateIndex, ObjectName};
use varve_table::{Index, IndexId, Transaction, Version};
use varve_types::Result;

use super::super::names::{self, Name};
use super::{Dropping, key_column};
use crate::error::{exists, unsupported};
use crate::output::Output;

pub(in crate::statement) async fn create_index(
    transaction: &mut Transaction,
    create: CreateIndex,
) -> Result<Output> {
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

pub(in crate::statement) fn drop_index(
    transaction: &mut Transaction,
    name: &ObjectName,
    dropping: Dropping,
) -> Result<()> {
    let Name { schema, name } = names::object(name)?;
    let version = transaction.snapshot();
    match find_index(&version, &schema, &name) {
        Some(index) => transaction.drop_index(index.table, index.id),
        None => dropping.nothing("index", &name),
    }
}
