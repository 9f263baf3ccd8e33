//! Columns that have the same name. SQL allows them, DataFusion does not: the second is renamed.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, SetExpr, UnaryOperator};

use super::columns::{self, Scope};
use super::names::{free, ident};
use super::using::tables;
use super::walk::change_expressions;

/// Gives columns of one name a name of their own: `a`, `a_2`, `a_3`. What `*` stands for is named one by one for it. Of an
/// answer, columns of several tables may have one name until it is given.
pub(super) fn settle(select: &mut Select, is_answer: bool, scope: &Scope<'_>) {
    let tables = tables(&select.from);
    select.projection.iter_mut().for_each(name_cast);
    let count = select.projection.iter().filter(|item| is_all(item)).count();
    let others = select.projection.iter().filter_map(|item| shown(item, &tables)).count();
    if count > 1 || (count == 1 && (others > 0 || (tables.len() > 1 && !is_answer))) {
        name_all(select, &tables, scope);
    }
    let mut taken = BTreeSet::new();
    for item in &mut select.projection {
        let Some((name, text)) = name_of(item, &tables) else { continue };
        if taken.insert(name) {
            taken.insert(text);
        } else {
            rename(item, free(&text, &mut taken));
        }
    }
}

/// Names what is computed on the right side of a set operation, whose names nobody sees: DataFusion gives it those of the left
/// side, which columns may have: `SELECT a, b FROM t UNION SELECT b, a + b FROM t` would have two `b`.
pub(super) fn name_apart(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            let tables = tables(&select.from);
            let mut taken = select.projection.iter().filter_map(|item| shown(item, &tables)).collect();
            for item in &mut select.projection {
                if let (SelectItem::UnnamedExpr(expr), None) = (&*item, shown(item, &tables)) {
                    let name = free(&expr.to_string(), &mut taken);
                    rename(item, name);
                }
            }
        }
        SetExpr::Query(query) => name_apart(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            name_apart(left);
            name_apart(right);
        }
        _ => {}
    }
}

/// Names the cast of a column as it is written: DataFusion gives it the name of the column, which is then another one to
/// `ORDER BY`.
fn name_cast(item: &mut SelectItem) {
    let SelectItem::UnnamedExpr(expr @ Expr::Cast { .. }) = item else { return };
    let mut of = &*expr;
    while let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = of {
        of = inner.as_ref();
    }
    if matches!(of, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
        let name = Ident::with_quote('"', expr.to_string());
        rename(item, name);
    }
}

fn is_all(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

/// Names what each `*` stands for, if a column of it is there twice.
fn name_all(select: &mut Select, tables: &[String], scope: &Scope<'_>) {
    let (mut taken, mut is_repeated, mut items) = (BTreeSet::new(), false, Vec::new());
    for item in &select.projection {
        if is_all(item) {
            // What is not known here, as columns of a query about tables around it, is left to the planner.
            let Ok(columns) = scope.columns(item.clone(), select.from.clone()) else { return };
            is_repeated |= columns.iter().any(|column| !taken.insert(column.name.clone()));
            items.extend(columns::items(item, &columns));
        } else {
            is_repeated |= shown(item, tables).is_some_and(|name| !taken.insert(name));
            items.push(item.clone());
        }
    }
    if is_repeated {
        select.projection = items;
    }
}

fn rename(item: &mut SelectItem, name: Ident) {
    match item {
        SelectItem::UnnamedExpr(expr) => {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: name };
        }
        SelectItem::ExprWithAlias { alias, .. } => *alias = name,
        _ => {}
    }
}

/// The name of a column that an item is, or the one that it is given. What follows anything but a table is a field.
fn shown(item: &SelectItem, tables: &[String]) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(ident(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => match parts.as_slice() {
            [.., table, column] if tables.contains(&ident(table)) => Some(ident(column)),
            _ => None,
        },
        SelectItem::ExprWithAlias { alias, .. } => Some(ident(alias)),
        _ => None,
    }
}

/// The name that an item gives its column, as far as its text tells, and the one that it is written with.
fn name_of(item: &SelectItem, tables: &[String]) -> Option<(String, String)> {
    if let Some(name) = shown(item, tables) {
        return Some((name.clone(), name));
    }
    let SelectItem::UnnamedExpr(expr) = item else { return None };
    let mut bare = expr.clone();
    change_expressions(&mut bare, unname);
    Some((bare.to_string().to_lowercase(), expr.to_string().to_lowercase()))
}

fn named(name: &str) -> Expr {
    Expr::Identifier(Ident::new(name))
}

/// Leaves out what DataFusion leaves out of a column's name: brackets, casts, the sign of `+ a`, and of a query all but its
/// first column's name, or that there is one. It puts brackets around what has one operand.
fn unname(expr: &mut Expr) {
    let place = std::mem::replace(expr, Expr::value(datafusion::sql::sqlparser::ast::Value::Null));
    *expr = match place {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => *inner,
        Expr::Cast { expr: inner, .. } => *inner,
        Expr::TypedString(typed) => Expr::Value(typed.value),
        Expr::InSubquery { negated, .. } => named(if negated { "NOT IN" } else { "IN" }),
        Expr::Exists { negated, .. } => named(if negated { "NOT EXISTS" } else { "EXISTS" }),
        Expr::Subquery(query) => {
            let shown = query.body.as_select().and_then(|select| match select.projection.as_slice() {
                [item] => name_of(item, &tables(&select.from)),
                _ => None,
            });
            shown.map_or(Expr::Subquery(query), |(name, _)| named(&name))
        }
        operation @ Expr::UnaryOp { .. } => Expr::Nested(Box::new(operation)),
        other => other,
    };
}
