//! CASE, AND, OR and FILTER of which some parts are not to be computed for all rows, since they may fail.
//!
//! A branch is not computed where the conditions say so, nor a condition where one before it holds:
//! `CASE WHEN a = 0 THEN false ELSE 10 / a > 2 END` divides by no zero. DataFusion 55.2 makes a CASE of truth values, or of
//! literals beside one, a sum of products, `NOT a = 0 AND 10 / a > 2`, of which it computes every part for all rows when it
//! likes. It takes only those that have no operand, so one that may fail gets `true` for one. Functions that stand for such a
//! CASE, as `coalesce`, become it here and not later.
//!
//! `b = 0 OR a / b > 1` and `sum(a / b) FILTER (WHERE b <> 0)` become such a CASE. What a filter joins by AND stays apart, to
//! be pushed to where it belongs, and is put in order at last ([`crate::failing`]).

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunctionParams, BinaryExpr, Case, ScalarFunction};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, lit};

use crate::expressions::{Rule, each_node_over, each_part_down, each_whole_of, rule};
use crate::failing::may_fail;

/// What stands for itself twice, at most: parts within parts that did would be too many.
const TWICE_MAX: usize = 64;

/// The rule. It comes after those that give values their types.
pub(crate) fn parts() -> Rule {
    rule("guarded_parts", |plan| {
        each_node_over(plan, &|node, columns| match node {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => node.map_expressions(|expr| {
                let parts = split_conjunction_owned(expr).into_iter();
                let parts = parts.map(|part| with_guards(part, columns)).collect::<Result<Vec<_>>>()?;
                let is_new = parts.iter().any(|part| part.transformed);
                let all = conjunction(parts.into_iter().map(|part| part.data)).expect("there is a part");
                Ok(Transformed::new_transformed(all, is_new))
            }),
            node => each_whole_of(node, &|expr| with_guards(expr, columns)),
        })
    })
}

fn with_guards(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    each_part_down(expr, &|part| {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => {
                let all = in_turn(operands(part, op), op, schema)?;
                Transformed::new(all.data, all.transformed, TreeNodeRecursion::Jump)
            }
            Expr::AggregateFunction(mut call) => {
                let AggregateFunctionParams { args, filter, .. } = &mut call.params;
                let mut is_new = false;
                if let Some(filter) = filter {
                    for arg in args {
                        if may_fail(arg, schema)? {
                            is_new = true;
                            let when_then = (filter.clone(), Box::new(std::mem::take(arg)));
                            let when_then_expr = vec![when_then];
                            *arg = guarded(Case { expr: None, when_then_expr, else_expr: None });
                        }
                    }
                }
                Transformed::new_transformed(Expr::AggregateFunction(call), is_new)
            }
            part => match as_case(&part, schema)? {
                Some(case) => Transformed::yes(guarded(case)),
                None => Transformed::no(part),
            },
        })
    })
}

/// What `op` joins, from left to right.
fn operands(expr: Expr, op: Operator) -> Vec<Expr> {
    let (mut left, mut found) = (vec![expr], Vec::new());
    while let Some(expr) = left.pop() {
        match expr {
            Expr::BinaryExpr(binary) if binary.op == op => left.extend([*binary.right, *binary.left]),
            operand => found.push(operand),
        }
    }
    found
}

/// All of `operands`, joined by `op`: those that may fail last, each only where what comes before does not say it all.
fn in_turn(operands: Vec<Expr>, op: Operator, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (mut safe, mut failing, mut is_new) = (Vec::new(), Vec::new(), false);
    for operand in operands {
        let operand = with_guards(operand, schema)?;
        is_new |= operand.transformed;
        let place = if may_fail(&operand.data, schema)? { &mut failing } else { &mut safe };
        place.push(operand.data);
    }
    let Some(last) = failing.pop() else { return Ok(Transformed::new_transformed(joined(safe, op), is_new)) };
    let mut first = failing;
    if !safe.is_empty() {
        first.insert(0, joined(safe, op));
    }
    let says_all = op == Operator::Or;
    let (mut settled, mut rest) = (Vec::new(), Vec::new());
    for part in first {
        if is_large(&part)? && may_fail(&part, schema)? {
            rest.push(part);
            continue;
        }
        if part.nullable(schema)? {
            rest.push(part.clone());
        }
        settled.push(if says_all { part } else { part.is_false() });
    }
    rest.push(last);
    let rest = joined(rest, op);
    if settled.is_empty() {
        return Ok(Transformed::yes(rest));
    }
    let when_then_expr = settled.into_iter().map(|when| (Box::new(when), Box::new(lit(says_all)))).collect();
    Ok(Transformed::yes(guarded(Case { expr: None, when_then_expr, else_expr: Some(Box::new(rest)) })))
}

fn joined(operands: Vec<Expr>, op: Operator) -> Expr {
    let all = operands.into_iter().reduce(|left, right| binary_expr(left, op, right));
    all.expect("there is an operand")
}

/// Whether it is not to stand for itself twice.
fn is_large(part: &Expr) -> Result<bool> {
    let mut parts = 0;
    part.apply(|_| {
        parts += 1;
        Ok(if parts > TWICE_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(parts > TWICE_MAX)
}

/// The CASE that is to be guarded, if `part` is one or stands for one.
fn as_case(part: &Expr, schema: &DFSchema) -> Result<Option<Case>> {
    Ok(match part {
        Expr::Case(case) if is_exposed(case, schema)? => Some(case.clone()),
        Expr::ScalarFunction(ScalarFunction { func, args })
            if func.short_circuits()
                && any_may_fail(args.iter().skip(1), schema)?
                && is_truth(part, schema) =>
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
fn is_exposed(case: &Case, schema: &DFSchema) -> Result<bool> {
    let conditions = case.when_then_expr.iter().skip(1).map(|(when, _)| when.as_ref());
    let branches =
        || case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr).map(AsRef::as_ref);
    Ok(case.expr.is_none()
        && (any_may_fail(conditions, schema)?
            || any_may_fail(branches(), schema)? && branches().any(|branch| is_truth(branch, schema))))
}

fn any_may_fail<'e>(parts: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Result<bool> {
    for part in parts {
        if may_fail(part, schema)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_truth(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Boolean))
}

fn guarded(Case { when_then_expr, else_expr, .. }: Case) -> Expr {
    let is_true = |when: Box<Expr>| Box::new(when.is_true());
    let when_then_expr = when_then_expr.into_iter().map(|(when, then)| (is_true(when), then)).collect();
    Expr::Case(Case { expr: Some(Box::new(lit(true))), when_then_expr, else_expr })
}
