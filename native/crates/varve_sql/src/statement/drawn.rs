//! Marks at parts of WITH that draw values, by which a plan shows where they are named: see [`crate::drawn`].
//!
//! A part of a recursive WITH that is a UNION is not marked: it may name itself, which only such a part can, and not under
//! something else.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::sql::sqlparser::ast::{
    Expr, Function, ObjectName, Query, SetExpr, SetOperator, Statement, TableFactor, VisitorMut, With,
};

use super::names::ident;
use super::parse;
use super::walk::{change, change_expressions};

const MARK: &str = "\u{1}drawn ";

/// One for each part: those of views come into the plans of statements that name the views.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Lets each such part select what it is from a relation with a mark. `draws` tells which functions draw values.
pub(crate) fn mark(statement: &mut Statement, draws: &dyn Fn(&str) -> bool) {
    change(statement, &mut Marking(draws));
}

/// The number of the part that has this mark.
pub(crate) fn number_of(relation: &str) -> Option<u64> {
    relation.strip_prefix(MARK)?.parse().ok()
}

struct Marking<'d>(&'d dyn Fn(&str) -> bool);

impl VisitorMut for Marking<'_> {
    type Break = Infallible;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let Some(With { recursive, cte_tables, .. }) = &mut query.with else {
            return ControlFlow::Continue(());
        };
        for part in cte_tables {
            let may_name_itself = *recursive && is_union(&part.query.body);
            if !may_name_itself && self.draws(&mut part.query) {
                select_from_mark(&mut part.query);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Marking<'_> {
    fn draws(&self, query: &mut Query) -> bool {
        let mut draws = false;
        change_expressions(query, |expr| {
            if let Expr::Function(Function { name: ObjectName(name), .. }) = expr
                && let Some(name) = name.last().and_then(|name| name.as_ident())
            {
                draws |= (self.0)(&ident(name));
            }
        });
        draws
    }
}

fn is_union(body: &SetExpr) -> bool {
    matches!(body, SetExpr::SetOperation { op: SetOperator::Union, .. })
}

/// `query` becomes `SELECT * FROM (query) AS mark`.
fn select_from_mark(query: &mut Box<Query>) {
    let mark = format!("{MARK}{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let Ok(Statement::Query(mut over)) = parse::one(&format!("SELECT * FROM (SELECT 1) AS \"{mark}\""))
    else {
        return;
    };
    if let SetExpr::Select(select) = over.body.as_mut()
        && let Some(TableFactor::Derived { subquery, .. }) =
            select.from.first_mut().map(|from| &mut from.relation)
    {
        std::mem::swap(subquery, query);
        std::mem::swap(query, &mut over);
    }
}
