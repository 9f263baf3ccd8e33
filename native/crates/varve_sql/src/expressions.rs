//! Rewriting a logical plan and its expressions, before DataFusion optimises it.
//!
//! What goes through them is compiled anew for every type of function that it calls: all are one to it here.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};
use datafusion::optimizer::analyzer::AnalyzerRule;

use crate::planning::still_wanted;
use crate::rules::Rewrite;

pub(crate) type Rule = Arc<dyn AnalyzerRule + Send + Sync>;

/// One of our rules: `rewrite` makes another plan for the same rows, with the same schema.
pub(crate) fn rule(
    name: &'static str,
    rewrite: impl Fn(LogicalPlan) -> Result<LogicalPlan> + Send + Sync + 'static,
) -> Rule {
    Arc::new(Rewrite { name, rewrite })
}

/// The plan with each node rewritten, inputs first.
pub(crate) fn each_node(
    plan: LogicalPlan,
    rewrite: &dyn Fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>,
) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        still_wanted()?;
        rewrite(node)
    })
    .data()
}

/// The same; `rewrite` gets the columns that expressions of the node may name.
pub(crate) fn each_node_over(
    plan: LogicalPlan,
    rewrite: &dyn Fn(LogicalPlan, &DFSchema) -> Result<Transformed<LogicalPlan>>,
) -> Result<LogicalPlan> {
    each_node(plan, &|node| {
        let mut columns = merge_schema(&node.inputs());
        if let LogicalPlan::TableScan(scan) = &node {
            let stored = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
            columns.merge(&stored);
        }
        rewrite(node, &columns)
    })
}

/// The plan with each part of its expressions rewritten, inner ones first; `rewrite` gets the columns that a part may name.
/// Columns that come out keep their names.
pub(crate) fn each_part_over(
    plan: LogicalPlan,
    rewrite: &dyn Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    each_node_over(plan, &|node, columns| each_part_of(node, &|part| rewrite(part, columns)))
}

/// The same for the expressions of one node, without its inputs.
pub(crate) fn each_part_of(
    node: LogicalPlan,
    rewrite: &dyn Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    each_whole_of(node, &|expr| each_part(expr, rewrite))
}

/// The same; `rewrite` gets each expression as a whole.
pub(crate) fn each_whole_of(
    node: LogicalPlan,
    rewrite: &dyn Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(rewrite(expr)?.update_data(|expr| name.restore(expr)))
    })
}

/// The expression with each part of it rewritten, inner ones first.
pub(crate) fn each_part(
    expr: Expr,
    rewrite: &dyn Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    expr.transform_up(rewrite)
}

/// The same, outer ones first.
pub(crate) fn each_part_down(
    expr: Expr,
    rewrite: &dyn Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    expr.transform_down(rewrite)
}

/// What `part` compares with one another, as `=`, BETWEEN and IN do; nothing of other expressions.
pub(crate) fn compared(part: &mut Expr) -> Vec<&mut Expr> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.swap().is_some() => vec![left, right],
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(list) => list.list.iter_mut().chain([list.expr.as_mut()]).collect(),
        _ => Vec::new(),
    }
}

impl<F> AnalyzerRule for Rewrite<F>
where
    F: Fn(LogicalPlan) -> Result<LogicalPlan> + Send + Sync,
{
    fn name(&self) -> &str {
        self.name
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        (self.rewrite)(plan)
    }
}
