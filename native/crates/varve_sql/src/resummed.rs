//! `sum(x), count(DISTINCT y)`, which are groups by `y` first and then sums of their sums.
//!
//! A sum of DECIMAL(22, 4) has ten digits more. DataFusion 55.2 gives the whole that type in place of what was planned with,
//! so that a comparison with it was of two types and refused as such. The sum gets the type that it had.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::rules::LogicalRule;

/// The rule, of DataFusion's for logical plans, with the types of before if it sums twice.
pub(crate) fn of_one_type(rule: LogicalRule) -> LogicalRule {
    if rule.name() == "single_distinct_aggregation_to_group_by" { Arc::new(OfOneType(rule)) } else { rule }
}

struct OfOneType(LogicalRule);

impl fmt::Debug for OfOneType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl OptimizerRule for OfOneType {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let before = Arc::clone(plan.schema());
        self.0.rewrite(plan, config)?.map_data(|plan| {
            let now = plan.schema();
            if before.fields().iter().zip(now.fields()).all(|(was, is)| was.data_type() == is.data_type()) {
                return Ok(plan);
            }
            let typed = before.iter().map(|(table, field)| {
                let column = Expr::Column(Column::new(table.cloned(), field.name()));
                let typed = column.cast_to(field.data_type(), now)?;
                Ok(typed.alias_qualified(table.cloned(), field.name()))
            });
            let columns = typed.collect::<Result<Vec<_>>>()?;
            LogicalPlanBuilder::from(plan).project(columns)?.build()
        })
    }
}
