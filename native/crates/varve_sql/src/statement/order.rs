//! ORDER BY in the way that SQL's planner knows.
//!
//! - `ORDER BY ALL` is by the numbers of what is selected, where no item stands for many columns, and so is `ORDER BY a + 1`
//!   in `SELECT DISTINCT a + 1`.
//! - The planner of DataFusion 55.2 takes a number for the column that comes out, which it does not find among groups:
//!   `SELECT abs(a), count(*) FROM t GROUP BY a ORDER BY 1` was an error, and so was `SELECT sum(a) + 1 FROM t ORDER BY 1`. And a key that is not selected comes out of the query
//!   first, where it has no other name than what is selected in `SELECT upper(t.s) AS s FROM t ORDER BY t.s`. Then the query
//!   stands in FROM, and what it is to be sorted by is among its columns.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Function, GroupByExpr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, Select,
    SelectItem, SetExpr, Statement, TableFactor, Value, ValueWithSpan, Visitor,
};
use varve_types::VarveError;

use super::names::{self, ident};
use super::parse;
use super::walk::look;

/// Names of functions that aggregate.
static AGGREGATES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let functions = all_default_aggregate_functions();
    let names = functions.iter().flat_map(|function| names::of_function(function.name(), function.aliases()));
    names.collect()
});

/// Writes it in this way.
pub(super) fn settle(query: &mut Query) {
    let (SetExpr::Select(select), Some(OrderBy { kind, .. })) = (query.body.as_ref(), &mut query.order_by)
    else {
        return;
    };
    if select.projection.is_empty() || !select.projection.iter().all(is_one_column) {
        return;
    }
    match kind {
        OrderByKind::All(options) => {
            let keys = (1..=select.projection.len()).map(|number| OrderByExpr {
                expr: written(number),
                options: *options,
                with_fill: None,
            });
            *kind = OrderByKind::Expressions(keys.collect());
        }
        OrderByKind::Expressions(keys) if select.distinct == Some(Distinct::Distinct) => {
            for key in keys.iter_mut().filter(|key| !matches!(key.expr, Expr::Identifier(_))) {
                if let Some(number) = number(&key.expr, select) {
                    key.expr = written(number);
                }
            }
        }
        OrderByKind::Expressions(_) => {}
    }
    let OrderByKind::Expressions(keys) = kind else { return };
    if !keys.iter().any(|key| is_lost(&key.expr, select)) {
        return;
    }
    let numbers: Vec<_> = keys.iter().map(|key| number(&key.expr, select)).collect();
    let others = keys.iter().zip(&numbers).filter(|(_, number)| number.is_none());
    let others: Vec<_> = others.map(|(key, _)| key.expr.clone()).collect();
    let Some(body) = with_keys(select, &others) else { return };
    let mut places = 0..;
    for (key, number) in keys.iter_mut().zip(numbers) {
        let hidden = || Expr::Identifier(hidden_key(places.next().unwrap_or_default()));
        key.expr = number.map_or_else(hidden, written);
    }
    query.body = body;
}

fn is_one_column(item: &SelectItem) -> bool {
    matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
}

fn is_grouped(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty()) || aggregates(select)
}

/// Whether what is selected is of all rows together.
fn aggregates(select: &Select) -> bool {
    let mut aggregates = Aggregates { is_found: false };
    look(&select.projection, &mut aggregates).is_ok() && aggregates.is_found
}

struct Aggregates {
    is_found: bool,
}

impl Visitor for Aggregates {
    type Break = VarveError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<VarveError> {
        if let Expr::Function(Function { name, over: None, .. }) = expr {
            self.is_found |= names::column(name).is_ok_and(|name| AGGREGATES.contains(&name));
        }
        ControlFlow::Continue(())
    }
}

/// Whether a key is one that is not found where DataFusion looks for it.
fn is_lost(key: &Expr, select: &Select) -> bool {
    is_beside_its_name(key, select) || (is_of_computed(key, select) && is_grouped(select))
}

/// Whether a key is the number of what is computed and has no name.
fn is_of_computed(key: &Expr, select: &Select) -> bool {
    let item = numbered(key).and_then(|number| select.projection.get(number.checked_sub(1)?));
    match item {
        Some(SelectItem::UnnamedExpr(expr)) => {
            !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        _ => false,
    }
}

/// The number of the item that a key is.
fn number(key: &Expr, select: &Select) -> Option<usize> {
    let is_named = |item: &SelectItem| match (item, key) {
        (SelectItem::ExprWithAlias { alias, .. }, Expr::Identifier(name)) => ident(alias) == ident(name),
        _ => false,
    };
    let is_written = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr == key,
        _ => false,
    };
    numbered(key).or_else(|| {
        let mut items = select.projection.iter();
        let place = items.position(is_named).or_else(|| select.projection.iter().position(is_written))?;
        Some(place + 1)
    })
}

/// Whether a key is a column of a table, and something else is selected under its name.
fn is_beside_its_name(key: &Expr, select: &Select) -> bool {
    let Expr::CompoundIdentifier(parts) = key else { return false };
    let is_its = |item: &SelectItem| match (item, parts.last()) {
        (SelectItem::ExprWithAlias { alias, expr }, Some(name)) => ident(alias) == ident(name) && expr != key,
        _ => false,
    };
    number(key, select).is_none() && select.projection.iter().any(is_its)
}

/// What `select` selects, over a query that has `keys` besides; `None` where they would make other rows.
fn with_keys(select: &Select, keys: &[Expr]) -> Option<Box<SetExpr>> {
    let are_more = select.distinct.is_some() || matches!(select.group_by, GroupByExpr::All(_));
    if are_more && !keys.is_empty() {
        return None;
    }
    let mut with = select.clone();
    let named = |(place, key): (usize, &Expr)| SelectItem::ExprWithAlias {
        expr: key.clone(),
        alias: hidden_key(place),
    };
    with.projection.extend(keys.iter().enumerate().map(named));
    let hidden: Vec<_> = (0..keys.len()).map(|place| hidden_key(place).to_string()).collect();
    let but = if hidden.is_empty() { String::new() } else { format!("EXCLUDE ({})", hidden.join(", ")) };
    let Ok(Statement::Query(mut over)) = parse::one(&format!("SELECT * {but} FROM (SELECT 1)")) else {
        return None;
    };
    let SetExpr::Select(outer) = over.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut outer.from.first_mut()?.relation else { return None };
    *subquery.body = SetExpr::Select(Box::new(with));
    Some(over.body)
}

fn hidden_key(place: usize) -> Ident {
    Ident::with_quote('"', format!("\u{1}key{place}"))
}

fn numbered(key: &Expr) -> Option<usize> {
    match key {
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => text.parse().ok(),
        _ => None,
    }
}

fn written(number: usize) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}
