//! Pushing filters down a physical plan without losing rows.
//!
//! DataFusion's rule follows a column from one operator to the next by its name. Behind a join two columns may have the same
//! one, and the filter then comes to the wrong table: `a RIGHT JOIN b ... WHERE a.id IS NULL` looked for `b.id IS NULL`.
//! It does so for the filters of a statement and for those that a top-k or a join narrows while it runs. The same holds of
//! a semi join whose keys have different names, when its other side has a column of the first one's.
//!
//! Therefore a barrier is put above every operator whose columns a name does not tell apart, for as long as the rule runs, and
//! around those that draw values ([`crate::drawn`]).
//! What it keeps up is little: the logical optimiser, which knows where a column comes from, has pushed filters before.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{JoinType, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::covered::Covered;
use crate::drawn::draws;
use crate::rules::{Rule, only_child};
use crate::substituted::is_too_long;

/// The rule with barriers, if it pushes filters.
pub(crate) fn guarded(rule: Rule) -> Rule {
    if !rule.name().starts_with("FilterPushdown") {
        return rule;
    }
    Arc::new(Covered { rule, cover: fenced, covered: fenced_in })
}

fn fenced(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let node = without_narrowing(node)?;
    if draws(node.data.as_ref())? {
        // None that it has itself goes down from there either.
        let children = node.data.children().into_iter().cloned();
        let children = children.map(|child| Arc::new(Barrier(child)) as _).collect();
        let node = replace_children_if_necessary(node.data, children)?;
        return Ok(Transformed::yes(Arc::new(Barrier(node)) as _));
    }
    Ok(if is_ambiguous(node.data.as_ref()) || is_too_long(node.data.as_ref())? {
        Transformed::yes(Arc::new(Barrier(node.data)) as _)
    } else {
        node
    })
}

fn fenced_in(node: &dyn ExecutionPlan) -> Option<&Arc<dyn ExecutionPlan>> {
    node.downcast_ref().map(|Barrier(input)| input)
}

/// A join narrows its other side by the least and the greatest key, which maps have not: the query failed for want of them
/// where the other side takes filters. And by a set of all keys, in which 0.0 is not -0.0: rows were lost. The filters of
/// such a join come to no scan.
fn without_narrowing(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(join) = node.downcast_ref::<HashJoinExec>() else { return Ok(Transformed::no(node)) };
    let schema = join.left().schema();
    let narrows_wrongly =
        |key: &Arc<dyn PhysicalExpr>| key.data_type(&schema).is_ok_and(|of| holds_such(&of));
    if !join.on().iter().any(|(key, _)| narrows_wrongly(key)) {
        return Ok(Transformed::no(node));
    }
    let sides = vec![Arc::clone(join.left()), Arc::new(Barrier(Arc::clone(join.right()))) as _];
    replace_children_if_necessary(node, sides).map(Transformed::yes)
}

/// The plan without joins that wait for parts of theirs which may never begin.
///
/// A join narrows its other side when all of its parts have reported, and lets each wait for that (DataFusion 55.2,
/// `SharedBuildAccumulator`). But a part of a join above, of which each part has rows of its own on both sides, is done where
/// one side has none, and begins no part of the other: the rest waited for ever. Such a join narrows nothing.
pub(crate) fn without_waiting(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    beginning(plan, false)
}

/// The same of a plan of which some parts may never begin while others wait, if `may_skip`.
fn beginning(plan: Arc<dyn ExecutionPlan>, may_skip: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let join = plan.downcast_ref::<HashJoinExec>();
    let has_own_rows = join.is_some_and(|join| *join.partition_mode() == PartitionMode::Partitioned)
        || plan.downcast_ref::<SortMergeJoinExec>().is_some();
    let mut children = Vec::new();
    for child in plan.children() {
        // What brings parts together begins all of them.
        let begins_all = plan.properties().output_partitioning().partition_count()
            != child.properties().output_partitioning().partition_count()
            || plan.downcast_ref::<RepartitionExec>().is_some();
        children.push(beginning(Arc::clone(child), !begins_all && (may_skip || has_own_rows))?);
    }
    let plan = match join {
        Some(join) if may_skip && !plan.dynamic_expressions_produced().is_empty() => {
            join.builder().reset_state().build_exec()?
        }
        _ => plan,
    };
    replace_children_if_necessary(plan, children)
}

/// Whether values of a type are maps or floating point numbers, or hold some.
fn holds_such(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| holds_such(field.data_type())),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            holds_such(item.data_type())
        }
        DataType::Dictionary(_, value) => holds_such(value),
        other => other.is_floating(),
    }
}

/// Whether a filter on what comes out of an operator may be taken for one on another column.
fn is_ambiguous(node: &dyn ExecutionPlan) -> bool {
    let schema = node.schema();
    let mut names = HashSet::new();
    if schema.fields().iter().any(|field| !names.insert(field.name())) {
        return true;
    }
    node.downcast_ref::<HashJoinExec>().is_some_and(|join| {
        join.on().iter().any(|(left, right)| match join.join_type() {
            JoinType::LeftSemi => names_another(left, right, join.right()),
            JoinType::RightSemi => names_another(right, left, join.left()),
            _ => false,
        })
    })
}

/// Whether the key `shown` of a semi join has the name of a column of the other side that is not the key there.
fn names_another(
    shown: &Arc<dyn PhysicalExpr>,
    hidden: &Arc<dyn PhysicalExpr>,
    other: &Arc<dyn ExecutionPlan>,
) -> bool {
    let Some(shown) = shown.downcast_ref::<Column>() else { return false };
    let is_key = hidden.downcast_ref::<Column>().is_some_and(|hidden| hidden.name() == shown.name());
    !is_key && other.schema().index_of(shown.name()).is_ok()
}

/// Lets no filter through. It is in a plan only while a rule runs.
#[derive(Debug)]
struct Barrier(Arc<dyn ExecutionPlan>);

impl DisplayAs for Barrier {
    fn fmt_as(&self, _format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Barrier")
    }
}

impl ExecutionPlan for Barrier {
    fn name(&self) -> &'static str {
        "Barrier"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
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
        Ok(Arc::new(Self(only_child(children)?)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}
