//! Operators that are functions here, in chains as long as `a + b + c + ...` may be.
//!
//! DataFusion 55.2 gives each function in an expression a name to ask for the type of the whole, and each name has those of all
//! sides in it: made one in the other, names of 800 sums took a minute. A chain is named in one go here, and asked for its type
//! at its first side.

use std::fmt::Write;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::Expr;

/// The sign of the operator that a function stands for. No other functions have such names.
fn sign(function: &str) -> Option<&'static str> {
    Some(match function {
        "checked_add" => "+",
        "checked_sub" => "-",
        "checked_mul" => "*",
        "||" => "||",
        _ => return None,
    })
}

/// The name that the operator `function` has between `sides`, each of which is named by `of`.
pub(crate) fn name(function: &str, sides: &[Expr], of: fn(&Expr) -> String) -> Result<String> {
    let (Some(last), [first, right]) = (sign(function), sides) else {
        return plan_err!("an operator has two sides");
    };
    let (mut first, mut rest) = (first, vec![(last, right)]);
    while let Some((sign, left, right)) = operator(first) {
        rest.push((sign, right));
        first = left;
    }
    let mut name = of(first);
    for (sign, side) in rest.into_iter().rev() {
        write!(name, " {sign} {}", of(side))?;
    }
    Ok(name)
}

/// What the chain that `expr` may be begins with. A sum has its type.
pub(crate) fn first(mut expr: &Expr) -> &Expr {
    while let Some((_, left, _)) = operator(expr) {
        expr = left;
    }
    expr
}

fn operator(expr: &Expr) -> Option<(&'static str, &Expr, &Expr)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let [left, right] = call.args.as_slice() else { return None };
    Some((sign(call.name())?, left, right))
}
