//! Which columns of the query around it a query names.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, TableReference};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, Subquery, SubqueryAlias};

/// The query that an expression stands for, or asks about.
pub(super) fn asked(part: &Expr) -> Option<&Subquery> {
    match part {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })
        | Expr::ScalarSubquery(subquery) => Some(subquery),
        _ => None,
    }
}

/// The same, to change it.
pub(super) fn asked_mut(part: &mut Expr) -> Option<&mut Subquery> {
    match part {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })
        | Expr::ScalarSubquery(subquery) => Some(subquery),
        _ => None,
    }
}

/// The query on the right of a join, if it may name columns of the left, and the name that it has.
pub(super) fn lateral(join: &Join) -> Option<(&LogicalPlan, Option<&TableReference>)> {
    match join.right.as_ref() {
        LogicalPlan::Subquery(query) => Some((&query.subquery, None)),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => match input.as_ref() {
            LogicalPlan::Subquery(query) => Some((&query.subquery, Some(alias))),
            _ => None,
        },
        _ => None,
    }
}

/// The columns that `plan` names and that no query within it has: each once, in the order of their names.
pub(super) fn free(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    collect(plan, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// The same, of an expression over rows of `input`.
pub(super) fn free_in(expr: &Expr, input: &DFSchema) -> Result<Vec<Column>> {
    let (mut found, mut within) = (Vec::new(), Vec::new());
    collect_in(expr, &mut found, &mut within)?;
    within.retain(|column| !input.has_column(column));
    found.append(&mut within);
    Ok(found)
}

/// Whether it names none.
pub(super) fn is_closed(plan: &LogicalPlan) -> Result<bool> {
    Ok(free(plan)?.is_empty())
}

fn collect(plan: &LogicalPlan, found: &mut Vec<Column>) -> Result<()> {
    let mut within = Vec::new();
    plan.apply_expressions(|expr| {
        collect_in(expr, found, &mut within)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !within.is_empty() {
        let own = merge_schema(&plan.inputs());
        within.retain(|column| !own.has_column(column));
        found.append(&mut within);
    }
    if let LogicalPlan::Join(join) = plan
        && lateral(join).is_some()
    {
        collect(&join.right, &mut within)?;
        within.retain(|column| !join.left.schema().has_column(column));
        found.append(&mut within);
        return collect(&join.left, found);
    }
    plan.inputs().into_iter().try_for_each(|input| collect(input, found))
}

/// Columns that `expr` names go to `found`, those of queries in it to `within`.
fn collect_in(expr: &Expr, found: &mut Vec<Column>, within: &mut Vec<Column>) -> Result<()> {
    expr.apply(|part| {
        if let Expr::OuterReferenceColumn(_, column) = part {
            found.push(column.clone());
        }
        if let Some(query) = asked(part) {
            collect(&query.subquery, within)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// `expr` as a query within one of rows of `schema` names these.
pub(super) fn from_within(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|part| match part {
        Expr::Column(column) if schema.has_column(&column) => {
            let field = Arc::clone(schema.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}
