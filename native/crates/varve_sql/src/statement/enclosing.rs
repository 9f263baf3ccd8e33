//! Columns of the query around a query that one of the query's own tables could seem to have.
//!
//! `EXISTS (SELECT 1 FROM emp WHERE emp.dept = dept.id)` means the table `dept` outside. DataFusion 55.2 first looks for a
//! field `id` in the column `dept` of `emp`, and stays there when it finds the column alone. With a schema before it, the name
//! is that of a table, of whatever schema that has a name without one.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, Statement, TableAlias, TableFactor, TableWithJoins, VisitorMut,
};

use super::names::ident;
use super::walk::change;

const SCHEMA: &str = "enclosing";

/// Puts a schema before the names of such tables.
pub(crate) fn name(statement: &mut Statement) {
    change(statement, &mut Scopes::default());
}

/// The tables that each SELECT around a place names, from outside inwards.
#[derive(Default)]
struct Scopes(Vec<Vec<Relation>>);

struct Relation {
    name: String,
    /// Whether it is named without a schema.
    is_bare: bool,
}

impl VisitorMut for Scopes {
    type Break = Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        let mut relations = Vec::new();
        for table in &select.from {
            collect(table, &mut relations);
        }
        self.0.push(relations);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<Infallible> {
        self.0.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [table, _column] = parts.as_slice()
        {
            let name = ident(table);
            let named = self.0.iter().enumerate().rev().find_map(|(depth, relations)| {
                relations.iter().find(|relation| relation.name == name).map(|relation| (depth, relation))
            });
            if named.is_some_and(|(depth, relation)| depth + 1 < self.0.len() && relation.is_bare) {
                parts.insert(0, Ident::new(SCHEMA));
            }
        }
        ControlFlow::Continue(())
    }
}

fn collect(table: &TableWithJoins, relations: &mut Vec<Relation>) {
    for factor in std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)) {
        let alias: &Option<TableAlias> = match factor {
            TableFactor::Table { name, alias: None, .. } => {
                if let Some(last) = name.0.last().and_then(|part| part.as_ident()) {
                    relations.push(Relation { name: ident(last), is_bare: name.0.len() == 1 });
                }
                continue;
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                collect(table_with_joins, relations);
                continue;
            }
            TableFactor::Table { alias, .. }
            | TableFactor::NestedJoin { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. } => alias,
            _ => continue,
        };
        relations.extend(alias.iter().map(|alias| Relation { name: ident(&alias.name), is_bare: true }));
    }
}
