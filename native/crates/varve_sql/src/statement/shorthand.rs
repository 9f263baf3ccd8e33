//! What has a short way to be written, in the way that SQL's planner knows.
//!
//! - `?` is `$1`, `$2`, in the order of the text.
//! - `ORDER BY ALL` is by the numbers of what is selected, where no item stands for many columns, and so is `ORDER BY a + 1`
//!   in `SELECT DISTINCT a + 1`.
//! - `FETCH FIRST n ROWS ONLY` is a LIMIT.
//! - `FROM t` alone selects all.
//! - `GROUP BY a, ROLLUP (b)` is one list of GROUPING SETS.
//! - `SEMI JOIN` and `ANTI JOIN` are such joins of the left side.
//! - `LATERAL unnest(l)` in FROM is `unnest(l)`, which sees what comes before it anyway.
//! - `INTERVAL 1 DAY` is `INTERVAL '1' DAY`.
//! - `- -a` is `-(-a)`: the parser's library writes the former as a comment, and what is written may be read again.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Fetch, FunctionArg, FunctionArgExpr, Interval, JoinOperator, LimitClause, ObjectName,
    OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, Statement,
    TableFactor, TableWithJoins, UnaryOperator, Value, ValueWithSpan, VisitorMut, WildcardAdditionalOptions,
};

use super::walk::change;
use super::{grouping, names};

/// Writes it out.
pub(super) fn settle(statement: &mut Statement) {
    change(statement, &mut Settling { next: 1 });
}

struct Settling {
    next: usize,
}

impl VisitorMut for Settling {
    type Break = Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        if let SetExpr::Select(select) = query.body.as_ref()
            && !select.projection.is_empty()
            && select.projection.iter().all(is_one_column)
            && let Some(OrderBy { kind, .. }) = &mut query.order_by
        {
            settle_order(kind, select);
        }
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

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<Infallible> {
        if let Value::Placeholder(name) = &mut value.value
            && name == "?"
        {
            *name = format!("${}", self.next);
            self.next += 1;
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

fn settle_order(order: &mut OrderByKind, select: &Select) {
    let number = |place: usize| Expr::value(Value::Number((place + 1).to_string(), false));
    match order {
        OrderByKind::All(options) => {
            let keys = (0..select.projection.len()).map(|place| OrderByExpr {
                expr: number(place),
                options: *options,
                with_fill: None,
            });
            *order = OrderByKind::Expressions(keys.collect());
        }
        OrderByKind::Expressions(keys) if select.distinct == Some(Distinct::Distinct) => {
            for key in keys {
                let is_computed = !matches!(key.expr, Expr::Identifier(_) | Expr::Value(_));
                let place = select.projection.iter().position(|item| match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                        *expr == key.expr
                    }
                    _ => false,
                });
                if let Some(place) = place.filter(|_| is_computed) {
                    key.expr = number(place);
                }
            }
        }
        OrderByKind::Expressions(_) => {}
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

fn is_one_column(item: &SelectItem) -> bool {
    matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
}
