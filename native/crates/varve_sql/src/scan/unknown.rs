//! Filters that tell false from NULL, which Vortex 0.90 does not where a chunk has nothing but NULL: it makes a range of two
//! comparisons, and of a list of consecutive numbers, and NULL is not in a range but outside of it. `x NOT IN (1, 2, 3)` let
//! such rows pass.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::expressions::{BinaryExpr, InListExpr, IsNotNullExpr};

/// A filter that passes the same rows as `filter`, whether NULL is outside of a range or not known to be; `None` when that
/// cannot be said.
pub(super) fn without_difference(filter: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    if let Some(both) = filter.downcast_ref::<BinaryExpr>()
        && matches!(both.op(), Operator::And | Operator::Or)
    {
        let sides = (without_difference(both.left())?, without_difference(both.right())?);
        let (Some(left), Some(right)) = sides else { return Ok(None) };
        return Ok(Some(Arc::new(BinaryExpr::new(left, *both.op(), right))));
    }
    let Some(list) = filter.downcast_ref::<InListExpr>() else {
        return Ok((!has_range(filter)?).then(|| Arc::clone(filter)));
    };
    for part in std::iter::once(list.expr()).chain(list.list()) {
        if has_range(part)? {
            return Ok(None);
        }
    }
    if !list.negated() {
        return Ok(Some(Arc::clone(filter)));
    }
    let is_known = Arc::new(IsNotNullExpr::new(Arc::clone(list.expr())));
    Ok(Some(Arc::new(BinaryExpr::new(is_known, Operator::And, Arc::clone(filter)))))
}

/// Whether a range may be made of a part of `expr`.
fn has_range(expr: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    let is_and = |node: &Arc<dyn PhysicalExpr>| {
        node.downcast_ref::<BinaryExpr>().is_some_and(|both| *both.op() == Operator::And)
    };
    expr.exists(|node| Ok(node.is::<InListExpr>() || is_and(node)))
}
