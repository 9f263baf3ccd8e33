//! CASE of which some parts are not to be computed for all rows, since they may fail.
//!
//! A branch is not computed where the conditions say so, nor a condition where one before it holds:
//! `CASE WHEN a = 0 THEN false ELSE 10 / a > 2 END` divides by no zero. DataFusion 55.2 makes a CASE of truth values, or of
//! literals beside one, a sum of products, `NOT a = 0 AND 10 / a > 2`, of which it computes every part for all rows when it
//! likes. It takes only those that have no operand, so one that may fail gets `true` for one. Functions that stand for such a
//! CASE, as `coalesce`, become it here and not later.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use crate::expressions::{Rule, each_part_over, rule};

/// The rule. It comes after those that give values their types.
pub(crate) fn guarded_case() -> Rule {
    rule("guarded_case", |plan| each_part_over(plan, &with_guards))
}

fn with_guards(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match as_case(&part, schema)? {
        Some(case) => Transformed::yes(guarded(case)),
        None => Transformed::no(part),
    })
}

/// The CASE that is to be guarded, if `part` is one or stands for one.
fn as_case(part: &Expr, schema: &DFSchema) -> Result<Option<Case>> {
    Ok(match part {
        Expr::Case(case) if is_exposed(case, schema) => Some(case.clone()),
        Expr::ScalarFunction(ScalarFunction { func, args })
            if func.short_circuits() && args.iter().skip(1).any(may_fail) && is_truth(part, schema) =>
        {
            match func.simplify(args.clone(), &SimplifyContext::default())? {
                ExprSimplifyResult::Simplified(Expr::Case(case)) => Some(case),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Whether parts that may fail would be computed for rows that they are not for.
fn is_exposed(case: &Case, schema: &DFSchema) -> bool {
    let mut conditions = case.when_then_expr.iter().skip(1).map(|(when, _)| when);
    let branches = || case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
    case.expr.is_none()
        && (conditions.any(|when| may_fail(when))
            || branches().any(|branch| may_fail(branch)) && branches().any(|branch| is_truth(branch, schema)))
}

fn is_truth(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Boolean))
}

fn guarded(Case { when_then_expr, else_expr, .. }: Case) -> Expr {
    let is_true = |when: Box<Expr>| Box::new(when.is_true());
    let when_then_expr = when_then_expr.into_iter().map(|(when, then)| (is_true(when), then)).collect();
    Expr::Case(Case { expr: Some(Box::new(lit(true))), when_then_expr, else_expr })
}

/// Whether some value may be an error instead of a value. Columns, literals, comparisons and what is made of them with AND,
/// OR and NOT never are.
fn may_fail(expr: &Expr) -> bool {
    let fails = |part: &Expr| {
        Ok(match part {
            Expr::BinaryExpr(binary) => binary.op.is_numerical_operators(),
            Expr::Cast(_) | Expr::ScalarFunction(_) | Expr::Negative(_) => true,
            _ => false,
        })
    };
    expr.exists(fails).unwrap_or(true)
}
