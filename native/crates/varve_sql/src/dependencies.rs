//! Which columns of a plan determine others.
//!
//! DataFusion leaves out of ORDER BY and GROUP BY what others determine, and DISTINCT where nothing is there twice. Of rows that
//! were joined and then grouped, 55.2 takes a key of one table among the columns they are grouped by for one of the groups:
//! `SELECT d.id, f.x, count(*) FROM f JOIN d ON f.d = d.id GROUP BY d.id, f.x ORDER BY d.id, f.x` was not in order of `x`.
//! A list has a row for each item, and the key of the table that it stands in is said to be one of these rows.
//! What such an aggregation or such lists, and all above them, say of that is taken away before the rules that ask, and of
//! what stands in FROM before its rows are grouped: the planner groups them by what their key determines as well.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, FunctionalDependencies, Result};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Aggregate, LogicalPlan, Unnest};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;

thread_local! {
    /// Whether [`TrueRelations`] had the relation that is planned next, and asks how others plan it.
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Plans what stands in FROM as the others do, which come after it.
#[derive(Debug)]
pub(crate) struct TrueRelations;

impl RelationPlanner for TrueRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if IS_ASKED.replace(false) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        IS_ASKED.set(true);
        let mut plan = context.plan(relation)?;
        if !plan.schema().functional_dependencies().is_empty() {
            plan = corrected(plan)?.data;
        }
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The rule. It comes before each that asks.
#[derive(Debug)]
pub(crate) struct TrueDependencies;

impl OptimizerRule for TrueDependencies {
    fn name(&self) -> &'static str {
        "true_dependencies"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        corrected(plan)
    }
}

/// The plan with no other than true ones.
pub(crate) fn corrected(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut are_true = true;
    plan.apply_with_subqueries(|node| {
        are_true &= !says_too_much(node);
        Ok(if are_true { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    if are_true { Ok(Transformed::no(plan)) } else { without(plan) }
}

fn without(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let plan = plan.map_subqueries(without)?;
    let is_changed = plan.transformed;
    let plan = plan.data.map_children(without)?;
    Ok(if plan.transformed || says_too_much(&plan.data) {
        Transformed::yes(with_none(plan.data)?)
    } else {
        Transformed::new(plan.data, is_changed, TreeNodeRecursion::Continue)
    })
}

fn says_too_much(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Aggregate(aggregate) => has_other_keys(aggregate),
        LogicalPlan::Unnest(Unnest { list_type_columns, schema, .. }) => {
            !list_type_columns.is_empty() && !schema.functional_dependencies().is_empty()
        }
        _ => false,
    }
}

/// Whether an aggregation takes columns for a key of its groups that do not determine all they are grouped by.
fn has_other_keys(Aggregate { input, group_expr, schema, .. }: &Aggregate) -> bool {
    let below = input.schema();
    let name = |place: &usize| below.qualified_field(*place);
    schema.functional_dependencies().iter().any(|says| {
        // Those of the groups come first.
        if says.source_indices.len() >= group_expr.len() {
            return false;
        }
        let key: Vec<_> = says.source_indices.iter().map(|place| schema.qualified_field(*place)).collect();
        !below.functional_dependencies().iter().any(|known| {
            let is_same = known.source_indices.len() == key.len()
                && known.source_indices.iter().all(|place| key.contains(&name(place)));
            let determines = |column| known.target_indices.iter().any(|place| name(place) == column);
            is_same
                && (0..group_expr.len()).all(|place| {
                    let column = schema.qualified_field(place);
                    key.contains(&column) || determines(column)
                })
        })
    })
}

/// The same node, which says nothing of this.
fn with_none(mut node: LogicalPlan) -> Result<LogicalPlan> {
    let schema: &mut DFSchemaRef = match &mut node {
        LogicalPlan::Projection(node) => &mut node.schema,
        LogicalPlan::Aggregate(node) => &mut node.schema,
        LogicalPlan::SubqueryAlias(node) => &mut node.schema,
        LogicalPlan::Join(node) => &mut node.schema,
        LogicalPlan::Window(node) => &mut node.schema,
        LogicalPlan::Unnest(node) => &mut node.schema,
        LogicalPlan::Union(node) => &mut node.schema,
        // Others have that of their input.
        _ => return Ok(node),
    };
    let none = FunctionalDependencies::empty();
    *schema = Arc::new(schema.as_ref().clone().with_functional_dependencies(none)?);
    Ok(node)
}
