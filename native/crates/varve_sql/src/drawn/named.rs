//! Parts of WITH that draw values, and are named more than once: `WITH s AS (SELECT id, random() AS r FROM t) SELECT ... FROM s
//! WHERE r < 0.8 UNION ALL SELECT ... FROM s WHERE r >= 0.8` has each row of `t` once.
//!
//! DataFusion 55.2 puts the part's plan in each place that names it, and each draws values of its own. Their rows are made once
//! here, for all of these places, and kept while the statement runs. A part that is about rows of a query around it stays as it
//! is: it has others for each of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, SubqueryAlias, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use parking_lot::Mutex;

use super::exec::{Rows, SharedRowsExec};
use crate::expressions::each_node;
use crate::rules::only_child;
use crate::statement::drawn::number_of;

/// The plan in which places that name the same such part share its rows.
pub(crate) fn shared(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut places: HashMap<u64, usize> = HashMap::new();
    plan.apply_with_subqueries(|node| {
        if let Some((number, _)) = part(node) {
            *places.entry(number).or_default() += 1;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if places.values().all(|places| *places == 1) {
        return Ok(plan);
    }
    each_node(plan, &|node| {
        let Some((number, SubqueryAlias { input, alias, .. })) = part(&node) else {
            return Ok(Transformed::no(node));
        };
        if places.get(&number) == Some(&1) || !input.all_out_ref_exprs().is_empty() {
            return Ok(Transformed::no(node));
        }
        let rows = SharedRows { number, input: input.as_ref().clone() };
        let rows = LogicalPlan::Extension(Extension { node: Arc::new(rows) });
        let named = SubqueryAlias::try_new(Arc::new(rows), alias.clone())?;
        Ok(Transformed::yes(LogicalPlan::SubqueryAlias(named)))
    })
}

/// The number of the part that a node is, as the statement was marked. Places in a view share its rows already.
fn part(node: &LogicalPlan) -> Option<(u64, &SubqueryAlias)> {
    let LogicalPlan::SubqueryAlias(named) = node else { return None };
    let number = number_of(named.alias.table())?;
    (!matches!(named.input.as_ref(), LogicalPlan::Extension(_))).then_some((number, named))
}

/// The rows of one part in one of its places.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd)]
struct SharedRows {
    number: u64,
    input: LogicalPlan,
}

impl UserDefinedLogicalNodeCore for SharedRows {
    fn name(&self) -> &'static str {
        "SharedRows"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SharedRows")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { number: self.number, input: only_child(inputs)? })
    }
}

/// DataFusion's planner of operators, which makes such rows once for all places of a plan.
#[derive(Debug)]
pub(crate) struct OnceForAll;

#[async_trait]
impl QueryPlanner for OnceForAll {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let of_this_plan = Sharing::default();
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(of_this_plan)]);
        planner.create_physical_plan(plan, session).await
    }
}

/// The rows that places of one plan share, by the number of their part.
#[derive(Default)]
struct Sharing(Mutex<HashMap<u64, Arc<Rows>>>);

#[async_trait]
impl ExtensionPlanner for Sharing {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(SharedRows { number, .. }) = node.as_any().downcast_ref() else { return Ok(None) };
        let rows = Arc::clone(self.0.lock().entry(*number).or_default());
        Ok(Some(Arc::new(SharedRowsExec::new(only_child(inputs.to_vec())?, rows))))
    }
}
