//! One way through statements, for all who look at them or change them.
//!
//! What sqlparser goes through them with is compiled anew, for each of its types, for every type of visitor: with eight of them
//! it was a third of this crate. So all of them are one to it.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, Value, ValueWithSpan, Visit, VisitMut, Visitor,
    VisitorMut,
};
use varve_types::{Result, VarveError};

/// Shows all parts of `node` to `visitor`, until it breaks with an error.
pub(crate) fn look(node: &impl Visit, visitor: &mut dyn Visitor<Break = VarveError>) -> Result<()> {
    match node.visit(&mut Looking(visitor)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Lets `visitor` change all parts of `node`.
pub(crate) fn change(node: &mut impl VisitMut, visitor: &mut dyn VisitorMut<Break = Infallible>) {
    match node.visit(&mut Changing(visitor)) {
        ControlFlow::Continue(()) => {}
    }
}

/// Changes each expression in `node`, after those in it.
pub(crate) fn change_expressions(node: &mut impl VisitMut, mut with: impl FnMut(&mut Expr)) {
    change(node, &mut Expressions(&mut with));
}

struct Expressions<'c>(&'c mut dyn FnMut(&mut Expr));

impl VisitorMut for Expressions<'_> {
    type Break = Infallible;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        (self.0)(expr);
        ControlFlow::Continue(())
    }
}

/// Changes what each parameter in `node` is called: `?`, `$1`, `$name`.
pub(crate) fn change_placeholders(node: &mut impl VisitMut, mut with: impl FnMut(&mut String)) {
    change(node, &mut Placeholders(&mut with));
}

struct Placeholders<'c>(&'c mut dyn FnMut(&mut String));

impl VisitorMut for Placeholders<'_> {
    type Break = Infallible;

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<Infallible> {
        if let Value::Placeholder(name) = &mut value.value {
            (self.0)(name);
        }
        ControlFlow::Continue(())
    }
}

struct Looking<'v>(&'v mut dyn Visitor<Break = VarveError>);
struct Changing<'v>(&'v mut dyn VisitorMut<Break = Infallible>);

macro_rules! passed_on {
    ($($hook:ident($part:ty))*) => {
        $(fn $hook(&mut self, part: $part) -> ControlFlow<Self::Break> {
            self.0.$hook(part)
        })*
    };
}

impl Visitor for Looking<'_> {
    type Break = VarveError;

    passed_on! {
        pre_visit_query(&Query)
        post_visit_query(&Query)
        pre_visit_select(&Select)
        post_visit_select(&Select)
        pre_visit_relation(&ObjectName)
        post_visit_relation(&ObjectName)
        pre_visit_table_factor(&TableFactor)
        post_visit_table_factor(&TableFactor)
        pre_visit_expr(&Expr)
        post_visit_expr(&Expr)
        pre_visit_statement(&Statement)
        post_visit_statement(&Statement)
        pre_visit_value(&ValueWithSpan)
        post_visit_value(&ValueWithSpan)
    }
}

impl VisitorMut for Changing<'_> {
    type Break = Infallible;

    passed_on! {
        pre_visit_query(&mut Query)
        post_visit_query(&mut Query)
        pre_visit_select(&mut Select)
        post_visit_select(&mut Select)
        pre_visit_relation(&mut ObjectName)
        post_visit_relation(&mut ObjectName)
        pre_visit_table_factor(&mut TableFactor)
        post_visit_table_factor(&mut TableFactor)
        pre_visit_expr(&mut Expr)
        post_visit_expr(&mut Expr)
        pre_visit_statement(&mut Statement)
        post_visit_statement(&mut Statement)
        pre_visit_value(&mut ValueWithSpan)
        post_visit_value(&mut ValueWithSpan)
    }
}
