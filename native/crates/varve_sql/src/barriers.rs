//! What is said of rows to be equal, and is not above an operator, or is not said there.
//!
//! A column with one value on the side of an outer join that gives NULLs has two in the join: that one, and NULL. DataFusion
//! 55.2 takes what is equal on a side for equal in the join (`EquivalenceGroup::join`), and sorts by it no more: rows of
//! `a LEFT JOIN (SELECT id, 1 AS flag FROM b) AS b ... ORDER BY b.flag` came in no order, and groups of it were taken to come
//! one after the other. Of a column with one value on the right it loses just that (`EquivalenceClass::try_with_offset`):
//! where it had put a sort by that column below the join, it then refused the plan.
//!
//! A key of GROUPING SETS is NULL in the rows of some of them. What is said of the keys of their input, that they are equal, or
//! one value, or in order, or that rows of one key are in one partition, DataFusion says of these rows too
//! (`AggregateExec::compute_properties`): rows of `... ON a.x = b.y GROUP BY CUBE (a.x, b.y) ORDER BY 1, 2` came in no order.
//!
//! `max(x) OVER (ORDER BY i)` does not fall from row to row, but it is NULL until there is an `x`: NULLs come first, where
//! DataFusion says last (`AggregateFunctionExpr::get_result_ordering`), and of frames with an end that moves it says it the
//! wrong way round, or of counts that fall (`window_equivalence_properties`).

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::SetMonotonicity;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr, WindowExpr};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, replace_children_if_necessary};
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::{ProjectionExec, make_with_child};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::rules::only_child;

/// The plan, where nothing of that kind is said. Operators above are made anew, without what they drew from it: so this comes
/// before the rules that put sorts into a plan.
pub(crate) fn said_less(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if node.downcast_ref().is_some_and(|groups: &AggregateExec| groups.group_expr().has_grouping_set()) {
            let input = Arc::clone(node.children()[0]);
            let input = Arc::new(BarrierExec::over(input, Keeps::Nothing)?);
            return replace_children_if_necessary(node, vec![input]).map(Transformed::yes);
        }
        if window_exprs(node.as_ref()).iter().any(|expr| is_said_in_order(expr.as_ref())) {
            return Ok(Transformed::yes(Arc::new(BarrierExec::over(node, Keeps::OrderOfInput)?)));
        }
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

fn window_exprs(node: &dyn ExecutionPlan) -> &[Arc<dyn WindowExpr>] {
    let bounded = node.downcast_ref().map(BoundedWindowAggExec::window_expr);
    bounded.or_else(|| node.downcast_ref().map(WindowAggExec::window_expr)).unwrap_or_default()
}

/// Whether values of this window are said to be in an order that they may not be in.
fn is_said_in_order(expr: &dyn WindowExpr) -> bool {
    let expr = expr.as_any();
    let growing = expr.downcast_ref().map(PlainAggregateWindowExpr::get_aggregate_expr);
    let growing = growing.filter(|call| call.field().is_nullable());
    let moving = || expr.downcast_ref().map(SlidingAggregateWindowExpr::get_aggregate_expr);
    let call = growing.or_else(moving);
    call.is_some_and(|call| call.set_monotonicity() != SetMonotonicity::NotMonotonic)
}

fn side(input: &Arc<dyn ExecutionPlan>, says_too_much: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let input = Arc::clone(input);
    Ok(if says_too_much { Arc::new(BarrierExec::over(input, Keeps::EqualColumns)?) } else { input })
}

fn has_constants(plan: &Arc<dyn ExecutionPlan>) -> bool {
    !plan.properties().equivalence_properties().constants().is_empty()
}

/// Whether something computed, as `coalesce(x, 0)`, is said to equal a column: of NULLs it may not.
fn has_computed(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut classes = plan.properties().equivalence_properties().eq_group().iter();
    classes.any(|class| class.iter().any(|expr| !expr.is::<Column>()))
}

/// The rows of `sorted`, of which nothing is known but their order.
pub(crate) fn in_order_only(sorted: SortExec) -> Result<Arc<dyn ExecutionPlan>> {
    let order = sorted.expr().clone();
    Ok(Arc::new(BarrierExec::over(Arc::new(sorted), Keeps::Order(order))?))
}

/// What is known above a barrier.
#[derive(Debug, Clone)]
enum Keeps {
    /// Which columns are equal. Not the order of rows, so that no sort is put below it: there it would leave out columns with
    /// one value.
    EqualColumns,
    /// That rows are in this order.
    Order(LexOrdering),
    /// What is known of the only input of the operator, to whose columns it adds some.
    OrderOfInput,
    Nothing,
}

/// Passes on all rows, and not all that is known of them.
#[derive(Debug)]
struct BarrierExec {
    input: Arc<dyn ExecutionPlan>,
    keeps: Keeps,
    properties: Arc<PlanProperties>,
}

impl BarrierExec {
    fn over(input: Arc<dyn ExecutionPlan>, keeps: Keeps) -> Result<Self> {
        let mut properties = input.properties().as_ref().clone();
        let mut said = EquivalenceProperties::new(input.schema());
        match &keeps {
            Keeps::EqualColumns => {
                for class in input.properties().equivalence_properties().eq_group().iter() {
                    let columns: Vec<_> = class.iter().filter(|expr| expr.is::<Column>()).collect();
                    for pair in columns.windows(2) {
                        said.add_equal_conditions(Arc::clone(pair[0]), Arc::clone(pair[1]))?;
                    }
                }
            }
            Keeps::Order(order) => said.add_ordering(order.clone()),
            Keeps::OrderOfInput => {
                let below = only_child(input.children())?;
                said = said.extend(below.properties().equivalence_properties().clone())?;
            }
            Keeps::Nothing => {
                let count = properties.output_partitioning().partition_count();
                properties = properties.with_partitioning(Partitioning::UnknownPartitioning(count));
            }
        }
        Ok(Self { properties: Arc::new(properties.with_eq_properties(said)), input, keeps })
    }
}

impl DisplayAs for BarrierExec {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl ExecutionPlan for BarrierExec {
    fn name(&self) -> &'static str {
        "BarrierExec"
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
        Ok(Arc::new(Self::over(only_child(children)?, self.keeps.clone())?))
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
        // An order is written in columns, which have other places below.
        let is_of_columns = matches!(self.keeps, Keeps::Order(_) | Keeps::OrderOfInput);
        let narrows = projection.expr().len() < self.schema().fields().len() && !is_of_columns;
        let below = || {
            let input = make_with_child(projection, &self.input)?;
            Ok(Arc::new(Self::over(input, self.keeps.clone())?) as _)
        };
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
