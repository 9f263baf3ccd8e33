//! `y.*` with y's columns one by one, where a join shows another's values in place of some of them.

use std::collections::BTreeMap;

use datafusion::common::{Result, internal_err, plan_datafusion_err, plan_err};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator,
    Statement, TableFactor, TableWithJoins, With,
};

use super::Columns;
use super::joins::{Hidden, last, name_of};
use crate::error::into_datafusion;
use crate::statement::parse;

/// Names them, if `hidden` may hide any. `withs` stand before the query, from outside inwards.
///
/// # Errors
/// What `columns` fails with, as for a query that is about tables before it; and of `y.* REPLACE`.
pub(super) fn settle(
    select: &mut Select,
    hidden: &Hidden,
    withs: &[With],
    columns: Columns<'_>,
) -> Result<()> {
    let is_hidden = |item: &SelectItem| whole(item).is_some_and(|table| hidden.may_hide_any_of(&table));
    if !select.projection.iter().any(is_hidden) {
        return Ok(());
    }
    let mut known = BTreeMap::new();
    for item in std::mem::take(&mut select.projection) {
        let Some(table) = whole(&item) else {
            select.projection.push(item);
            continue;
        };
        let text = item.to_string();
        let names = match known.get(&text) {
            Some(names) => names,
            None => known.entry(text).or_insert(columns(query(select, item, &table, withs)?)?),
        };
        let quoted = |name: &String| Ident::with_quote('"', name);
        let named = names.iter().map(|name| vec![quoted(&table), quoted(name)]);
        select.projection.extend(named.map(Expr::CompoundIdentifier).map(SelectItem::UnnamedExpr));
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

/// The query for `item` alone, of its table alone.
fn query(select: &Select, item: SelectItem, table: &str, withs: &[With]) -> Result<Query> {
    if matches!(&item, SelectItem::QualifiedWildcard(_, options) if options.opt_replace.is_some()) {
        return plan_err!("{item} is not there beside USING and NATURAL: name the columns");
    }
    let relation = select.from.iter().find_map(|tree| find(tree, table));
    let relation = relation.ok_or_else(|| plan_datafusion_err!("table '{table}' not found"))?.clone();
    let Statement::Query(blank) = parse::one("SELECT 1").map_err(into_datafusion)? else {
        return internal_err!("a SELECT is no query");
    };
    let mut query = blank.as_ref().clone();
    if let SetExpr::Select(alone) = query.body.as_mut() {
        alone.projection = vec![item];
        alone.from = vec![TableWithJoins { relation, joins: Vec::new() }];
    }
    let withs = withs.iter().rev().filter(|with| !with.cte_tables.is_empty());
    Ok(withs.fold(query, |query, with| Query {
        with: Some(with.clone()),
        body: Box::new(SetExpr::Query(Box::new(query))),
        ..blank.as_ref().clone()
    }))
}

/// What `table` is in FROM.
fn find<'s>(tree: &'s TableWithJoins, table: &str) -> Option<&'s TableFactor> {
    let joined = tree.joins.iter().map(|join| &join.relation);
    std::iter::once(&tree.relation).chain(joined).find_map(|relation| match relation {
        TableFactor::NestedJoin { table_with_joins, alias: None } => find(table_with_joins, table),
        relation => (name_of(relation).as_deref() == Some(table)).then_some(relation),
    })
}

/// The part of a recursive query that is there first, as a query by itself: it has the same columns.
pub(super) fn first_part(table: &Cte) -> Option<Cte> {
    let SetExpr::SetOperation { op: SetOperator::Union, left, .. } = table.query.body.as_ref() else {
        return None;
    };
    let query = Query { body: left.clone(), ..table.query.as_ref().clone() };
    Some(Cte { query: Box::new(query), ..table.clone() })
}
