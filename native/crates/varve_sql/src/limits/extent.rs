//! Limits on a plan.

use std::collections::HashMap;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use super::{PART_COLUMNS_MAX, within};
use crate::error::into_datafusion;

/// Nodes of a plan, shared ones as often as they are reached.
const NODES_MAX: usize = 4_096;
/// Nodes above each other, which are recursed over.
const DEPTH_MAX: usize = 1_024;
/// Steps above each other: what rules push through each other, one by one. The time that takes grows with about the seventh
/// power of them.
const STEPS_MAX: usize = 400;
/// Queries within the conditions and values of each other. DataFusion 55.2 checks each of them as often as it checks the one
/// around it, twice.
const QUERIES_MAX: usize = 12;

/// Refuses a plan that is too large for rules.
///
/// # Errors
/// `SQL_LIMIT`.
/// Cost: each node once, however often it is reached.
pub(crate) fn of_plan(plan: &LogicalPlan) -> Result<()> {
    Measure::default().of(plan, Height::default()).map(|_| ())
}

/// How much lies above each other.
#[derive(Clone, Copy, Default)]
struct Height {
    nodes: usize,
    steps: usize,
    queries: usize,
}

impl Height {
    /// The edge of a query in an expression.
    const QUERY: Self = Self { nodes: 0, steps: 0, queries: 1 };

    fn of(node: &LogicalPlan) -> Self {
        let is_step = !matches!(node, LogicalPlan::SubqueryAlias(_) | LogicalPlan::Union(_));
        Self { nodes: 1, steps: usize::from(is_step), queries: 0 }
    }

    fn on(self, below: Self) -> Self {
        Self {
            nodes: self.nodes + below.nodes,
            steps: self.steps + below.steps,
            queries: self.queries + below.queries,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.max(other.nodes),
            steps: self.steps.max(other.steps),
            queries: self.queries.max(other.queries),
        }
    }
}

/// What is under a node, with it.
#[derive(Clone, Copy)]
struct Extent {
    nodes: usize,
    height: Height,
}

#[derive(Default)]
struct Measure {
    /// Nodes by where they lie, for several may have the same input.
    known: HashMap<*const LogicalPlan, Extent>,
}

impl Measure {
    fn of(&mut self, plan: &LogicalPlan, above: Height) -> Result<Extent> {
        let place: *const LogicalPlan = plan;
        let extent = match self.known.get(&place) {
            Some(extent) => *extent,
            None => self.below(plan, above)?,
        };
        let depth = above.on(extent.height);
        let hint = "divide the query, and put what it uses often into a table";
        let plan = "the plan";
        within(plan, extent.nodes, NODES_MAX, "nodes", hint)
            .and_then(|()| within(plan, depth.nodes, DEPTH_MAX, "nodes above each other", hint))
            .and_then(|()| within(plan, depth.steps, STEPS_MAX, "steps above each other", hint))
            .and_then(|()| within(plan, depth.queries, QUERIES_MAX, "queries within each other", hint))
            .map_err(into_datafusion)?;
        self.known.insert(place, extent);
        Ok(extent)
    }

    fn below(&mut self, plan: &LogicalPlan, above: Height) -> Result<Extent> {
        let columns = plan.schema().fields().len();
        within("a part of the query", columns, PART_COLUMNS_MAX, "columns", "name those that are wanted")
            .map_err(into_datafusion)?;
        let here = Height::of(plan);
        if above.nodes == DEPTH_MAX {
            return Ok(Extent { nodes: 1, height: here });
        }
        let (mut nodes, mut highest) = (1, Height::default());
        let mut add = |measure: &mut Self, inner: &LogicalPlan, edge: Height| -> Result<()> {
            let inner = measure.of(inner, above.on(here).on(edge))?;
            nodes += inner.nodes;
            highest = highest.or(edge.on(inner.height));
            Ok(())
        };
        for input in plan.inputs() {
            add(self, input, Height::default())?;
        }
        plan.apply_subqueries(|subquery| {
            // It stands here for a moment only; its input stays.
            subquery.inputs().into_iter().try_for_each(|inner| add(self, inner, Height::QUERY))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Extent { nodes, height: here.on(highest) })
    }
}
