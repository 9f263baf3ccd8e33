//! Columns named with their table, of joins that show one column for two.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, TableFactor, TableWithJoins, Visitor, VisitorMut,
};
use varve_types::VarveError;

use super::joins::{is_shared, tables, tables_of};
use crate::statement::names::ident;
use crate::statement::walk::change;

/// A table and a column of it.
pub(super) type Named = (String, String);

/// The name that a column of one side has outside the brackets. With a dot DataFusion would take it for the column of a table.
pub(crate) fn outside(table: &str, column: &str) -> String {
    format!("{table}\u{b7}{column}")
}

/// The columns that are named with their table.
#[derive(Default)]
pub(super) struct Names(pub BTreeSet<Named>);

impl Visitor for Names {
    type Break = VarveError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<VarveError> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [table, column, ..] = parts.as_slice()
        {
            self.0.insert((ident(table), ident(column)));
        }
        ControlFlow::Continue(())
    }
}

/// Names what is asked for as it is outside the brackets.
pub(super) struct Renaming<'a> {
    asked: &'a BTreeSet<Named>,
    /// The tables of the queries that it is in, which may have the same names.
    shadows: Vec<BTreeSet<String>>,
}

impl<'a> Renaming<'a> {
    pub(super) const fn new(asked: &'a BTreeSet<Named>) -> Self {
        Self { asked, shadows: Vec::new() }
    }

    /// The name of a column that keeps it, whatever else has it.
    pub(super) fn kept(&self, item: &SelectItem) -> Option<String> {
        match item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) if self.name(parts).is_none() => {
                parts.last().map(ident)
            }
            SelectItem::ExprWithAlias { alias, .. } => Some(ident(alias)),
            _ => None,
        }
    }

    pub(super) fn name(&self, parts: &[Ident]) -> Option<String> {
        let [table, column, ..] = parts else { return None };
        let named = (ident(table), ident(column));
        let is_shadowed = self.shadows.iter().any(|tables| tables.contains(&named.0));
        (self.asked.contains(&named) && !is_shadowed).then(|| outside(&named.0, &named.1))
    }
}

impl VisitorMut for Renaming<'_> {
    type Break = Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        self.shadows.push(tables(&select.from).into_iter().collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<Infallible> {
        self.shadows.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some(name) = self.name(parts)
        {
            let name = Ident::with_quote('"', name);
            *expr = match parts.split_off(2) {
                rest if rest.is_empty() => Expr::Identifier(name),
                rest => Expr::CompoundIdentifier(std::iter::once(name).chain(rest).collect()),
            };
        }
        ControlFlow::Continue(())
    }
}

/// Names what is asked for as it is outside the brackets, in conditions and lateral queries of FROM that stand there.
pub(super) fn in_from(from: &mut [TableWithJoins], asked: &BTreeSet<Named>) {
    let mut bracketed = BTreeSet::new();
    for table in from {
        bracketed = in_joins(table, asked, bracketed);
    }
}

/// `bracketed` are the tables whose columns have such names in front of `table`; those behind it.
fn in_joins(
    table: &mut TableWithJoins,
    asked: &BTreeSet<Named>,
    mut bracketed: BTreeSet<String>,
) -> BTreeSet<String> {
    bracketed = in_factor(&mut table.relation, asked, bracketed);
    for join in &mut table.joins {
        bracketed = in_factor(&mut join.relation, asked, bracketed);
        change(&mut join.join_operator, &mut Renaming::new(&of_tables(asked, &bracketed)));
    }
    if table.joins.iter().any(is_shared) {
        bracketed.extend(tables_of(table));
    }
    bracketed
}

fn in_factor(
    factor: &mut TableFactor,
    asked: &BTreeSet<Named>,
    bracketed: BTreeSet<String>,
) -> BTreeSet<String> {
    match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => {
            in_joins(table_with_joins, asked, bracketed)
        }
        // It sees nothing of what is in front of it.
        TableFactor::Derived { lateral: false, .. } => bracketed,
        other => {
            change(other, &mut Renaming::new(&of_tables(asked, &bracketed)));
            bracketed
        }
    }
}

fn of_tables(asked: &BTreeSet<Named>, tables: &BTreeSet<String>) -> BTreeSet<Named> {
    asked.iter().filter(|(table, _)| tables.contains(table)).cloned().collect()
}
