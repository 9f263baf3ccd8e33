//! CASE whose branches are truth values and may fail.
//!
//! A branch is not computed where the conditions say so: `CASE WHEN a = 0 THEN false ELSE 10 / a > 2 END` divides by no zero.
//! DataFusion 55.2 makes such a CASE a sum of products, `NOT a = 0 AND 10 / a > 2`, of which it computes every part for all
//! rows when it likes. It takes only those that have no operand, so one with a branch that may fail gets `true` for one.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::optimizer::analyzer::AnalyzerRule;

use crate::expressions::each_part;

/// The rule. It comes after those that give values their types.
#[derive(Debug)]
pub(crate) struct GuardedCase;

impl AnalyzerRule for GuardedCase {
    fn name(&self) -> &'static str {
        "guarded_case"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        each_part(plan, |part, schema| Ok(guarded(part, schema)))
    }
}

fn guarded(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::Case(case) = expr else { return Transformed::no(expr) };
    let branches = || case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
    let is_truth = || branches().any(|branch| matches!(branch.get_type(schema), Ok(DataType::Boolean)));
    if case.expr.is_some() || !branches().any(|branch| may_fail(branch)) || !is_truth() {
        return Transformed::no(Expr::Case(case));
    }
    let Case { when_then_expr, else_expr, .. } = case;
    let is_true = |when: Box<Expr>| Box::new(when.is_true());
    let when_then_expr = when_then_expr.into_iter().map(|(when, then)| (is_true(when), then)).collect();
    Transformed::yes(Expr::Case(Case { expr: Some(Box::new(lit(true))), when_then_expr, else_expr }))
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
