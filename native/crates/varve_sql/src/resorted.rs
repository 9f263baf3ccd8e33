//! Sorts that DataFusion loses sight of.
//!
//! It sorts by fewer columns where it knows some of them to be equal to others. Rules that come later change what such a
//! column is computed from, after which it is not known any more (DataFusion 55.2, `ProjectionPushdown`), and a sort that it
//! has put below a UNION may leave out a column with one value there. The last rule then refuses the plan, which is as right as
//! before. It is sorted by all columns instead: by the rule that puts sorts into plans, and where that does not help one by one.
//! Of a column that equals something computed from itself, as in `HAVING b * count(*) = b`, it does not know the order of rows
//! that it has just sorted.
//!
//! A window finds the partitions of rows that lie in order for it. Where it is said that some of its keys are equal, as `a - 1`
//! and `CAST(a AS BIGINT)`, it may not find them in the end, and failed when it ran. Its rows are sorted for it by all keys.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::physical_expr::{LexOrdering, OrderingRequirements, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use crate::barriers;
use crate::rules::Rule;

type Plan = Arc<dyn ExecutionPlan>;

/// The rule with more tries, if it is the one that refuses plans.
pub(crate) fn before_it_is_refused(rule: Rule) -> Rule {
    if rule.name() == "SanityCheckPlan" { Arc::new(Resorted(rule)) } else { rule }
}

#[derive(Debug)]
struct Resorted(Rule);

impl PhysicalOptimizerRule for Resorted {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ways: [fn(Plan, &ConfigOptions) -> Result<Plan>; 3] =
            [as_it_is, required_again, sorted_where_wanted];
        let (mut plan, mut checked) = (plan, internal_err!("a plan is checked"));
        for way in ways {
            plan = way(plan, config)?.transform_up(for_window).data()?;
            checked = self.0.optimize(Arc::clone(&plan), config);
            if !matches!(checked, Err(DataFusionError::Plan(_))) {
                break;
            }
        }
        checked
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn as_it_is(plan: Plan, _: &ConfigOptions) -> Result<Plan> {
    Ok(plan)
}

/// The plan as DataFusion's rule sorts it when it comes again.
fn required_again(plan: Plan, config: &ConfigOptions) -> Result<Plan> {
    let plan = OutputRequirements::new_add_mode().optimize(plan, config)?;
    let plan = EnsureRequirements::new().optimize(plan, config)?;
    OutputRequirements::new_remove_mode().optimize(plan, config)
}

/// The plan with a sort in front of each operator that wants an order which its input is not known to have.
fn sorted_where_wanted(plan: Plan, _: &ConfigOptions) -> Result<Plan> {
    plan.transform_up(|node| {
        let wanted = node.required_input_ordering();
        let mut is_other = false;
        let mut children: Vec<Plan> = node.children().into_iter().cloned().collect();
        for (child, wanted) in children.iter_mut().zip(wanted) {
            let Some(OrderingRequirements::Hard(mut ways)) = wanted else { continue };
            let known = child.properties().equivalence_properties();
            let mut is_known = false;
            for way in &ways {
                is_known |= known.ordering_satisfy_requirement(way.clone())?;
            }
            if is_known || ways.is_empty() {
                continue;
            }
            *child = in_order(Arc::clone(child), ways.swap_remove(0).into())?;
            is_other = true;
        }
        if is_other {
            replace_children_if_necessary(node, children).map(Transformed::yes)
        } else {
            Ok(Transformed::no(node))
        }
    })
    .data()
}

/// A window that does not find its partitions, over rows in its own order.
fn for_window(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let bounded =
        node.downcast_ref().map(|it: &BoundedWindowAggExec| (it.partition_by_sort_keys(), it.window_expr()));
    let whole = node.downcast_ref().map(|it: &WindowAggExec| (it.partition_by_sort_keys(), it.window_expr()));
    let Some((Err(_), [window, ..])) = bounded.or(whole) else { return Ok(Transformed::no(node)) };
    let partitions = window.partition_by().iter().cloned().map(PhysicalSortExpr::new_default);
    let Some(order) = LexOrdering::new(partitions.chain(window.order_by().iter().cloned())) else {
        return internal_err!("a window without keys does not find its partitions");
    };
    let input = Arc::clone(node.children()[0]);
    replace_children_if_necessary(node, vec![in_order(input, order)?]).map(Transformed::yes)
}

/// The rows of `input`, sorted, of which nothing is known but their order: what is said of them below hides it.
fn in_order(input: Plan, order: LexOrdering) -> Result<Plan> {
    barriers::in_order_only(SortExec::new(order, input).with_preserve_partitioning(true))
}
