//! Hash joins that would not fit into memory become sort-merge joins: sorts spill, and a hash table does not.
//!
//! Estimates may be wrong. A query that runs out of memory before its first row therefore runs again with all its hash
//! joins replaced: slower, but it ends. See [`or_spilling`].

use std::mem::size_of;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::operator_statistics::StatisticsRegistry;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::zeros::with_one_zero;

/// What an entry of a hash table takes beside its row: a slot, and the link to the next row of the same key.
const ENTRY_BYTES: usize = 4 * size_of::<u64>();

/// Replaces hash joins whose table is estimated greater than so many bytes. Runs when sides are chosen.
#[derive(Debug)]
pub(crate) struct SortMerge {
    table_bytes_max: usize,
    registry: StatisticsRegistry,
}

impl SortMerge {
    pub(crate) fn new(table_bytes_max: usize, registry: StatisticsRegistry) -> Self {
        Self { table_bytes_max, registry }
    }

    /// The plan with sort-merge joins.
    pub(crate) fn replaced(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match node.downcast_ref::<HashJoinExec>() {
            // NOT IN asks whether there is any NULL, which only a hash join can tell.
            Some(join) if !join.null_aware && !self.fits(join)? => sort_merge(join).map(Transformed::yes),
            _ => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn fits(&self, join: &HashJoinExec) -> Result<bool> {
        if self.table_bytes_max == 0 {
            return Ok(false);
        }
        let known = self.registry.compute(join.left().as_ref())?;
        let rows = known.base().num_rows.get_value().copied().unwrap_or(0);
        let bytes = known.base().total_byte_size.get_value().copied().unwrap_or(0);
        Ok(bytes.saturating_add(rows.saturating_mul(ENTRY_BYTES)) <= self.table_bytes_max)
    }
}

fn sort_merge(join: &HashJoinExec) -> Result<Arc<dyn ExecutionPlan>> {
    let (left, right) = (join.left().schema(), join.right().schema());
    let last = join.on().len() - 1;
    let on = join.on().iter().enumerate().map(|(at, (one, other))| {
        let (one, other) = (Arc::clone(one), Arc::clone(other));
        if at == last {
            return Ok((one, other));
        }
        let types = (one.data_type(&left)?, other.data_type(&right)?);
        Ok((with_one_zero(one, &types.0)?, with_one_zero(other, &types.1)?))
    });
    let merge = Arc::new(SortMergeJoinExec::try_new(
        Arc::clone(join.left()),
        Arc::clone(join.right()),
        on.collect::<Result<_>>()?,
        join.filter().cloned(),
        *join.join_type(),
        vec![Default::default(); join.on().len()],
        join.null_equality(),
    )?);
    let Some(projection) = &join.projection else { return Ok(merge) };
    let schema = merge.schema();
    let items = projection.iter().map(|at| {
        let name = schema.field(*at).name();
        ProjectionExpr { expr: Arc::new(Column::new(name, *at)), alias: name.clone() }
    });
    Ok(Arc::new(ProjectionExec::try_new(items.collect::<Vec<_>>(), merge)?))
}

/// The rows of `first`, or, when memory runs out before any of them has come, those of what `instead` makes.
pub(crate) fn or_spilling<F>(
    first: SendableRecordBatchStream,
    instead: impl FnOnce() -> F + Send + 'static,
) -> SendableRecordBatchStream
where
    F: Future<Output = Result<SendableRecordBatchStream>> + Send,
{
    let schema = first.schema();
    let rows = stream::once(async move {
        let mut first = first;
        match first.next().await {
            Some(Err(error)) if is_out_of_memory(&error) => {
                drop(first);
                instead().await
            }
            head => {
                let schema = first.schema();
                let all = stream::iter(head).chain(first);
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, all)) as SendableRecordBatchStream)
            }
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows.try_flatten()))
}

fn is_out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}
