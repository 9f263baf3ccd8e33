//! Joins with USING and NATURAL, for [`crate::using`], which makes one column of those that are joined.
//!
//! Each becomes a join in brackets. What names a column of one side, as `y.a` of `x LEFT JOIN y USING (a)`, which the one column
//! `a` does not have the values of, is asked for within the brackets, and names it as a column of theirs, `"y·a"`. Which columns
//! NATURAL joins is not known here: of its tables all columns that are named so are asked for. In place of `y.*`, where such a
//! column is y's, its columns are named one by one, which only a planner knows.

mod joins;
mod naming;
mod whole;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement, VisitorMut, With,
};

use self::joins::{Hidden, object};
pub(crate) use self::joins::{NAMED, NATURAL, kind};
pub(crate) use self::naming::outside;
use self::naming::{Named, Names, Renaming};
use super::names::{free, ident};
use super::walk::{change, look};

/// More of them in one FROM are left to DataFusion: brackets within brackets take stack.
const SHARED_MAX: usize = 32;

/// What knows the names of the columns of a query.
pub(crate) type Columns<'p> = &'p dyn Fn(Query) -> Result<Vec<String>>;

/// Puts brackets around such joins.
///
/// # Errors
/// What `columns` fails with.
pub(crate) fn bracket(statement: &mut Statement, columns: Columns<'_>) -> Result<()> {
    let mut brackets = Brackets { columns, withs: Vec::new(), failed: Ok(()) };
    change(statement, &mut brackets);
    brackets.failed
}

struct Brackets<'p> {
    columns: Columns<'p>,
    /// What the queries around a place name with WITH before it, from outside inwards.
    withs: Vec<With>,
    failed: Result<()>,
}

impl VisitorMut for Brackets<'_> {
    type Break = Infallible;

    /// Goes through those of WITH before what names them.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let none = With { with_token: AttachedToken::empty(), recursive: false, cte_tables: Vec::new() };
        let mut with = query.with.take().unwrap_or(none);
        let (tables, recursive) = (std::mem::take(&mut with.cte_tables), with.recursive);
        self.withs.push(with);
        for (before, mut table) in tables.into_iter().enumerate() {
            let itself = if recursive { whole::first_part(&table) } else { None };
            if let Some(with) = self.withs.last_mut() {
                with.cte_tables.extend(itself);
            }
            change(&mut table.query, self);
            if let Some(with) = self.withs.last_mut() {
                with.cte_tables.truncate(before);
                with.cte_tables.push(table);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let mut order = match query.order_by.as_mut().map(|order| &mut order.kind) {
            Some(OrderByKind::Expressions(keys)) => keys.iter_mut().map(|key| &mut key.expr).collect(),
            _ => Vec::new(),
        };
        if self.failed.is_ok() {
            self.failed = self.in_body(&mut query.body, &mut order);
        }
        query.with = self.withs.pop().filter(|with| !with.cte_tables.is_empty());
        ControlFlow::Continue(())
    }
}

impl Brackets<'_> {
    fn in_body(&self, body: &mut SetExpr, order: &mut [&mut Expr]) -> Result<()> {
        match body {
            SetExpr::Select(select)
                if (1..=SHARED_MAX).contains(&select.from.iter().map(joins::count).sum()) =>
            {
                let mut hidden = Hidden::default();
                for table in &select.from {
                    hidden.add(table);
                }
                whole::settle(select, &hidden, &self.withs, self.columns)?;
                in_select(select, order, &hidden);
                Ok(())
            }
            // What comes out of both has no table.
            SetExpr::SetOperation { left, right, .. } => {
                self.in_body(left, &mut [])?;
                self.in_body(right, &mut [])
            }
            _ => Ok(()),
        }
    }
}

fn in_select(select: &mut Select, order: &mut [&mut Expr], hidden: &Hidden) {
    let mut names = Names::default();
    // No error breaks it.
    let _all = look(select, &mut names);
    order.iter().for_each(|key| drop(look(*key, &mut names)));
    let asked: BTreeSet<Named> = names.0.into_iter().filter(|named| hidden.may_hide(named)).collect();
    for table in &mut select.from {
        joins::bracket(table, &asked);
    }
    let mut renaming = Renaming::new(&asked);
    let mut taken: BTreeSet<String> =
        select.projection.iter().filter_map(|item| renaming.kept(item)).collect();
    if select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_))) {
        taken.extend(asked.iter().map(|(_, name)| name.clone()));
    }
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::CompoundIdentifier(parts) if renaming.name(parts).is_some() => ident(&parts[1]),
                    Expr::Identifier(name) if !taken.insert(ident(name)) => ident(name),
                    _ => continue,
                };
                let alias = free(&name, &mut taken);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
            SelectItem::Wildcard(options) if !asked.is_empty() => {
                let mut names = match options.opt_exclude.take() {
                    Some(ExcludeSelectItem::Single(name)) => vec![name],
                    Some(ExcludeSelectItem::Multiple(names)) => names,
                    None => Vec::new(),
                };
                names.extend(asked.iter().map(|(of, name)| object(&[&outside(of, name)])));
                options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
            }
            _ => {}
        }
    }
    change(select, &mut renaming);
    order.iter_mut().for_each(|key| change(*key, &mut renaming));
}
