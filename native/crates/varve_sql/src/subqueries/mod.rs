//! Queries within expressions, and within FROM by LATERAL, wherever they stand and whatever they name of the query around.
//!
//! DataFusion 55.2 makes joins of EXISTS, IN and values in a filter, and of values in a list of SELECT, as far as their own
//! filters name columns around them. The rest it refuses, or answers wrongly: what an IN says of NULL, EXISTS of an
//! aggregation or with an OFFSET, and windows. So, before it comes to that, EXISTS, IN, ANY and ALL are put in terms of what
//! it does right ([`forms`]), operators that cannot hold a query get its value as a column of their input, and what is left
//! is computed for all rows around at once ([`domain`]).

mod domain;
mod forms;
mod joins;
mod outer;
mod repeatable;
mod simple;
mod single;
mod types;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, Subquery};

use crate::expressions::{Rule, each_node, rule};
use crate::values::contains_subquery;
use crate::{dependencies, limits};
use domain::{Domain, Names, joined, projected};
use forms::Forms;
use outer::{asked, is_closed};

pub(crate) use single::ONLY_VALUE;
pub(crate) use types::of_outer_columns;

/// The rule. It comes after those that give values their types.
pub(crate) fn as_joins() -> Rule {
    rule("subqueries_as_joins", |plan| {
        let names = Names::default();
        let plan = dependencies::corrected(plan)?.data;
        each_node(plan, &|node| in_node(node, &names))
    })
}

fn in_node(node: LogicalPlan, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let mut asks = false;
    node.apply_expressions(|expr| {
        asks |= contains_subquery(expr);
        Ok(TreeNodeRecursion::Continue)
    })?;
    match node {
        LogicalPlan::Join(join) => joins::in_join(join, asks, names),
        node if !asks => Ok(Transformed::no(node)),
        LogicalPlan::Filter(filter) => in_filter(filter, names).map(Transformed::yes),
        LogicalPlan::Projection(projection) => in_projection(projection, names).map(Transformed::yes),
        node @ (LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_) | LogicalPlan::Window(_)) => {
            below(node, names)
        }
        node => Ok(Transformed::no(node)),
    }
}

fn in_filter(filter: Filter, names: &Names) -> Result<LogicalPlan> {
    let Filter { predicate, input, .. } = filter;
    let columns = input.schema().columns();
    let (asking, plain): (Vec<_>, Vec<_>) =
        split_conjunction_owned(predicate).into_iter().partition(contains_subquery);
    let input = filtered(Arc::unwrap_or_clone(input), plain)?;
    let (input, asking) = with_operands(input, asking, names)?;
    let forms = Forms { schema: input.schema(), in_filter: true };
    let asking = asking.into_iter().map(|part| Ok(split_conjunction_owned(forms.truth(part)?)));
    let asking: Vec<Expr> = asking.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let (mut simple, mut others) = (Vec::new(), Vec::new());
    for part in asking {
        let place = if is_simple(&part, input.schema())? { &mut simple } else { &mut others };
        place.push(part);
    }
    let input = filtered(input, simple)?;
    let (input, others) = with_values(input, others, names)?;
    only(columns, filtered(input, others)?)
}

fn in_projection(projection: Projection, names: &Names) -> Result<LogicalPlan> {
    let Projection { expr: exprs, input, .. } = projection;
    let preserver = NamePreserver::new_for_projection();
    let saved: Vec<_> = exprs.iter().map(|expr| preserver.save(expr)).collect();
    let (input, exprs) = with_operands(Arc::unwrap_or_clone(input), exprs, names)?;
    let forms = Forms { schema: input.schema(), in_filter: false };
    let exprs = exprs.into_iter().map(|expr| forms.value(expr)).collect::<Result<Vec<_>>>()?;
    let (input, exprs) = with_values(input, exprs, names)?;
    projected(exprs.into_iter().zip(saved).map(|(expr, name)| name.restore(expr)).collect(), input)
}

/// An operator that cannot hold a query, over one that computes it.
fn below(node: LogicalPlan, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let Some(input) = node.inputs().first().map(|input| (*input).clone()) else {
        return Ok(Transformed::no(node));
    };
    let (mut moved, mut is_other) = (Vec::new(), false);
    let preserver = NamePreserver::new(&node);
    let exprs = node.expressions().into_iter().map(|expr| {
        let name = preserver.save(&expr);
        let expr = moved_out(expr, &mut moved, names)?;
        is_other |= expr.transformed;
        Ok(name.restore(expr.data))
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    if !is_other {
        return Ok(Transformed::no(node));
    }
    let input = with_columns(input, moved, names)?;
    let is_aggregation = matches!(node, LogicalPlan::Aggregate(_));
    let columns = node.schema().columns();
    let node = node.with_new_exprs(exprs, vec![input])?;
    Ok(Transformed::yes(if is_aggregation { node } else { only(columns, node)? }))
}

/// `expr` with columns for the queries in it that do not compute one value for all rows, which go to `moved`.
fn moved_out(expr: Expr, moved: &mut Vec<Expr>, names: &Names) -> Result<Transformed<Expr>> {
    expr.transform_down(|part| {
        if asked(&part).is_none() {
            return Ok(Transformed::no(part));
        }
        match part {
            Expr::ScalarSubquery(query) if is_closed(&query.subquery)? => forms::one_value(query),
            part => {
                let name = names.next("value");
                moved.push(part.alias(&name));
                let column = Expr::Column(Column::new_unqualified(name));
                Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
            }
        }
    })
}

/// `input` with columns of its own for `exprs`.
fn with_columns(input: LogicalPlan, exprs: Vec<Expr>, names: &Names) -> Result<LogicalPlan> {
    if exprs.is_empty() {
        return Ok(input);
    }
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let exprs = columns.chain(exprs).collect();
    in_projection(Projection::try_new(exprs, Arc::new(input))?, names)
}

/// The same for what queries are asked about, where that asks a query itself.
fn with_operands(input: LogicalPlan, exprs: Vec<Expr>, names: &Names) -> Result<(LogicalPlan, Vec<Expr>)> {
    let mut moved = Vec::new();
    let exprs = exprs.into_iter().map(|expr| {
        expr.transform_down(|mut part| {
            let operand = match &mut part {
                Expr::InSubquery(member) => &mut member.expr,
                Expr::SetComparison(comparison) => &mut comparison.expr,
                _ => return Ok(Transformed::no(part)),
            };
            if !contains_subquery(operand) {
                return Ok(Transformed::no(part));
            }
            let name = names.next("value");
            let column = Expr::Column(Column::new_unqualified(&name));
            moved.push(std::mem::replace(operand.as_mut(), column).alias(name));
            Ok(Transformed::yes(part))
        })
        .data()
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    Ok((with_columns(input, moved, names)?, exprs))
}

/// `input` joined with the values of the queries in `exprs` that DataFusion leaves, and `exprs` with columns for them.
fn with_values(input: LogicalPlan, exprs: Vec<Expr>, names: &Names) -> Result<(LogicalPlan, Vec<Expr>)> {
    let mut plan = input.clone();
    let mut found: Vec<(Subquery, Column)> = Vec::new();
    let exprs = exprs.into_iter().map(|expr| {
        expr.transform_down(|part| {
            let Expr::ScalarSubquery(query) = &part else { return Ok(Transformed::no(part)) };
            if is_left(query, plan.schema())? {
                return Ok(Transformed::no(part));
            }
            // What it names is of the input, whatever was joined with it since.
            let known = found.iter().find(|(known, _)| known == query).map(|(_, column)| column.clone());
            let column = match known {
                Some(column) => column,
                None => {
                    let (joined, column) = with_value(&input, plan.clone(), query, names)?;
                    plan = joined;
                    found.push((query.clone(), column.clone()));
                    column
                }
            };
            Ok(Transformed::new(Expr::Column(column), true, TreeNodeRecursion::Jump))
        })
        .data()
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    Ok((plan, exprs))
}

/// `plan`, which has the columns of `input`, with one for the value of `query`.
fn with_value(
    input: &LogicalPlan,
    plan: LogicalPlan,
    query: &Subquery,
    names: &Names,
) -> Result<(LogicalPlan, Column)> {
    let domain = Domain::of(&query.subquery, input, names)?;
    let value = domain.through(&query.subquery)?;
    let name = names.next("value");
    let column = Column::from(query.subquery.schema().qualified_field(0));
    let keys = value.keys.iter().cloned().map(Expr::Column);
    let answer =
        projected(std::iter::once(Expr::Column(column).alias(&name)).chain(keys).collect(), value.plan)?;
    let joined = joined(plan, answer, JoinType::Left, domain.same(&value.keys))?;
    limits::of_plan(&joined)?;
    Ok((joined, Column::new_unqualified(name)))
}

/// Whether DataFusion's own rules compute a value, of a filter or a list of SELECT over rows of `around`.
fn is_left(query: &Subquery, around: &DFSchema) -> Result<bool> {
    Ok(is_closed(&query.subquery)? || simple::value(&query.subquery, around)?)
}

fn is_simple(condition: &Expr, around: &DFSchema) -> Result<bool> {
    let mut is_simple = true;
    condition.apply(|part| {
        if let Expr::ScalarSubquery(query) = part {
            is_simple &= is_left(query, around)?;
        }
        Ok(if is_simple { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_simple)
}

fn filtered(input: LogicalPlan, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    Ok(match conjunction(conditions) {
        Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?),
        None => input,
    })
}

/// The rows of `plan` with no other than these columns.
fn only(columns: Vec<Column>, plan: LogicalPlan) -> Result<LogicalPlan> {
    if plan.schema().fields().len() == columns.len() {
        return Ok(plan);
    }
    projected(columns.into_iter().map(Expr::Column).collect(), plan)
}
