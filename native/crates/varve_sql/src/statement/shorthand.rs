//! What has a short way to be written, in the way that SQL's planner knows.
//!
//! - `?` is `$1`, `$2`, in the order of the text.
//! - `FETCH FIRST n ROWS ONLY` is a LIMIT.
//! - `FROM t` alone selects all.
//! - `GROUP BY a, ROLLUP (b)` is one list of GROUPING SETS.
//! - `SEMI JOIN` and `ANTI JOIN` are such joins of the left side.
//! - `LATERAL unnest(l)` in FROM is `unnest(l)`, which sees what comes before it anyway.
//! - `INTERVAL 1 DAY` is `INTERVAL '1' DAY`.
//! - `l[2:]` is a slice up to the longest that a list may be, and `l[:2]` one from 1 on.
//! - `- -a` is `-(-a)`: the parser's library writes the former as a comment, and what is written may be read again.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Fetch, FunctionArg, FunctionArgExpr, Interval, JoinOperator, LimitClause, ObjectName,
    Query, Select, SelectFlavor, SelectItem, Statement, Subscript, TableFactor, TableWithJoins,
    UnaryOperator, Value, ValueWithSpan, VisitorMut, WildcardAdditionalOptions,
};

use super::walk::{change, change_placeholders};
use super::{grouping, names, order};

/// Writes it out. Placeholders have their numbers before anything is moved.
pub(super) fn settle(statement: &mut Statement) {
    let mut next = 1;
    change_placeholders(statement, |name| {
        if name == "?" {
            *name = format!("${next}");
            next += 1;
        }
    });
    change(statement, &mut Settling);
}

struct Settling;

impl VisitorMut for Settling {
    type Break = Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        order::settle(query);
        query.fetch = query.fetch.take().and_then(|fetch| into_limit(fetch, &mut query.limit_clause));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.flavor = SelectFlavor::Standard;
            select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        }
        grouping::settle(select);
        select.from.iter_mut().for_each(settle_joins);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Infallible> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, .. } => settle_joins(table_with_joins),
            TableFactor::Function { name, args, with_ordinality, alias, .. } if is_unnest(name) => {
                let plain = |arg: &FunctionArg| match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                    _ => None,
                };
                if let Some(array_exprs) = args.iter().map(plain).collect() {
                    *factor = TableFactor::UNNEST {
                        alias: alias.take(),
                        array_exprs,
                        with_offset: false,
                        with_offset_alias: None,
                        with_ordinality: *with_ordinality,
                    };
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        match expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: negated }
                if matches!(negated.as_ref(), Expr::UnaryOp { op: UnaryOperator::Minus, .. }) =>
            {
                let inner = std::mem::replace(negated.as_mut(), Expr::value(Value::Null));
                **negated = Expr::Nested(Box::new(inner));
            }
            Expr::CompoundFieldAccess { access_chain, .. } => access_chain.iter_mut().for_each(settle_slice),
            Expr::Interval(Interval { value: length, .. }) => {
                if let Expr::Value(ValueWithSpan { value: length, .. }) = length.as_mut()
                    && let Value::Number(text, _) = length
                {
                    *length = Value::SingleQuotedString(std::mem::take(text));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn settle_slice(access: &mut AccessExpr) {
    if let AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) = access {
        let item = |number: i32| Expr::value(Value::Number(number.to_string(), false));
        lower_bound.get_or_insert_with(|| item(1));
        upper_bound.get_or_insert_with(|| item(i32::MAX));
    }
}

fn settle_joins(table: &mut TableWithJoins) {
    for join in &mut table.joins {
        let join = &mut join.join_operator;
        *join = match std::mem::replace(join, JoinOperator::CrossApply) {
            JoinOperator::Semi(condition) => JoinOperator::LeftSemi(condition),
            JoinOperator::Anti(condition) => JoinOperator::LeftAnti(condition),
            other => other,
        };
    }
}

/// Puts a FETCH into the LIMIT of its query; gives it back when there is one already, or none like it.
fn into_limit(fetch: Fetch, limit: &mut Option<LimitClause>) -> Option<Fetch> {
    if fetch.with_ties || fetch.percent {
        return Some(fetch);
    }
    let none = LimitClause::LimitOffset { limit: None, offset: None, limit_by: Vec::new() };
    match limit.get_or_insert(none) {
        LimitClause::LimitOffset { limit: free @ None, .. } => {
            *free = Some(fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false))));
            None
        }
        _ => Some(fetch),
    }
}

fn is_unnest(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| names::ident(name) == "unnest"))
}
