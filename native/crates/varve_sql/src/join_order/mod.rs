//! The order of inner joins, by cost.
//!
//! DataFusion joins in the order of FROM. Here the inner joins of a plan become a graph of relations with estimates, and the
//! cheapest tree over it is searched: all of them by dynamic programming over connected sets (Moerkotte and Neumann,
//! "Analysis of Two Existing and One New Dynamic Programming Algorithm", VLDB 2006) as long as there are few relations, the
//! greedily cheapest otherwise. The tree that was written stays where it is about as good.

mod graph;
mod rebuild;
mod search;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::operator_statistics::StatisticsRegistry;

use graph::Graph;

use crate::cardinality::{self, Learned};

/// A new tree must be estimated cheaper by this factor: estimates are not worth more.
const GAIN_MIN: f64 = 0.9;

/// Runs before sides are chosen and rows are distributed.
#[derive(Debug)]
pub(crate) struct JoinOrder {
    learned: Arc<Learned>,
    registry: StatisticsRegistry,
}

impl JoinOrder {
    pub(crate) fn new(learned: Arc<Learned>) -> Self {
        Self { registry: cardinality::registry(Arc::clone(&learned)), learned }
    }

    /// The plan with every tree of inner joins in it ordered, from the outermost on.
    pub(crate) fn ordered(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(mut graph) = Graph::of(&plan)? else { return self.below(plan) };
        for relation in &mut graph.relations {
            relation.plan = self.ordered(Arc::clone(&relation.plan))?;
        }
        graph.estimate(&self.registry, &self.learned)?;
        let best = search::best(&graph);
        let written = graph.written();
        let is_better = best.as_ref().is_some_and(|best| best.cost < written.cost * GAIN_MIN);
        let tree = best.filter(|_| is_better).unwrap_or(written);
        rebuild::plan(&graph, &tree, &plan.schema())
    }

    fn below(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let children = plan.children().into_iter().cloned();
        let ordered = children.map(|child| self.ordered(child)).collect::<Result<Vec<_>>>()?;
        replace_children_if_necessary(plan, ordered)
    }
}
