//! Filters of a scan: over the stored form of the table, and how they come to Vortex.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::utils::conjunction_opt;
use datafusion::physical_expr::{DynamicFilterTracking, PhysicalExpr, split_conjunction};
use datafusion::physical_expr_common::physical_expr::{snapshot_generation, snapshot_physical_expr};
use datafusion::physical_plan::expressions::{CaseExpr, Column};
use varve_table::Table;
use vortex::expr::Expression;
use vortex::session::VortexSession;
use vortex_datafusion::convert::{DefaultExpressionConverter, ExpressionConverter};

use super::{floats, unknown};
use crate::failing::{in_turn, may_fail_at_last};

/// One filter that was pushed into a scan.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    expr: Arc<dyn PhysicalExpr>,
    is_dynamic: bool,
}

impl Filter {
    pub(super) fn new(expr: Arc<dyn PhysicalExpr>) -> Self {
        let is_dynamic = DynamicFilterTracking::classify(&expr).contains_dynamic_filter();
        Self { expr, is_dynamic }
    }

    pub(super) fn expr(&self) -> &Arc<dyn PhysicalExpr> {
        &self.expr
    }

    /// Whether it narrows while the query runs. Such a filter may be ignored: whoever owns it applies it anyway.
    pub(super) fn is_dynamic(&self) -> bool {
        self.is_dynamic
    }

    /// As users know it.
    pub(super) fn shown(&self, table: &Table) -> String {
        let visible = map_columns(Arc::clone(&self.expr), |column| {
            let name = table.columns.get(column.index()).map_or(column.name(), |column| &column.name);
            Arc::new(Column::new(name, column.index()))
        });
        visible.map_or_else(|_| self.expr.to_string(), |expr| expr.to_string())
    }
}

/// `expr` with each column replaced.
pub(super) fn map_columns(
    expr: Arc<dyn PhysicalExpr>,
    replace: impl Fn(&Column) -> Arc<dyn PhysicalExpr>,
) -> Result<Arc<dyn PhysicalExpr>> {
    let replaced = expr.transform_up(|node| match node.downcast_ref::<Column>() {
        Some(column) => Ok(Transformed::yes(replace(column))),
        None => Ok(Transformed::no(node)),
    });
    Ok(replaced?.data)
}

/// A number that changes when a filter among `filters` does.
pub(super) fn generation(filters: &[Filter]) -> u64 {
    filters
        .iter()
        .filter(|filter| filter.is_dynamic)
        .fold(0, |sum, filter| sum.wrapping_add(snapshot_generation(&filter.expr)))
}

/// Filters for one segment: what Vortex evaluates; what is left for DataFusion, one after the other; and what DataFusion may
/// evaluate where that pays.
pub(super) struct Split {
    pub native: Vec<Expression>,
    pub residual: Vec<Arc<dyn PhysicalExpr>>,
    pub optional: Vec<Arc<dyn PhysicalExpr>>,
}

/// Divides `filters` as they are now. `adapt` puts constants for columns that the segment does not have. Where `are_few` rows
/// are read at all, Vortex evaluates nothing: it would evaluate whole chunks for them.
pub(super) fn split(
    filters: &[Filter],
    are_few: bool,
    stored: &SchemaRef,
    session: &VortexSession,
    adapt: impl Fn(&Column) -> Option<Arc<dyn PhysicalExpr>>,
) -> Result<Split> {
    let converter = DefaultExpressionConverter::new(session.clone());
    let (mut native, mut residual, mut optional) = (Vec::new(), Vec::new(), Vec::new());
    for filter in filters {
        let current = if filter.is_dynamic {
            snapshot_physical_expr(Arc::clone(&filter.expr))?
        } else {
            Arc::clone(&filter.expr)
        };
        let current =
            map_columns(current, |column| adapt(column).unwrap_or_else(|| Arc::new(column.clone())))?;
        for part in split_conjunction(&current) {
            // Vortex would compute it for rows that other filters refuse, and for deleted ones.
            let is_sayable = !are_few && !has_case(part)? && !may_fail_at_last(part, stored)?;
            let ordered = if is_sayable { floats::in_total_order(part, stored)? } else { None };
            let sayable = ordered.as_ref().map_or(Ok(None), unknown::without_difference)?;
            let converted = sayable.map_or(Ok(None), |part| converter.try_convert(&part, stored));
            match converted {
                Ok(Some(expression)) => native.push(expression),
                _ if filter.is_dynamic => optional.push(Arc::clone(part)),
                Ok(None) => residual.push(Arc::clone(part)),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Split { native, residual: in_turn(&residual, stored)?, optional })
}

/// Whether a branch of a CASE, or of a COALESCE that became one, is computed. Vortex computes branches for all rows: for
/// those of the other branch the value may be NULL where the planner has ruled that out, which is an error of the cast.
fn has_case(expr: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    expr.exists(|node| Ok(node.is::<CaseExpr>()))
}

/// The filters that every row must pass, as one; those that may be ignored are left out.
pub(super) fn required(filters: &[Filter]) -> Option<Arc<dyn PhysicalExpr>> {
    conjunction_opt(filters.iter().filter(|filter| !filter.is_dynamic).map(|filter| Arc::clone(&filter.expr)))
}
