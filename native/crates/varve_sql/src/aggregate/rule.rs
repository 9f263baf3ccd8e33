//! Puts [`GroupPhasesExec`] and [`GroupByPlaceExec`] where they serve.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{Distribution, Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::InterleaveExec;
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, replace_children_if_necessary};

use super::codes::Codes;
use super::exec::GroupByPlaceExec;
use super::grouping::TABLE_ROOM_MAX;
use super::partial::Partial;
use super::phases::{GroupPhasesExec, Way};
use super::radix::Layout;
use crate::scan::TableScan;

/// Texts are numbered in memory; more different ones are not.
const TEXTS_MAX: u64 = 1 << 22;

/// Replaces both phases of aggregations over a scan: where groups by place become one thread's, and where there may be more
/// of them than a table has places.
pub(crate) fn in_both_phases(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    rewrite(plan, true)
}

/// Rewrites a plan; `is_free` says that nobody relies on which partition a row of it is in: the parts of a radix are divided
/// among partitions as they come.
fn rewrite(node: Arc<dyn ExecutionPlan>, is_free: bool) -> Result<Arc<dyn ExecutionPlan>> {
    if is_free && let Some(exec) = both(&node) {
        return Ok(exec);
    }
    let gathers = node.downcast_ref::<RepartitionExec>().is_some()
        || node.downcast_ref::<CoalescePartitionsExec>().is_some()
        || node.downcast_ref::<SortPreservingMergeExec>().is_some();
    let interleaves = node.downcast_ref::<InterleaveExec>().is_some();
    let required = node.input_distribution_requirements();
    let children = node.children().into_iter().zip(required.per_child_distributions());
    let children = children.map(|(child, required)| {
        let is_free = match required {
            Distribution::UnspecifiedDistribution => (is_free || gathers) && !interleaves,
            Distribution::SinglePartition => true,
            _ => false,
        };
        rewrite(Arc::clone(child), is_free)
    });
    let children = children.collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(node, children)
}

fn both(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let (last, first) = phases(node)?;
    let becomes_one = |scan: &TableScan, schema: &Schema, keys: &[usize]| {
        let groups_max = Partial::groups_max(first).unwrap_or(0);
        has_few_values(scan, schema, keys) && rooms(scan, keys) <= groups_max as u64
    };
    let found = keys_as_codes(first, &becomes_one).map(|input| (Way::Place, input));
    let found = found.or_else(|| keys_as_codes(first, &has_many_values).map(|input| (Way::Radix, input)));
    let (way, input) = found?;
    Some(Arc::new(GroupPhasesExec::new(way, Arc::new(last.clone()), Arc::new(first.clone()), input)))
}

/// The two phases of an aggregation with rows divided by their keys between them.
fn phases(node: &Arc<dyn ExecutionPlan>) -> Option<(&AggregateExec, &AggregateExec)> {
    let last = node.downcast_ref::<AggregateExec>()?;
    let between = last.input().downcast_ref::<RepartitionExec>()?;
    let first = between.input().downcast_ref::<AggregateExec>()?;
    let fits = *last.mode() == AggregateMode::FinalPartitioned
        && last.limit_options().is_none()
        && matches!(between.partitioning(), Partitioning::Hash(..));
    fits.then_some((last, first))
}

/// Replaces the first phase of aggregations over a scan, where all keys are columns that have codes.
pub(crate) fn by_place(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let replace = |node: Arc<dyn ExecutionPlan>| {
        Ok(match replacement(&node) {
            Some(exec) => Transformed::yes(exec),
            None => Transformed::no(node),
        })
    };
    plan.transform_up(replace).data()
}

fn replacement(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let aggregate = node.downcast_ref::<AggregateExec>()?;
    let input = keys_as_codes(aggregate, &has_few_values)?;
    Some(Arc::new(GroupByPlaceExec::new(Arc::new(aggregate.clone()), input)))
}

fn has_many_values(scan: &TableScan, schema: &Schema, keys: &[usize]) -> bool {
    let types = keys.iter().map(|key| schema.field(*key).data_type());
    let has_few_texts = |key: &usize| {
        *schema.field(*key).data_type() != DataType::Utf8View
            || scan.values_max(*key).is_some_and(|values| values <= TEXTS_MAX)
    };
    Layout::new(types).is_some()
        && keys.iter().all(has_few_texts)
        && rooms(scan, keys) > TABLE_ROOM_MAX as u64
}

fn has_few_values(scan: &TableScan, schema: &Schema, keys: &[usize]) -> bool {
    let has_codes = |key: &usize| Codes::of(schema.field(*key).data_type()).is_some();
    keys.iter().all(has_codes) && rooms(scan, keys) <= TABLE_ROOM_MAX as u64
}

/// How many combinations of values the keys have at most.
fn rooms(scan: &TableScan, keys: &[usize]) -> u64 {
    // Where nothing is known, it is tried.
    let room = |key: &usize| scan.values_max(*key).map_or(1, u64::next_power_of_two);
    keys.iter().map(room).fold(1, u64::saturating_mul)
}

/// Whether keys of a scan suit an aggregation.
type Suits<'s> = dyn Fn(&TableScan, &Schema, &[usize]) -> bool + 's;

/// The input of the first phase of an aggregation with its keys as codes; `None` where it is another phase, its keys are not
/// columns of a scan, or do not suit.
fn keys_as_codes(aggregate: &AggregateExec, suits: &Suits<'_>) -> Option<Arc<dyn ExecutionPlan>> {
    let serves = *aggregate.mode() == AggregateMode::Partial
        && *aggregate.input_order_mode() == InputOrderMode::Linear
        && aggregate.limit_options().is_none()
        && aggregate.group_expr().is_single()
        && !aggregate.group_expr().is_empty()
        && aggregate.aggr_expr().iter().all(|expr| expr.groups_accumulator_supported());
    if !serves {
        return None;
    }
    let keys = aggregate.group_expr().expr().iter();
    let keys =
        keys.map(|(expr, _)| Some(expr.downcast_ref::<Column>()?.index())).collect::<Option<Vec<_>>>()?;
    let schema = aggregate.input().schema();
    let is_text = |key: &&usize| *schema.field(**key).data_type() == DataType::Utf8View;
    if keys.iter().filter(is_text).any(|key| is_used(aggregate, *key)) {
        return None;
    }
    with_codes(aggregate.input(), &keys, suits)
}

/// Whether something else than the key is made of the column at `key`: that needs its texts.
fn is_used(aggregate: &AggregateExec, key: usize) -> bool {
    let arguments = aggregate.aggr_expr().iter().flat_map(|expr| {
        let orders = expr.order_bys().iter().map(|order| Arc::clone(&order.expr)).collect::<Vec<_>>();
        expr.expressions().into_iter().chain(orders)
    });
    let filters = aggregate.filter_expr().iter().flatten().cloned();
    arguments.chain(filters).any(|expr| reads(&expr, key))
}

fn reads(expr: &Arc<dyn PhysicalExpr>, column: usize) -> bool {
    collect_columns(expr).iter().any(|other| other.index() == column)
}

/// The same rows with codes in the columns at `keys`: a scan, or a projection of one that passes these columns on.
fn with_codes(
    input: &Arc<dyn ExecutionPlan>,
    keys: &[usize],
    suits: &Suits<'_>,
) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(projection) = input.downcast_ref::<ProjectionExec>() {
        let inner =
            keys.iter().map(|key| Some(projection.expr()[*key].expr.downcast_ref::<Column>()?.index()));
        let inner = inner.collect::<Option<Vec<_>>>()?;
        let others = projection.expr().iter().enumerate().filter(|(at, _)| !keys.contains(at));
        let schema = projection.input().schema();
        let is_text = |key: &&usize| *schema.field(**key).data_type() == DataType::Utf8View;
        let is_read = |key: &usize| others.clone().any(|(_, item)| reads(&item.expr, *key));
        if inner.iter().filter(is_text).any(is_read) {
            return None;
        }
        let scan = with_codes(projection.input(), &inner, suits)?;
        let expressions = projection.expr().iter().cloned();
        return Some(Arc::new(ProjectionExec::try_new(expressions, scan).ok()?));
    }
    let scan = input.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<TableScan>()?;
    if !suits(scan, &input.schema(), keys) {
        return None;
    }
    Some(Arc::new(DataSourceExec::new(Arc::new(scan.with_codes(keys)?))))
}
