//! Columns of an answer that have the same name. SQL allows them, DataFusion does not: the second is renamed.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{Ident, Query, Select, SelectItem, SetExpr, Statement};

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
    let mut names = HashSet::new();
    for item in &mut select.projection {
        let Some(name) = name_of(item) else { continue };
        if names.insert(name.clone()) {
            continue;
        }
        let free = (2..).map(|count| format!("{name}_{count}")).find(|name| names.insert(name.clone()));
        let alias = Ident::with_quote('"', free.unwrap_or_default());
        match item {
            SelectItem::UnnamedExpr(expr) => {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
            SelectItem::ExprWithAlias { alias: old, .. } => *old = alias,
            _ => {}
        }
    }
}

/// The name that an item gives its column, as far as its text tells.
fn name_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(expr.to_string().to_lowercase()),
        SelectItem::ExprWithAlias { alias, .. } if alias.quote_style.is_none() => {
            Some(alias.value.to_lowercase())
        }
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    }
}
