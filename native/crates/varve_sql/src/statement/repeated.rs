//! Columns of an answer that have the same name. SQL allows them, DataFusion does not: the second is renamed.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, UnaryOperator, VisitorMut,
};

use super::names::free;
use super::walk::change;

/// Gives columns of the answer of `statement` that have the same text a name of their own: `a`, `a_2`, `a_3`. Those of
/// queries within are left, where two columns of one name cannot be told apart.
pub(super) fn rename(statement: &mut Statement) {
    match statement {
        Statement::Query(query) => rename_in(&mut query.body),
        Statement::Insert(insert) => rename_of(insert.source.as_deref_mut()),
        Statement::CreateTable(create) => rename_of(create.query.as_deref_mut()),
        Statement::CreateView(create) => rename_in(&mut create.query.body),
        Statement::Explain { statement, .. } => rename(statement),
        _ => {}
    }
}

fn rename_of(query: Option<&mut Query>) {
    if let Some(query) = query {
        rename_in(&mut query.body);
    }
}

fn rename_in(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => rename_columns(select),
        SetExpr::Query(query) => rename_in(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            rename_in(left);
            rename_in(right);
        }
        _ => {}
    }
}

fn rename_columns(select: &mut Select) {
    let mut names = BTreeSet::new();
    for item in &mut select.projection {
        let Some((name, text)) = name_of(item) else { continue };
        if names.insert(name) {
            names.insert(text);
            continue;
        }
        let alias = free(&text, &mut names);
        match item {
            SelectItem::UnnamedExpr(expr) => {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
            SelectItem::ExprWithAlias { alias: old, .. } => *old = alias,
            _ => {}
        }
    }
}

/// The name that an item gives its column, as far as its text tells, and the one that it is written with.
fn name_of(item: &SelectItem) -> Option<(String, String)> {
    let name = match item {
        SelectItem::UnnamedExpr(expr) => {
            let mut bare = expr.clone();
            change(&mut bare, &mut Unnamed);
            return Some((bare.to_string().to_lowercase(), expr.to_string().to_lowercase()));
        }
        SelectItem::ExprWithAlias { alias, .. } if alias.quote_style.is_none() => alias.value.to_lowercase(),
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        _ => return None,
    };
    Some((name.clone(), name))
}

fn named(name: &str) -> Expr {
    Expr::Identifier(Ident::new(name))
}

/// Leaves out what DataFusion leaves out of a column's name: brackets, casts, the sign of `+ a`, and of a query all but its
/// first column's name, or that there is one. It puts brackets around what has one operand.
struct Unnamed;

impl VisitorMut for Unnamed {
    type Break = Infallible;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        let place = std::mem::replace(expr, Expr::value(datafusion::sql::sqlparser::ast::Value::Null));
        *expr = match place {
            Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => *inner,
            Expr::Cast { expr: inner, .. } => *inner,
            Expr::InSubquery { negated, .. } => named(if negated { "NOT IN" } else { "IN" }),
            Expr::Exists { negated, .. } => named(if negated { "NOT EXISTS" } else { "EXISTS" }),
            Expr::Subquery(query) => {
                match query.body.as_select().map(|select| select.projection.as_slice()) {
                    Some([item]) => name_of(item).map_or(Expr::Subquery(query), |(name, _)| named(&name)),
                    _ => Expr::Subquery(query),
                }
            }
            operation @ Expr::UnaryOp { .. } => Expr::Nested(Box::new(operation)),
            other => other,
        };
        ControlFlow::Continue(())
    }
}
