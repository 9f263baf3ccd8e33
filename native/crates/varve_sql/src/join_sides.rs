//! What is said of the sides of joins to be equal, and is not in the join, or is not said there.
//!
//! A column with one value on the side of an outer join that gives NULLs has two in the join: that one, and NULL. DataFusion
//! 55.2 takes what is equal on a side for equal in the join (`EquivalenceGroup::join`), and sorts by it no more: rows of
//! `a LEFT JOIN (SELECT id, 1 AS flag FROM b) AS b ... ORDER BY b.flag` came in no order, and groups of it were taken to come
//! one after the other. Of a column with one value on the right it loses just that (`EquivalenceClass::try_with_offset`):
//! where it had put a sort by that column below the join, it then refused the plan.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, replace_children_if_necessary};
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::{ProjectionExec, make_with_child};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::rules::only_child;

/// The plan, where sides of joins say nothing of that kind. Operators above are made anew, without what they drew from it: so
/// this comes before the rules that put sorts into a plan.
pub(crate) fn said_less(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let [gives_null_left, gives_null_right] = match join_type(node.as_ref()) {
            Some(JoinType::Inner) => [false, false],
            Some(JoinType::Left) => [false, true],
            Some(JoinType::Right) => [true, false],
            Some(JoinType::Full) => [true, true],
            _ => return Ok(Transformed::no(node)),
        };
        let sides = match node.children()[..] {
            [left, right] => [
                side(left, gives_null_left && (has_constants(left) || has_computed(left)))?,
                side(right, has_constants(right) || gives_null_right && has_computed(right))?,
            ],
            _ => return internal_err!("a join has two sides"),
        };
        replace_children_if_necessary(node, sides.into()).map(Transformed::yes)
    })
    .data()
}

fn join_type(node: &dyn ExecutionPlan) -> Option<JoinType> {
    let hash = node.downcast_ref().map(|join: &HashJoinExec| *join.join_type());
    let nested = || node.downcast_ref().map(|join: &NestedLoopJoinExec| *join.join_type());
    let merge = || node.downcast_ref().map(SortMergeJoinExec::join_type);
    hash.or_else(nested).or_else(merge).or_else(|| node.is::<CrossJoinExec>().then_some(JoinType::Inner))
}

fn side(input: &Arc<dyn ExecutionPlan>, says_too_much: bool) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(if says_too_much { Arc::new(JoinSideExec::over(Arc::clone(input))?) } else { Arc::clone(input) })
}

fn has_constants(plan: &Arc<dyn ExecutionPlan>) -> bool {
    !plan.properties().equivalence_properties().constants().is_empty()
}

/// Whether something computed, as `coalesce(x, 0)`, is said to equal a column: of NULLs it may not.
fn has_computed(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut classes = plan.properties().equivalence_properties().eq_group().iter();
    classes.any(|class| class.iter().any(|expr| !expr.is::<Column>()))
}

/// Passes on all rows, and of what is known to be equal only which columns are. It promises no order, so that no sort is put
/// below it: there it would leave out columns with one value.
#[derive(Debug)]
struct JoinSideExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl JoinSideExec {
    fn over(input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let known = input.properties().equivalence_properties();
        let mut said = EquivalenceProperties::new(input.schema());
        for class in known.eq_group().iter() {
            let columns: Vec<_> = class.iter().filter(|expr| expr.is::<Column>()).collect();
            for pair in columns.windows(2) {
                said.add_equal_conditions(Arc::clone(pair[0]), Arc::clone(pair[1]))?;
            }
        }
        let properties = input.properties().as_ref().clone().with_eq_properties(said);
        Ok(Self { input, properties: Arc::new(properties) })
    }
}

impl DisplayAs for JoinSideExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl ExecutionPlan for JoinSideExec {
    fn name(&self) -> &'static str {
        "JoinSideExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::over(only_child(children)?)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&inputs[0]))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let narrows = projection.expr().len() < self.schema().fields().len();
        let below = || Ok(Arc::new(Self::over(make_with_child(projection, &self.input)?)?) as _);
        narrows.then(below).transpose()
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(filters, &self.children())
    }
}
