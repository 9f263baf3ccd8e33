//! Membership in lists.
//!
//! `x = 0.0` finds -0.0; `x IN (0.0, ...)` compared bits in DataFusion once a list was long. A list of
//! literals gets the other zero beside each; others are no lists any more (see [`crate::membership`]).

use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::expressions::{each_part, each_part_of};

/// The rule. It comes after those that make lists of equalities.
#[derive(Debug)]
pub(crate) struct BothZeros;

impl OptimizerRule for BothZeros {
    fn name(&self) -> &'static str {
        "both_zeros"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        each_part_of(plan, &|part| Ok(in_list(part)))
    }
}

/// The same of an expression that is in no plan.
pub(crate) fn with_both_zeros(expr: Expr) -> Result<Expr> {
    each_part(expr, &|part| Ok(in_list(part))).data()
}

fn in_list(part: Expr) -> Transformed<Expr> {
    let Expr::InList(mut list) = part else { return Transformed::no(part) };
    let known = list.list.len();
    for at in 0..known {
        let other = other_zero(&list.list[at]);
        list.list.extend(other.filter(|other| !list.list.contains(other)));
    }
    let is_changed = list.list.len() > known;
    Transformed::new_transformed(Expr::InList(list), is_changed)
}

/// The zero for `item` when that is the negative one.
pub(crate) fn positive_zero(item: &Expr) -> Option<Expr> {
    let is_negative = match item {
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => value.is_sign_negative(),
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => value.is_sign_negative(),
        _ => false,
    };
    if is_negative { other_zero(item) } else { None }
}

/// The zero of the other sign, when `item` is one.
fn other_zero(item: &Expr) -> Option<Expr> {
    let Expr::Literal(value, metadata) = item else { return None };
    let other = match value {
        ScalarValue::Float32(Some(zero)) if *zero == 0.0 => ScalarValue::Float32(Some(-zero)),
        ScalarValue::Float64(Some(zero)) if *zero == 0.0 => ScalarValue::Float64(Some(-zero)),
        _ => return None,
    };
    Some(Expr::Literal(other, metadata.clone()))
}
