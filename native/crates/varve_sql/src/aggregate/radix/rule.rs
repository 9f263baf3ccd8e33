//! Puts [`GroupByRadixExec`] where it serves.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_expr::{Distribution, Partitioning};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::InterleaveExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use super::super::grouping::TABLE_ROOM_MAX;
use super::super::rule::{keys_as_codes, rooms};
use super::exec::GroupByRadixExec;
use super::rows::Layout;
use crate::scan::TableScan;

/// Texts are numbered in memory; more different ones are not.
const TEXTS_MAX: u64 = 1 << 22;

/// Replaces both phases of aggregations over a scan whose keys may have more combinations than a table has places.
#[derive(Debug)]
pub(crate) struct GroupByRadix;

impl PhysicalOptimizerRule for GroupByRadix {
    fn name(&self) -> &'static str {
        "group_by_radix"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        rewrite(plan, true)
    }
}

/// Rewrites a plan; `is_free` says that nobody relies on which partition a row of it is in: the parts of a radix are divided
/// among partitions as they come.
fn rewrite(node: Arc<dyn ExecutionPlan>, is_free: bool) -> Result<Arc<dyn ExecutionPlan>> {
    if is_free && let Some(exec) = replacement(&node)? {
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

fn replacement(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some((last, first)) = phases(node) else { return Ok(None) };
    let Some(input) = keys_as_codes(first, &suits) else { return Ok(None) };
    Ok(Some(Arc::new(GroupByRadixExec::new(Arc::new(last.clone()), Arc::new(first.clone()), input))))
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

fn suits(scan: &TableScan, schema: &Schema, keys: &[usize]) -> bool {
    let types = keys.iter().map(|key| schema.field(*key).data_type());
    let has_few_texts = |key: &usize| {
        *schema.field(*key).data_type() != DataType::Utf8View
            || scan.values_max(*key).is_some_and(|values| values <= TEXTS_MAX)
    };
    Layout::new(types).is_some()
        && keys.iter().all(has_few_texts)
        && rooms(scan, keys) > TABLE_ROOM_MAX as u64
}
