//! Filters that show some of the columns that they read, before DataFusion pushes projections down.
//!
//! Its rule (55.2, `FilterExec::try_swapping_with_projection`) puts a projection below a filter and looks for the columns of
//! the condition in it by name and place. The condition has the places of what the filter reads, and the projection those of
//! what it shows: where both have a column of one name at a place, as behind a join, it could have filtered by another column,
//! or refused the plan. So what a filter shows is a projection of its own while that rule runs, which puts it back.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// The plan in which filters show all columns.
pub(crate) fn all_shown(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let filter = node.downcast_ref::<FilterExec>();
        let Some((filter, shown)) = filter.and_then(|filter| Some((filter, filter.projection().as_ref()?)))
        else {
            return Ok(Transformed::no(node));
        };
        let whole = Arc::new(FilterExecBuilder::from(filter).apply_projection(None)?.build()?);
        let schema = whole.schema();
        let columns = shown.iter().map(|&at| {
            let name = schema.field(at).name();
            ProjectionExpr::new(Arc::new(Column::new(name, at)), name.clone())
        });
        Ok(Transformed::yes(Arc::new(ProjectionExec::try_new(columns, whole)?) as _))
    })
    .data()
}
