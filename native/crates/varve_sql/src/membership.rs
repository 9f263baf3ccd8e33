//! Membership in lists whose values are not all known, as `x IN (y, 1)` and `x IN ($1, 1)`, or may be NULL.
//!
//! DataFusion's simplification takes one list from another, or keeps what both have: of `x IN (y, 1) AND x NOT IN (1, 2)` it
//! made `x IN (y)`, for `y` is not written in the second list. Its value may be, though. And `x IN (7, NULL) OR x NOT IN (1)`
//! became `x NOT IN (1)`, which is false of 1, where the whole is unknown. So such values leave their list for the equalities
//! that they stand for, once all have one type and before anything is simplified. That serves floating point numbers too,
//! whose two zeros a list of such values took for two numbers.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, lit};

use crate::expressions::{Rule, each_node, each_part_of, rule};
use crate::limits;

/// Parameters of one list in a plan that is kept for other values of them.
const OPEN_MAX: usize = 64;

/// The rule. It comes after those that give values their types.
pub(crate) fn as_equalities() -> Rule {
    rule("equalities_of_lists", |plan| each_node(plan, &|node| each_part_of(node, &in_equalities)))
}

fn in_equalities(part: Expr) -> Result<Transformed<Expr>> {
    let Expr::InList(list) = part else { return Ok(Transformed::no(part)) };
    if list.list.iter().all(is_definite) || list.expr.is_volatile() || is_open(&list) {
        return Ok(Transformed::no(Expr::InList(list)));
    }
    let InList { expr, list, negated } = list;
    let (definite, others): (Vec<_>, Vec<_>) = list.into_iter().partition(is_definite);
    limits::list(others.len())?;
    let mut conditions: Vec<_> = others.into_iter().map(|item| expr.as_ref().clone().eq(item)).collect();
    if !definite.is_empty() {
        conditions.push(Expr::InList(InList { expr, list: definite, negated: false }));
    }
    let any = balanced(conditions);
    Ok(Transformed::yes(if negated { Expr::Not(Box::new(any)) } else { any }))
}

/// Whether a list waits for so many parameters that they are put in before it is planned.
pub(crate) fn is_open(list: &InList) -> bool {
    list.list.iter().filter(|item| matches!(item, Expr::Placeholder(_))).count() > OPEN_MAX
}

/// Whether one of `conditions` holds, in as few levels as there can be.
fn balanced(mut conditions: Vec<Expr>) -> Expr {
    while conditions.len() > 1 {
        let mut pairs = conditions.into_iter();
        conditions = std::iter::from_fn(|| {
            let first = pairs.next()?;
            Some(match pairs.next() {
                Some(second) => first.or(second),
                None => first,
            })
        })
        .collect();
    }
    conditions.pop().unwrap_or_else(|| lit(false))
}

/// Whether an expression has one value, whatever the row and the parameters, which is not NULL.
fn is_definite(item: &Expr) -> bool {
    match item {
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Cast(cast) => is_definite(&cast.expr),
        Expr::Negative(number) => is_definite(number),
        _ => false,
    }
}
