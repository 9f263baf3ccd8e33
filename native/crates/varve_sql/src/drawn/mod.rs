//! Values that are drawn anew at each call, as those of `random()` and `uuid()`.
//!
//! A row has the values that were drawn for it, wherever they are looked at. DataFusion 55.2 draws some of them again: for the
//! filters that it moves ([`filters`]), and for each place that names a part of WITH ([`named`]).

mod exec;
mod filters;
mod named;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;

pub(crate) use filters::left_there;
pub(crate) use named::{OnceForAll, shared};

/// Whether an operator draws such values.
pub(crate) fn draws(node: &dyn ExecutionPlan) -> Result<bool> {
    let mut draws = false;
    node.apply_expressions(&mut |expr| {
        draws |= is_volatile(expr);
        Ok(if draws { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(draws)
}
