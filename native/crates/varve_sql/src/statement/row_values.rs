//! Comparisons of rows, `(a, b) = (1, 2)` and `(a, b) IN (SELECT c, d FROM t)`, as comparisons of their values.
//!
//! DataFusion compares them as structs, whose NULLs are equal to each other and to nothing else, and takes no query of two
//! columns. In SQL a row with NULLs is equal to none for certain, and unequal where another value is.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Ident, Parens, Query, Select, SetExpr, Statement, TableFactor,
    UnaryOperator, Value, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::walk::change;

/// Rows of a list that are each compared with; more of them become a query.
const LIST_MAX: usize = 16;

/// The rows of a query that a row is looked for in.
const ROWS: &str = "__row";

/// Takes the comparisons of `statement` apart.
pub(super) fn take_apart(statement: &mut Statement) {
    change(statement, &mut Apart);
}

struct Apart;

impl VisitorMut for Apart {
    type Break = Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        for condition in select.selection.iter_mut().chain(&mut select.having) {
            settle_truth(condition);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        if is_of_rows(expr) {
            let compared = std::mem::replace(expr, value(Value::Null));
            *expr = apart(compared, false);
        }
        ControlFlow::Continue(())
    }
}

/// Where only truth matters, NULL need not be told from it not being so.
fn settle_truth(condition: &mut Expr) {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            settle_truth(left);
            settle_truth(right);
        }
        Expr::Nested(inner) => settle_truth(inner),
        Expr::InSubquery { negated: false, .. } | Expr::InList { negated: false, .. }
            if is_of_rows(condition) =>
        {
            let compared = std::mem::replace(condition, value(Value::Null));
            *condition = apart(compared, true);
        }
        _ => {}
    }
}

fn is_of_rows(expr: &Expr) -> bool {
    let row = |expr: &Expr| match expr {
        Expr::Tuple(values) => Some(values.len()),
        _ => None,
    };
    match expr {
        Expr::BinaryOp { left, op, right } => {
            is_comparison(op) && row(left).is_some() && row(left) == row(right)
        }
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            row(left).is_some() && row(left) == row(right)
        }
        Expr::Between { expr, low, high, .. } => {
            row(expr).is_some() && row(expr) == row(low) && row(expr) == row(high)
        }
        Expr::InList { expr, list, .. } => {
            row(expr).is_some() && !list.is_empty() && list.iter().all(|item| row(item) == row(expr))
        }
        Expr::InSubquery { expr, .. } => row(expr).is_some(),
        _ => false,
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// A comparison of rows by their values.
fn apart(compared: Expr, only_truth: bool) -> Expr {
    match compared {
        Expr::BinaryOp { left, op, right } => by_values(values_of(*left), &op, values_of(*right)),
        Expr::IsDistinctFrom(left, right) => {
            any(pairs(*left, *right, |left, right| Expr::IsDistinctFrom(Box::new(left), Box::new(right))))
        }
        Expr::IsNotDistinctFrom(left, right) => {
            all(pairs(*left, *right, |left, right| Expr::IsNotDistinctFrom(Box::new(left), Box::new(right))))
        }
        Expr::Between { expr, negated, low, high } => {
            let row = values_of(*expr);
            let from = by_values(row.clone(), &BinaryOperator::GtEq, values_of(*low));
            let to = by_values(row, &BinaryOperator::LtEq, values_of(*high));
            not_if(negated, both(from, BinaryOperator::And, to))
        }
        Expr::InList { expr, list, negated } if list.len() <= LIST_MAX => {
            let row = values_of(*expr);
            let equal = |item| by_values(row.clone(), &BinaryOperator::Eq, values_of(item));
            not_if(negated, any(list.into_iter().map(equal).collect()))
        }
        Expr::InList { expr, list, negated } => {
            let mut rows = written("VALUES (1)");
            if let SetExpr::Values(values) = rows.body.as_mut() {
                values.rows = list.into_iter().map(|row| parenthesised(values_of(row))).collect();
            }
            among(values_of(*expr), rows, negated, only_truth)
        }
        Expr::InSubquery { expr, subquery, negated } => {
            among(values_of(*expr), *subquery, negated, only_truth)
        }
        other => other,
    }
}

/// Whether a row is in a query.
fn among(row: Vec<Expr>, query: Query, negated: bool, only_truth: bool) -> Expr {
    let names: Vec<_> = (1..=row.len()).map(|number| format!("\"{ROWS}_{number}\"")).collect();
    let sql = format!("SELECT 1 FROM (SELECT 1) AS {ROWS} ({}) WHERE true", names.join(", "));
    let columns = (1..=row.len()).map(|number| {
        let parts = [Ident::new(ROWS), Ident::with_quote('"', format!("{ROWS}_{number}"))];
        Expr::CompoundIdentifier(parts.to_vec())
    });
    let is_it = by_values(columns.collect(), &BinaryOperator::Eq, row);
    let exists = |is: Expr| {
        let mut rows = written(&sql);
        if let SetExpr::Select(select) = rows.body.as_mut() {
            select.selection = Some(is);
            if let Some(TableFactor::Derived { subquery, .. }) =
                select.from.first_mut().map(|table| &mut table.relation)
            {
                **subquery = query.clone();
            }
        }
        Expr::Exists { subquery: Box::new(rows), negated: false }
    };
    if only_truth {
        return not_if(negated, exists(is_it));
    }
    let may_be = exists(Expr::IsNull(Box::new(is_it.clone())));
    let when = |condition, result| CaseWhen { condition, result };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(exists(is_it), value(Value::Boolean(!negated))),
            when(may_be, value(Value::Null)),
        ],
        else_result: Some(Box::new(value(Value::Boolean(negated)))),
    }
}

/// A query of ours.
fn written(sql: &str) -> Query {
    let parsed =
        Parser::new(&GenericDialect {}).try_with_sql(sql).and_then(|mut parser| parser.parse_query());
    *parsed.expect("a query of ours can be parsed")
}

/// A comparison of two rows: by the first values that are not equal, if it is one of order.
fn by_values(left: Vec<Expr>, op: &BinaryOperator, right: Vec<Expr>) -> Expr {
    let pairs: Vec<_> = left.into_iter().zip(right).collect();
    let compared = |op: &BinaryOperator| {
        pairs.iter().map(|(left, right)| both(left.clone(), op.clone(), right.clone())).collect()
    };
    let strict = match op {
        BinaryOperator::Eq => return all(compared(op)),
        BinaryOperator::NotEq => return any(compared(op)),
        BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
        _ => BinaryOperator::Gt,
    };
    let mut pairs = pairs.into_iter().rev();
    let Some((left, right)) = pairs.next() else { return value(Value::Boolean(true)) };
    pairs.fold(both(left, op.clone(), right), |rest, (left, right)| {
        let equal = both(left.clone(), BinaryOperator::Eq, right.clone());
        any(vec![both(left, strict.clone(), right), all(vec![equal, rest])])
    })
}

fn pairs(left: Expr, right: Expr, compare: impl Fn(Expr, Expr) -> Expr) -> Vec<Expr> {
    values_of(left).into_iter().zip(values_of(right)).map(|(left, right)| compare(left, right)).collect()
}

fn values_of(row: Expr) -> Vec<Expr> {
    match row {
        Expr::Tuple(values) => values.into_iter().map(in_brackets).collect(),
        other => vec![other],
    }
}

/// A value that stays one beside an operator, in a text too.
fn in_brackets(value: Expr) -> Expr {
    match value {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Cast { .. }
        | Expr::Nested(_) => value,
        other => Expr::Nested(Box::new(other)),
    }
}

fn parenthesised(values: Vec<Expr>) -> Parens<Vec<Expr>> {
    Parens { opening_token: AttachedToken::empty(), content: values, closing_token: AttachedToken::empty() }
}

fn all(conditions: Vec<Expr>) -> Expr {
    joined(conditions, &BinaryOperator::And)
}

fn any(conditions: Vec<Expr>) -> Expr {
    joined(conditions, &BinaryOperator::Or)
}

fn joined(conditions: Vec<Expr>, by: &BinaryOperator) -> Expr {
    let joined = conditions.into_iter().reduce(|left, right| both(left, by.clone(), right));
    joined.map_or_else(|| value(Value::Boolean(true)), |joined| Expr::Nested(Box::new(joined)))
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn not_if(negated: bool, condition: Expr) -> Expr {
    if !negated {
        return condition;
    }
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(condition))) }
}

fn value(value: Value) -> Expr {
    Expr::value(value)
}
