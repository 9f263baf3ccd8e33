//! Comparisons in conditions of joins with what is the same for all rows on the right, as `x.a = 2` for `2 = x.a`.
//!
//! DataFusion 55.2 writes them so everywhere but in joins. What it says of the other side's key after such a condition it then
//! says twice, as `2 = y.a` and as `y.a = 2`, takes these for two things that cannot both be (`simplify_predicates`), and the
//! join had no partners.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};

use crate::expressions::{Rule, each_node, each_part_of, rule};

/// The rule.
pub(crate) fn in_joins() -> Rule {
    rule("comparisons_in_joins", |plan| {
        each_node(plan, &|node| match node {
            LogicalPlan::Join(_) => each_part_of(node, &turned),
            node => Ok(Transformed::no(node)),
        })
    })
}

fn turned(part: Expr) -> Result<Transformed<Expr>> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if !left.any_column_refs() && right.any_column_refs() =>
        {
            Ok(match op.swap() {
                Some(op) => Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: right, op, right: left })),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            })
        }
        part => Ok(Transformed::no(part)),
    }
}
