//! Marks at parts of WITH that draw values, by which a plan shows where they are named: see [`crate::drawn`].
//!
//! A part of a recursive WITH that is a UNION is not marked: it may name itself, which only such a part can, and not under
//! something else.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::sql::sqlparser::ast::{
    Expr, Function, ObjectName, Query, SetExpr, SetOperator, Statement, TableFactor, Visit, Visitor,
    VisitorMut, With,
};
use varve_types::VarveError;

use super::names::ident;
use super::parse;
use super::walk::{change, look};

const MARK: &str = "\u{1}drawn ";

/// One for each part: those of views come into the plans of statements that name the views.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Lets each such part select what it is from a relation with a mark, and tells whether there is one. `draws` tells which
/// functions draw values, `view` what a view stands for.
pub(crate) fn mark(
    statement: &mut Statement,
    draws: &dyn Fn(&str) -> bool,
    view: &dyn Fn(&ObjectName) -> Option<Statement>,
) -> bool {
    let drawing = Drawing { function: draws, view, views: HashMap::new(), is_found: false };
    let mut marking = Marking { drawing, has_marked: false };
    change(statement, &mut marking);
    marking.has_marked
}

/// The number of the part that has this mark.
pub(crate) fn number_of(relation: &str) -> Option<u64> {
    relation.strip_prefix(MARK)?.parse().ok()
}

struct Marking<'d> {
    drawing: Drawing<'d>,
    has_marked: bool,
}

impl VisitorMut for Marking<'_> {
    type Break = Infallible;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let Some(With { recursive, cte_tables, .. }) = &mut query.with else {
            return ControlFlow::Continue(());
        };
        for part in cte_tables {
            let may_name_itself = *recursive && is_union(&part.query.body);
            if !may_name_itself && self.drawing.is_in(part.query.as_ref()) {
                select_from_mark(&mut part.query);
                self.has_marked = true;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Looks for what draws values in a query, and in views that it names.
struct Drawing<'d> {
    function: &'d dyn Fn(&str) -> bool,
    view: &'d dyn Fn(&ObjectName) -> Option<Statement>,
    /// Relations that were met, and whether they are views that draw values.
    views: HashMap<ObjectName, bool>,
    is_found: bool,
}

impl Drawing<'_> {
    fn is_in(&mut self, node: &impl Visit) -> bool {
        let around = std::mem::take(&mut self.is_found);
        let is_in = look(node, self).is_ok() && self.is_found;
        self.is_found = around;
        is_in
    }

    fn is_in_view(&mut self, relation: &ObjectName) -> bool {
        if let Some(known) = self.views.get(relation) {
            return *known;
        }
        // One that stands on itself is refused by the planner.
        self.views.insert(relation.clone(), false);
        let is_in = (self.view)(relation).is_some_and(|query| self.is_in(&query));
        self.views.insert(relation.clone(), is_in);
        is_in
    }
}

impl Visitor for Drawing<'_> {
    type Break = VarveError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<VarveError> {
        if let Expr::Function(Function { name: ObjectName(name), .. }) = expr
            && let Some(name) = name.last().and_then(|name| name.as_ident())
        {
            self.is_found |= (self.function)(&ident(name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<VarveError> {
        self.is_found |= self.is_in_view(relation);
        ControlFlow::Continue(())
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
