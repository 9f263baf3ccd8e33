//! Limits on a plan.

use std::collections::HashMap;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use super::{PART_COLUMNS_MAX, within};
use crate::error::into_datafusion;

/// Nodes of a plan, shared ones as often as they are reached.
const NODES_MAX: usize = 4_096;
/// Nodes above each other.
const DEPTH_MAX: usize = 1_024;

/// Refuses a plan that is too large for rules.
///
/// # Errors
/// `SQL_LIMIT`.
/// Cost: each node once, however often it is reached.
pub(crate) fn of_plan(plan: &LogicalPlan) -> Result<()> {
    Measure::default().of(plan, 0).map(|_| ())
}

/// What is under a node, with it.
#[derive(Clone, Copy)]
struct Extent {
    nodes: usize,
    height: usize,
}

#[derive(Default)]
struct Measure {
    /// Nodes by where they lie, for several may have the same input.
    known: HashMap<*const LogicalPlan, Extent>,
}

impl Measure {
    fn of(&mut self, plan: &LogicalPlan, above: usize) -> Result<Extent> {
        let place: *const LogicalPlan = plan;
        let extent = match self.known.get(&place) {
            Some(extent) => *extent,
            None => self.below(plan, above)?,
        };
        let depth = above + extent.height;
        let hint = "divide the query, and put what it uses often into a table";
        within("the plan", extent.nodes, NODES_MAX, "nodes", hint)
            .and_then(|()| within("the plan", depth, DEPTH_MAX, "nodes above each other", hint))
            .map_err(into_datafusion)?;
        self.known.insert(place, extent);
        Ok(extent)
    }

    fn below(&mut self, plan: &LogicalPlan, above: usize) -> Result<Extent> {
        let columns = plan.schema().fields().len();
        within("a part of the query", columns, PART_COLUMNS_MAX, "columns", "name those that are wanted")
            .map_err(into_datafusion)?;
        if above == DEPTH_MAX {
            return Ok(Extent { nodes: 1, height: 1 });
        }
        let mut extent = Extent { nodes: 1, height: 1 };
        let mut add = |measure: &mut Self, inner: &LogicalPlan| -> Result<()> {
            let inner = measure.of(inner, above + 1)?;
            extent.nodes += inner.nodes;
            extent.height = extent.height.max(1 + inner.height);
            Ok(())
        };
        for input in plan.inputs() {
            add(self, input)?;
        }
        plan.apply_subqueries(|subquery| {
            // It stands here for a moment only; its input stays.
            subquery.inputs().into_iter().try_for_each(|inner| add(self, inner))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(extent)
    }
}
