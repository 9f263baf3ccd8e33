//! What EXISTS, IN, ANY and ALL of a query say, in terms of fewer.
//!
//! `x IN (q)` is true if a row of q is x, else NULL if one may be, else false. DataFusion 55.2 makes it a column that is true
//! or false, which is right only where NULL and false are one: not in `NOT (x IN (q)) OR y`, nor in an answer.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, Result, not_impl_err};
use datafusion::functions_aggregate::count::count;
use datafusion::functions_aggregate::min_max::{max, min};
use datafusion::logical_expr::expr::{BinaryExpr, Case, Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::logical_plan::{Distinct, FetchType, SkipType};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, binary_expr, lit,
    not, when,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;

use super::domain::{joined, one_row, projected};
use super::outer::{from_within, is_closed};
use super::{simple, single};

/// Expressions over rows of `schema`.
pub(super) struct Forms<'s> {
    pub(super) schema: &'s DFSchema,
    /// Whether they stand in a filter, where DataFusion's own rules make joins of what is simple.
    pub(super) in_filter: bool,
}

impl Forms<'_> {
    /// `condition`, of which it matters whether it is true.
    pub(super) fn truth(&self, condition: Expr) -> Result<Expr> {
        self.truth_of(condition, true)
    }

    fn truth_of(&self, condition: Expr, is_whole: bool) -> Result<Expr> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let is_whole = is_whole && op == Operator::And;
                Ok(binary_expr(self.truth_of(*left, is_whole)?, op, self.truth_of(*right, is_whole)?))
            }
            Expr::Not(inner) => match *inner {
                Expr::InSubquery(member) => {
                    let opposite = InSubquery { negated: !member.negated, ..member };
                    self.truth_of(Expr::InSubquery(opposite), is_whole)
                }
                other => self.value(not(other)),
            },
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let query = &*with_own_name(without_order(&subquery.subquery))?;
                let has_join = match negated {
                    false => self.is_quick(query)?,
                    // There is a join for NULL among rows that are the same for all, and it is one if it has a key.
                    true => is_closed(query)? && !self.is_same_for_all(&expr)?,
                };
                if has_join && is_whole && self.in_filter {
                    let subquery = self::subquery(query.clone());
                    return Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }));
                }
                if !negated {
                    return self.among(&expr, query);
                }
                if !self.is_quick(query)? {
                    return self.counted(*expr, query, true);
                }
                let ways = self.ways(&expr, query)?;
                let ways = [Some(ways.is), ways.may_be_a_null, ways.may_be_of_null];
                Ok(conjunction(ways.into_iter().flatten().map(not)).unwrap_or_else(|| lit(true)))
            }
            Expr::SetComparison(comparison) => match self.as_membership(comparison)? {
                member @ Expr::InSubquery(_) => self.truth_of(member, is_whole),
                other => self.value(other),
            },
            other => self.value(other),
        }
    }

    /// Whether a value is the same for all rows, or is when it is simplified, as `coalesce(5, x)`. What asks for it would be a
    /// filter of the query then, which leaves no NULL.
    fn is_same_for_all(&self, value: &Expr) -> Result<bool> {
        if matches!(value, Expr::Column(_)) {
            return Ok(false);
        }
        let context = SimplifyContext::builder().with_schema(Arc::new(self.schema.clone())).build();
        let simplified = ExprSimplifier::new(context).simplify(value.clone())?;
        Ok(!simplified.any_column_refs())
    }

    /// `expr`, of which the value matters.
    pub(super) fn value(&self, expr: Expr) -> Result<Expr> {
        expr.transform_up(|part| match part {
            Expr::Exists(Exists { subquery, negated }) => {
                let exists = self.exists(&subquery.subquery)?;
                Ok(Transformed::yes(if negated { not(exists) } else { exists }))
            }
            Expr::InSubquery(member) => self.membership(member).map(Transformed::yes),
            Expr::SetComparison(comparison) => {
                let other = match self.as_membership(comparison)? {
                    Expr::InSubquery(member) => self.membership(member)?,
                    other => other,
                };
                Ok(Transformed::yes(other))
            }
            Expr::ScalarSubquery(query) => one_value(query),
            other => Ok(Transformed::no(other)),
        })
        .data()
    }

    fn membership(&self, member: InSubquery) -> Result<Expr> {
        let InSubquery { expr, subquery, negated } = member;
        let query = &*with_own_name(without_order(&subquery.subquery))?;
        if !self.is_quick(query)? {
            return self.counted(*expr, query, negated);
        }
        let ways = self.ways(&expr, query)?;
        let mut when_then_expr = vec![(Box::new(ways.is), Box::new(lit(!negated)))];
        for may_be in [ways.may_be_a_null, ways.may_be_of_null].into_iter().flatten() {
            when_then_expr.push((Box::new(may_be), Box::new(unknown())));
        }
        Ok(Expr::Case(Case { expr: None, when_then_expr, else_expr: Some(Box::new(lit(negated))) }))
    }

    /// Whether what asks of rows of `query` becomes a join of few operators.
    fn is_quick(&self, query: &LogicalPlan) -> Result<bool> {
        Ok(is_closed(query)? || simple::rows(query, self.schema)?)
    }

    /// Membership by counting rows, so that `query`, which is computed for all rows around at once, is that only once.
    fn counted(&self, value: Expr, query: &LogicalPlan, negated: bool) -> Result<Expr> {
        let (value, column) = (from_within(value, self.schema)?, first_column(query));
        let is_it = when(column.clone().eq(value.clone()), lit(1_i64)).end()?;
        let (same, known, all) = (count(is_it), count(column), all_rows());
        let may_be = named_as(&known).lt(named_as(&all)).or(value.is_null());
        let is_member = when(named_as(&same).gt(lit(0_i64)), lit(!negated))
            .when(named_as(&all).gt(lit(0_i64)).and(may_be), unknown())
            .otherwise(lit(negated))?;
        let query = LogicalPlanBuilder::from(query.clone());
        query.aggregate(Vec::<Expr>::new(), [same, known, all])?.project([is_member])?.build().map(scalar)
    }

    /// Whether a row of `query` is `value`, where NULL is none.
    fn among(&self, value: &Expr, query: &LogicalPlan) -> Result<Expr> {
        let is = first_column(query).eq(from_within(value.clone(), self.schema)?);
        self.exists_where(query, is)
    }

    fn exists_where(&self, query: &LogicalPlan, condition: Expr) -> Result<Expr> {
        self.exists(&LogicalPlanBuilder::from(query.clone()).filter(condition)?.build()?)
    }

    fn ways(&self, value: &Expr, query: &LogicalPlan) -> Result<Ways> {
        let (_, field) = query.schema().qualified_field(0);
        let may_be_of_null = value.nullable(self.schema)?.then(|| self.exists(query)).transpose()?;
        Ok(Ways {
            is: self.among(value, query)?,
            may_be_a_null: field
                .is_nullable()
                .then(|| self.exists_where(query, first_column(query).is_null()))
                .transpose()?,
            may_be_of_null: may_be_of_null.map(|exists| value.clone().is_null().and(exists)),
        })
    }

    /// Whether `query` has rows, as an expression.
    fn exists(&self, query: &LogicalPlan) -> Result<Expr> {
        let rows = match existing(query)? {
            Existing::Always => return Ok(lit(true)),
            Existing::Never => return Ok(lit(false)),
            Existing::With(rows) => rows,
        };
        if !is_closed(rows)? {
            if self.in_filter && simple::rows(rows, self.schema)? {
                return Ok(Expr::Exists(Exists { subquery: subquery(rows.clone()), negated: false }));
            }
            return any_row(LogicalPlanBuilder::from(rows.clone()));
        }
        any_row(LogicalPlanBuilder::from(rows.clone()).project([lit(true)])?.limit(0, Some(1))?)
    }

    /// A comparison with any or all rows, as IN, or by the least and the greatest of them.
    fn as_membership(&self, comparison: SetComparison) -> Result<Expr> {
        let SetComparison { expr, subquery: rows, op, quantifier } = comparison;
        let is_all = quantifier == SetQuantifier::All;
        // x is more than all where it is not at most any.
        let op = if is_all { op.negate().unwrap_or(op) } else { op };
        if op == Operator::Eq {
            return Ok(Expr::InSubquery(InSubquery { expr, subquery: rows, negated: is_all }));
        }
        let query = without_order(&rows.subquery);
        let column = first_column(query);
        let (least, greatest) = (min(column.clone()), max(column.clone()));
        let (known, all) = (count(column), all_rows());
        let over = |of: &[&Expr], value: Expr| {
            let of: Vec<_> = of.iter().copied().cloned().collect();
            let query = LogicalPlanBuilder::from(query.clone());
            query.aggregate(Vec::<Expr>::new(), of)?.project([value])?.build().map(scalar)
        };
        // What is the same for all rows around is computed by itself. Else it all comes from one query.
        let is_closed = is_closed(query)?;
        let part = |of: &[&Expr], value: Expr| if is_closed { over(of, value) } else { Ok(value) };
        let value = if is_closed { *expr } else { from_within(*expr, self.schema)? };
        let than = |bound: &Expr| Ok(binary_expr(value.clone(), op, part(&[bound], named_as(bound))?));
        let holds = match op {
            Operator::Gt | Operator::GtEq => than(&least),
            Operator::Lt | Operator::LtEq => than(&greatest),
            Operator::NotEq => Ok(than(&least)?.or(than(&greatest)?)),
            other => not_impl_err!("{other} ANY or ALL of a query"),
        }?;
        let is_unknown = part(&[&known, &all], named_as(&known).lt(named_as(&all)))?;
        let has_rows = part(&[&all], named_as(&all).gt(lit(0_i64)))?;
        let may_hold = is_unknown.or(value.clone().is_null().and(has_rows));
        let says = when(holds, lit(!is_all)).when(may_hold, unknown()).otherwise(lit(is_all))?;
        if is_closed { Ok(says) } else { over(&[&least, &greatest, &known, &all], says) }
    }
}

/// How a value may be among the rows of a query.
struct Ways {
    is: Expr,
    /// There is a row of NULL; `None` if there cannot be.
    may_be_a_null: Option<Expr>,
    /// The value is NULL, and there are rows; `None` if it cannot be.
    may_be_of_null: Option<Expr>,
}

enum Existing<'p> {
    Always,
    Never,
    /// When this has rows.
    With(&'p LogicalPlan),
}

/// A query that stands for a value, of one row at most, whose column says that it may be NULL: it is where there is no row.
pub(super) fn one_value(query: Subquery) -> Result<Transformed<Expr>> {
    let rows = &query.subquery;
    if !is_closed(rows)? {
        let is_of_one = rows.max_rows().is_some_and(|rows| rows <= 1);
        return Ok(if is_of_one {
            // It becomes a column of a join, which says so.
            Transformed::no(Expr::ScalarSubquery(query))
        } else {
            Transformed::yes(single::only_value(without_order(rows).clone())?)
        });
    }
    if rows.schema().field(0).is_nullable() || matches!(existing(rows)?, Existing::Always) {
        return Ok(Transformed::no(Expr::ScalarSubquery(query)));
    }
    let joined = joined(one_row(), rows.as_ref().clone(), JoinType::Left, None)?;
    Ok(Transformed::yes(scalar(joined)))
}

/// Leaves out of `query` what does not change whether it has rows.
fn existing(query: &LogicalPlan) -> Result<Existing<'_>> {
    match query {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
            (_, FetchType::Literal(Some(0))) => Ok(Existing::Never),
            (SkipType::Literal(0), FetchType::Literal(_)) => existing(&limit.input),
            _ => Ok(Existing::With(query)),
        },
        LogicalPlan::Distinct(Distinct::All(input)) => existing(input),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => existing(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => existing(&alias.input),
        LogicalPlan::Projection(projection) => existing(&projection.input),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => Ok(Existing::Always),
        LogicalPlan::EmptyRelation(one) if one.produce_one_row => Ok(Existing::Always),
        _ => Ok(Existing::With(query)),
    }
}

/// `query` in whatever order.
fn without_order(query: &LogicalPlan) -> &LogicalPlan {
    match query {
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
        other => other,
    }
}

/// `query` with a name of its own for its first column, if that is computed: DataFusion gives what a query asks for in its filters
/// a place beside it, and `CAST(x AS BIGINT)` has the name of x.
fn with_own_name(query: &LogicalPlan) -> Result<Cow<'_, LogicalPlan>> {
    match query {
        LogicalPlan::Projection(Projection { expr, input, .. })
            if !matches!(expr[0], Expr::Column(_) | Expr::Alias(_)) =>
        {
            let mut exprs = expr.clone();
            exprs[0] = exprs[0].clone().alias("__asked");
            projected(exprs, input.as_ref().clone()).map(Cow::Owned)
        }
        other => Ok(Cow::Borrowed(other)),
    }
}

/// Whether there are rows, by their count.
fn any_row(rows: LogicalPlanBuilder) -> Result<Expr> {
    let all = all_rows();
    let rows = rows.aggregate(Vec::<Expr>::new(), [all.clone()])?;
    rows.project([named_as(&all).gt(lit(0_i64))])?.build().map(scalar)
}

/// The count of rows, by a name that no query gives it: it may come to stand beside what one counts.
pub(super) fn all_rows() -> Expr {
    count(lit("__rows"))
}

fn unknown() -> Expr {
    Expr::Literal(ScalarValue::Boolean(None), None)
}

pub(super) fn first_column(query: &LogicalPlan) -> Expr {
    Expr::Column(Column::from(query.schema().qualified_field(0)))
}

/// The column that an operator names after `computed`.
pub(super) fn named_as(computed: &Expr) -> Expr {
    Expr::Column(Column::new_unqualified(computed.schema_name().to_string()))
}

/// The value that a query stands for.
pub(super) fn scalar(query: LogicalPlan) -> Expr {
    Expr::ScalarSubquery(subquery(query))
}

pub(super) fn subquery(query: LogicalPlan) -> Subquery {
    let outer_ref_columns = query.all_out_ref_exprs();
    Subquery { subquery: Arc::new(query), outer_ref_columns, spans: Default::default() }
}
