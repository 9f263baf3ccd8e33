//! Types of columns that queries within name of the query around.
//!
//! UNION of INT and BIGINT is BIGINT once types are given; a query within was planned before, and names the column as the INT
//! that it was. DataFusion 55.2 computes with it as such: it fails where it meets the other type, or loses what INT cannot hold.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ExprSchema, Result};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;

use super::outer::{asked_mut, lateral};
use crate::expressions::{Rule, rule};

/// The rule. It comes before those that give values their types, and gives them in UNION.
pub(crate) fn of_outer_columns() -> Rule {
    rule("types_of_outer_columns", |plan| {
        let mut asks = false;
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                asks |= expr.exists(|part| Ok(matches!(part, Expr::OuterReferenceColumn(..))))?;
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        if !asks {
            return Ok(plan);
        }
        Types::default().of_plan(plan)
    })
}

#[derive(Default)]
struct Types {
    /// The columns around a place, from outside inwards.
    around: Vec<DFSchema>,
    /// Whether a type is another one.
    has_changed: bool,
}

impl Types {
    fn of_plan(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let plan = match plan {
            LogicalPlan::Join(mut join) if lateral(&join).is_some() => {
                join.left = Arc::new(self.of_plan(Arc::unwrap_or_clone(join.left))?);
                let columns = join.left.schema().as_ref().clone();
                join.right = Arc::new(self.within(Arc::unwrap_or_clone(join.right), columns)?);
                LogicalPlan::Join(join)
            }
            other => match other.map_children(|input| self.of_plan(input).map(Transformed::yes))?.data {
                LogicalPlan::Union(union) => {
                    self.has_changed = true;
                    return TypeCoercionRewriter::coerce_union(union);
                }
                other => other,
            },
        };
        let own = merge_schema(&plan.inputs());
        let plan = plan.map_expressions(|expr| expr.transform_up(|part| self.of_part(part, &own)))?.data;
        if self.has_changed { plan.recompute_schema() } else { Ok(plan) }
    }

    fn within(&mut self, query: LogicalPlan, columns: DFSchema) -> Result<LogicalPlan> {
        self.around.push(columns);
        let query = self.of_plan(query);
        self.around.pop();
        query
    }

    fn of_part(&mut self, mut part: Expr, own: &DFSchema) -> Result<Transformed<Expr>> {
        if let Expr::OuterReferenceColumn(field, column) = &mut part {
            let known = self.around.iter().rev().find_map(|columns| columns.field_from_column(column).ok());
            if let Some(known) = known.filter(|known| known.data_type() != field.data_type()) {
                *field = Arc::clone(known);
                self.has_changed = true;
            }
        }
        if let Some(query) = asked_mut(&mut part) {
            let within = self.within(query.subquery.as_ref().clone(), own.clone())?;
            query.subquery = Arc::new(within);
        }
        Ok(Transformed::yes(part))
    }
}
