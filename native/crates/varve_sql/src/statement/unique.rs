//! UNIQUE constraints of a new table: each is a unique index. NULLs are unlike each other.

use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, Expr, NullsDistinctOption, TableConstraint, UniqueConstraint,
};
use varve_table::{ColumnId, Index, IndexId, Table, Transaction};
use varve_types::Result;

use super::define::key_column;
use super::names;
use crate::error::unsupported;

/// One constraint: its name, if it has one, and its columns.
pub(super) struct Unique {
    name: Option<String>,
    columns: Vec<ColumnId>,
}

/// The constraints of a CREATE TABLE whose columns `table` has.
///
/// # Errors
/// `SQL_NAME`, and `SQL_UNSUPPORTED` for NULLS NOT DISTINCT and DEFERRABLE.
pub(super) fn of(create: &CreateTable, table: &Table) -> Result<Vec<Unique>> {
    let mut found = Vec::new();
    for definition in &create.columns {
        if let Some(constraint) = in_column(definition) {
            let id = table.columns[key_column(table, &Expr::Identifier(definition.name.clone()))?].id;
            found.push(Unique { name: named(constraint)?, columns: vec![id] });
        }
    }
    for constraint in &create.constraints {
        if let TableConstraint::Unique(constraint) = constraint {
            let columns = constraint.columns.iter();
            let columns = columns.map(|part| Ok(table.columns[key_column(table, &part.column.expr)?].id));
            found.push(Unique { name: named(constraint)?, columns: columns.collect::<Result<_>>()? });
        }
    }
    Ok(found)
}

/// The UNIQUE of a column.
pub(super) fn in_column(definition: &ColumnDef) -> Option<&UniqueConstraint> {
    definition.options.iter().find_map(|option| match &option.option {
        ColumnOption::Unique(constraint) => Some(constraint),
        _ => None,
    })
}

fn named(constraint: &UniqueConstraint) -> Result<Option<String>> {
    if constraint.characteristics.is_some() || constraint.nulls_distinct == NullsDistinctOption::NotDistinct {
        return Err(unsupported("UNIQUE that is DEFERRABLE or takes NULLs for alike is not there"));
    }
    Ok(constraint.name.as_ref().map(names::ident))
}

/// Makes the indexes, once the table is there.
///
/// # Errors
/// Those of [`Transaction::create_index`].
pub(super) async fn create(
    transaction: &mut Transaction,
    table: &Table,
    constraints: Vec<Unique>,
) -> Result<()> {
    for Unique { name, columns } in constraints {
        let names = table.columns.iter().filter(|column| columns.contains(&column.id));
        let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
        let name = name.unwrap_or_else(|| format!("{}_{}_key", table.name, names.join("_")));
        let id = IndexId(transaction.next_id());
        transaction.create_index(Index { id, table: table.id, name, columns, unique: true }).await?;
    }
    Ok(())
}
