//! What of a statement depends on the columns of tables that it names, which only a planner knows.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::common::{Column, Result, internal_err, plan_err};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Ident, OrderByKind, Query, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement,
    TableWithJoins, VisitorMut, With,
};

use super::names::ident;
use super::walk::change;
use super::{outer_names, parse, repeated, using};
use crate::error::into_datafusion;

/// What stands for columns and is looked up, in one statement: each time, much of it may be planned.
const ASKED_MAX: usize = 64;

/// Settles it. What stands in others, as a view, is no answer: its columns must have names of their own.
///
/// # Errors
/// What `planned`, which knows the columns of a query, fails with, where the answer depends on it.
pub(crate) fn settle(
    statement: &mut Statement,
    is_answer: bool,
    planned: &dyn Fn(Query) -> Result<Vec<Column>>,
) -> Result<()> {
    let scope = Scope { planned, withs: Vec::new(), asked: Cell::new(0) };
    let mut settling = Settling { scope, tables: Vec::new(), is_answer, failed: Ok(()) };
    change(statement, &mut settling);
    settling.failed
}

/// A place in a statement, and what can be named there.
pub(super) struct Scope<'p> {
    planned: &'p dyn Fn(Query) -> Result<Vec<Column>>,
    /// What the queries around it name with WITH before it, from outside inwards.
    withs: Vec<With>,
    asked: Cell<usize>,
}

impl Scope<'_> {
    /// The columns that `item`, as `*`, stands for.
    ///
    /// # Errors
    /// Of what the planner refuses, as a query about tables around it.
    pub(super) fn columns(&self, item: SelectItem, from: Vec<TableWithJoins>) -> Result<Vec<Column>> {
        if self.asked.replace(self.asked.get() + 1) == ASKED_MAX {
            return plan_err!(
                "{item} comes after {ASKED_MAX} others whose columns were looked up: name its columns"
            );
        }
        let Statement::Query(blank) = parse::one("SELECT 1").map_err(into_datafusion)? else {
            return internal_err!("a SELECT is no query");
        };
        let mut query = blank.as_ref().clone();
        if let SetExpr::Select(alone) = query.body.as_mut() {
            alone.projection = vec![item];
            alone.from = from;
        }
        let withs = self.withs.iter().rev().filter(|with| !with.cte_tables.is_empty());
        (self.planned)(withs.fold(query, |query, with| Query {
            with: Some(with.clone()),
            body: Box::new(SetExpr::Query(Box::new(query))),
            ..blank.as_ref().clone()
        }))
    }
}

/// What `all`, as `*`, shows of these columns, one by one.
pub(super) fn items(all: &SelectItem, columns: &[Column]) -> Vec<SelectItem> {
    let replaced = match all {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => &options.opt_replace,
        _ => &None,
    };
    let replaced = replaced.iter().flat_map(|replaced| &replaced.items);
    let replaced: HashMap<_, _> = replaced.map(|item| (ident(&item.column_name), &item.expr)).collect();
    let item = |column: &Column| match replaced.get(&column.name) {
        Some(&expr) => {
            SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', &column.name) }
        }
        None => SelectItem::UnnamedExpr(named(column)),
    };
    columns.iter().map(item).collect()
}

fn named(column: &Column) -> Expr {
    let quoted = |part: &String| Ident::with_quote('"', part);
    match &column.relation {
        Some(relation) => {
            Expr::CompoundIdentifier(relation.to_vec().iter().chain([&column.name]).map(quoted).collect())
        }
        None => Expr::Identifier(quoted(&column.name)),
    }
}

struct Settling<'p> {
    scope: Scope<'p>,
    /// Those of the query that it is in and of each around it, from outside inwards.
    tables: Vec<Vec<String>>,
    is_answer: bool,
    failed: Result<()>,
}

impl VisitorMut for Settling<'_> {
    type Break = Infallible;

    /// Goes through those of WITH before what names them.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let none = With { with_token: AttachedToken::empty(), recursive: false, cte_tables: Vec::new() };
        let mut with = query.with.take().unwrap_or(none);
        let (tables, recursive) = (std::mem::take(&mut with.cte_tables), with.recursive);
        self.scope.withs.push(with);
        for (before, mut table) in tables.into_iter().enumerate() {
            let itself = if recursive { first_part(&table) } else { None };
            if let Some(with) = self.scope.withs.last_mut() {
                with.cte_tables.extend(itself);
            }
            change(&mut table.query, self);
            if let Some(with) = self.scope.withs.last_mut() {
                with.cte_tables.truncate(before);
                with.cte_tables.push(table);
            }
        }
        self.tables.push(outer_names::tables_in(&query.body));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let mut order = match query.order_by.as_mut().map(|order| &mut order.kind) {
            Some(OrderByKind::Expressions(keys)) => keys.iter_mut().map(|key| &mut key.expr).collect(),
            _ => Vec::new(),
        };
        if self.failed.is_ok() {
            let is_answer = self.is_answer && self.scope.withs.len() == 1;
            self.failed = self.in_body(&mut query.body, &mut order, is_answer);
        }
        self.tables.pop();
        query.with = self.scope.withs.pop().filter(|with| !with.cte_tables.is_empty());
        ControlFlow::Continue(())
    }
}

impl Settling<'_> {
    /// The tables of the queries around the one that it is in.
    fn around(&self) -> Vec<String> {
        self.tables.split_last().map_or_else(Vec::new, |(_, around)| around.concat())
    }

    fn in_body(&self, body: &mut SetExpr, order: &mut [&mut Expr], is_answer: bool) -> Result<()> {
        match body {
            SetExpr::Select(select) => {
                using::settle(select, order, &self.scope)?;
                outer_names::settle(select, &self.around());
                repeated::settle(select, is_answer, &self.scope);
                Ok(())
            }
            // What comes out of both has no table.
            SetExpr::SetOperation { left, right, set_quantifier, .. } => {
                self.in_body(left, &mut [], false)?;
                self.in_body(right, &mut [], false)?;
                if !is_by_name(*set_quantifier) {
                    repeated::name_apart(right);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

const fn is_by_name(quantifier: SetQuantifier) -> bool {
    matches!(quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName)
}

/// The part of a recursive query that is there first, as a query by itself: it has the same columns.
fn first_part(table: &Cte) -> Option<Cte> {
    let SetExpr::SetOperation { op: SetOperator::Union, left, .. } = table.query.body.as_ref() else {
        return None;
    };
    let query = Query { body: left.clone(), ..table.query.as_ref().clone() };
    Some(Cte { query: Box::new(query), ..table.clone() })
}
