//! `y.*` with y's columns one by one, where a join shows another's values in place of some of them.

use datafusion::common::{Column, Result, plan_datafusion_err};
use datafusion::sql::sqlparser::ast::{
    Select, SelectItem, SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins,
};

use super::joins::{Hidden, last, name_of};
use crate::statement::columns::{Scope, items};

/// Names them, if `hidden` may hide any.
///
/// # Errors
/// Where they are not known, as of a query about tables before it.
pub(super) fn settle(select: &mut Select, hidden: &Hidden, scope: &Scope<'_>) -> Result<()> {
    let is_hidden = |item: &SelectItem| whole(item).is_some_and(|table| hidden.may_hide_any_of(&table));
    if !select.projection.iter().any(is_hidden) {
        return Ok(());
    }
    for shown in std::mem::take(&mut select.projection) {
        match whole(&shown) {
            Some(table) => {
                let columns = columns(select, shown.clone(), &table, scope)?;
                select.projection.extend(items(&shown, &columns));
            }
            None => select.projection.push(shown),
        }
    }
    Ok(())
}

/// The table that an item shows whole.
fn whole(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            Some(last(name))
        }
        _ => None,
    }
}

/// The columns that `item` shows of its table.
fn columns(select: &Select, item: SelectItem, table: &str, scope: &Scope<'_>) -> Result<Vec<Column>> {
    let relation = select.from.iter().find_map(|tree| find(tree, table));
    let relation = relation.ok_or_else(|| plan_datafusion_err!("table '{table}' not found"))?.clone();
    scope.columns(item, vec![TableWithJoins { relation, joins: Vec::new() }])
}

/// What `table` is in FROM.
fn find<'s>(tree: &'s TableWithJoins, table: &str) -> Option<&'s TableFactor> {
    let joined = tree.joins.iter().map(|join| &join.relation);
    std::iter::once(&tree.relation).chain(joined).find_map(|relation| match relation {
        TableFactor::NestedJoin { table_with_joins, alias: None } => find(table_with_joins, table),
        relation => (name_of(relation).as_deref() == Some(table)).then_some(relation),
    })
}
