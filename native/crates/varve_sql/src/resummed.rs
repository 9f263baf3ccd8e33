//! `sum(x), count(DISTINCT y)`, which are groups by `y` first and then sums of their sums.
//!
//! A sum of DECIMAL(22, 4) has ten digits more. DataFusion 55.2 gives the whole that type in place of what was planned with,
//! so that a comparison with it was of two types and refused as such. The sum gets the type that it had.

use std::sync::Arc;

use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};

use crate::rules::{LogicalRule, around};

/// The rule, of DataFusion's for logical plans, with the types of before if it sums twice.
pub(crate) fn of_one_type(rule: LogicalRule) -> LogicalRule {
    if rule.name() != "single_distinct_aggregation_to_group_by" {
        return rule;
    }
    around(rule, |plan, rule| {
        let before = Arc::clone(plan.schema());
        let rewritten = rule(plan)?;
        if !rewritten.transformed {
            return Ok(rewritten);
        }
        rewritten.map_data(|plan| {
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
    })
}
