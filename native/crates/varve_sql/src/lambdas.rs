//! Conditions on each item of a list, as `array_any_match(l, x -> x > y)`.
//!
//! A variable of a lambda is numbered after the columns that its condition was planned over, so the condition holds over
//! these alone. DataFusion's rule that computes parts of a join's condition below the join (55.2) gives it other columns: it
//! does not see such joins.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::expressions::LambdaExpr;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::covered::Covered;
use crate::rules::Rule;

/// Whether part of an expression is computed of each item of a list.
pub(crate) fn has_lambda(expr: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    expr.exists(|node| Ok(node.is::<LambdaExpr>()))
}

/// The rule, which does not see joins with lambdas if it is the one that changes their conditions.
pub(crate) fn kept(rule: Rule) -> Rule {
    if rule.name() != "ProjectionPushdown" {
        return rule;
    }
    Arc::new(Covered { rule, cover: hidden, covered: joined })
}

fn hidden(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let filter = node.downcast_ref::<NestedLoopJoinExec>().and_then(NestedLoopJoinExec::filter);
    let is_kept = filter.map(|filter| has_lambda(filter.expression())).transpose()?;
    Ok(match is_kept {
        Some(true) => Transformed::yes(Arc::new(Hidden(node)) as _),
        _ => Transformed::no(node),
    })
}

fn joined(node: &dyn ExecutionPlan) -> Option<&Arc<dyn ExecutionPlan>> {
    node.downcast_ref().map(|Hidden(join)| join)
}

/// An operator that no rule knows. It is in a plan only while a rule runs.
#[derive(Debug)]
struct Hidden(Arc<dyn ExecutionPlan>);

impl DisplayAs for Hidden {
    fn fmt_as(&self, _format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hidden")
    }
}

impl ExecutionPlan for Hidden {
    fn name(&self) -> &'static str {
        "Hidden"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.0.children()
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
        let join = replace_children_if_necessary(Arc::clone(&self.0), children)?;
        Ok(Arc::new(Self(join)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}
