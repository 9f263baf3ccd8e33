//! Columns of a query around that a query shows. DataFusion names them `outer_ref(t.a)`, where SQL says `a`.

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, SetExpr};

use super::names::ident;
use super::using::tables;

/// Names what `select` shows of `around`, the tables of the queries around it. Of names without a table only a query without
/// tables tells that they are not its own.
pub(super) fn settle(select: &mut Select, around: &[String]) {
    let own = tables(&select.from);
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let name = match expr {
            Expr::Identifier(name) if own.is_empty() && !around.is_empty() => name,
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, column] if is_outer(&ident(table), &own, around) => column,
                _ => continue,
            },
            _ => continue,
        };
        let alias = Ident::with_quote('"', ident(name));
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
    }
}

fn is_outer(table: &String, own: &[String], around: &[String]) -> bool {
    around.contains(table) && !own.contains(table)
}

/// The tables of all that stands in a query's body.
pub(super) fn tables_in(body: &SetExpr) -> Vec<String> {
    match body {
        SetExpr::Select(select) => tables(&select.from),
        SetExpr::Query(query) => tables_in(&query.body),
        SetExpr::SetOperation { left, right, .. } => [tables_in(left), tables_in(right)].concat(),
        _ => Vec::new(),
    }
}
