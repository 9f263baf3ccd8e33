//! Rewriting a logical plan and its expressions, once all have their types.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The plan with each part of its expressions rewritten, inner ones first; `rewrite` gets the columns that a part may name.
/// Columns that come out keep their names.
pub(crate) fn each_part(
    plan: LogicalPlan,
    rewrite: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    each_node(plan, |node, columns| each_part_of(node, |part| rewrite(part, columns)))
}

/// The plan with each node rewritten, inputs first; `rewrite` gets the columns that expressions of the node may name.
pub(crate) fn each_node(
    plan: LogicalPlan,
    rewrite: impl Fn(LogicalPlan, &DFSchema) -> Result<Transformed<LogicalPlan>>,
) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let mut columns = merge_schema(&node.inputs());
        if let LogicalPlan::TableScan(scan) = &node {
            let stored = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
            columns.merge(&stored);
        }
        rewrite(node, &columns)
    })
    .data()
}

/// The same for the expressions of one node, without its inputs.
pub(crate) fn each_part_of(
    node: LogicalPlan,
    rewrite: impl Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(&rewrite)?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })
}
