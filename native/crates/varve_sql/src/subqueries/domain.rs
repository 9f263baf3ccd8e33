//! A query for each row of the query around it, as one query for all of them.
//!
//! What the query within names is the domain: the distinct values of those columns. Each operator of the query passes them on
//! with its rows and keeps rows of one value apart from those of another, until no operator names a column around it any
//! more, where they are joined with what is left. Then the answer is joined with the rows around by these values.
//! Source: T. Neumann, A. Kemper, "Unnesting Arbitrary Queries", BTW 2015, section 3.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{
    Column, DFSchema, ExprSchema, JoinType, NullEquality, Result, ScalarValue, internal_err, not_impl_err,
};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{AggregateFunction, Sort as SortExpr, WindowFunction};
use datafusion::logical_expr::logical_plan::{Distinct, FetchType, SkipType};
use datafusion::logical_expr::utils::{conjunction, grouping_set_to_exprlist};
use datafusion::logical_expr::{
    Aggregate, DistinctOn, EmptyRelation, Expr, Filter, Join, JoinConstraint, Limit, LogicalPlan,
    LogicalPlanBuilder, Operator, Projection, Sort, SubqueryAlias, Union, Unnest, Values, Window,
    WindowFrame, binary_expr, cast, lit, when,
};

use super::outer::free;
use super::repeatable::is_repeatable;
use crate::empty_input::rows_of_none;

/// Rows of VALUES that name columns of the query around it, each of which becomes a query.
const ROWS_MAX: usize = 64;

/// Names for what one statement needs.
#[derive(Default)]
pub(super) struct Names(Cell<usize>);

impl Names {
    pub(super) fn next(&self, of: &str) -> String {
        self.0.set(self.0.get() + 1);
        format!("__{of}_{}", self.0.get())
    }

    /// Columns for as many values of a domain.
    fn keys(&self, count: usize) -> Vec<Column> {
        (0..count).map(|_| Column::new_unqualified(self.next("outer"))).collect()
    }
}

/// The distinct values of some columns of a plan.
pub(super) struct Domain<'n> {
    source: LogicalPlan,
    columns: Vec<Column>,
    names: &'n Names,
}

/// A plan, and which of its columns have the values of the domain.
pub(super) struct Passing {
    pub(super) plan: LogicalPlan,
    pub(super) keys: Vec<Column>,
}

impl<'n> Domain<'n> {
    /// That of what `query` names of `around`.
    pub(super) fn of(query: &LogicalPlan, around: &LogicalPlan, names: &'n Names) -> Result<Self> {
        let columns: Vec<_> =
            free(query)?.into_iter().filter(|column| around.schema().has_column(column)).collect();
        let source = at_least(around)?;
        let types = columns.iter().map(|column| source.schema().data_type(column).cloned());
        if !columns.is_empty() && !is_repeatable(&source, &types.collect::<Result<Vec<_>>>()?)? {
            return not_impl_err!(
                "a query within another that names columns of rows which may differ each time they are computed: \
                 ORDER BY all columns in front of LIMIT makes them the same"
            );
        }
        Ok(Self { source, columns, names })
    }

    /// That rows around and rows of the query, which passes `keys` on, have the same values.
    pub(super) fn same(&self, keys: &[Column]) -> Option<Expr> {
        all_same(&self.columns, keys)
    }

    /// `query` for all values.
    pub(super) fn through(&self, query: &LogicalPlan) -> Result<Passing> {
        if !self.is_named_in(query)? {
            return self.beside(query.clone());
        }
        match query {
            LogicalPlan::Filter(filter) => {
                let Passing { plan, keys } = self.through(&filter.input)?;
                let predicate = self.within(filter.predicate.clone(), &keys)?;
                Ok(Passing { plan: LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(plan))?), keys })
            }
            LogicalPlan::Projection(projection) => {
                let Passing { plan, keys } = self.through(&projection.input)?;
                let mut exprs = self.named(&projection.expr, query, 0, &keys)?;
                exprs.extend(keys.iter().cloned().map(Expr::Column));
                Ok(Passing { plan: projected(exprs, plan)?, keys })
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let Passing { plan, keys } = self.through(&alias.input)?;
                let plan = SubqueryAlias::try_new(Arc::new(plan), alias.alias.clone())?;
                let keys = keys.into_iter().map(|key| Column::new(Some(alias.alias.clone()), key.name));
                Ok(Passing { plan: LogicalPlan::SubqueryAlias(plan), keys: keys.collect() })
            }
            // Only a LIMIT asks for an order.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.through(&sort.input),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, query),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let Passing { plan, keys } = self.through(input)?;
                Ok(Passing { plan: LogicalPlan::Distinct(Distinct::All(Arc::new(plan))), keys })
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => self.distinct_on(distinct, query),
            LogicalPlan::Window(window) => {
                let Passing { plan, keys } = self.through(&window.input)?;
                let exprs = window.window_expr.iter().map(|expr| partitioned(expr.clone(), &keys));
                let exprs = exprs.collect::<Result<Vec<_>>>()?;
                let exprs = self.named(&exprs, query, window.input.schema().fields().len(), &keys)?;
                Ok(Passing { plan: LogicalPlan::Window(Window::try_new(exprs, Arc::new(plan))?), keys })
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => {
                let inputs = union.inputs.iter().map(|input| self.through(input));
                self.union(inputs.collect::<Result<Vec<_>>>()?, query)
            }
            LogicalPlan::Unnest(unnest) => {
                let Passing { plan, keys } = self.through(&unnest.input)?;
                let (columns, options) = (unnest.exec_columns.clone(), unnest.options.clone());
                let plan = LogicalPlan::Unnest(Unnest::try_new(Arc::new(plan), columns, options)?);
                Ok(Passing { plan, keys })
            }
            LogicalPlan::Values(Values { values, .. }) if values.len() <= ROWS_MAX => {
                let rows = values.iter().map(|row| {
                    let Passing { plan, keys } = self.beside(one_row())?;
                    let mut exprs = self.named(row, query, 0, &keys)?;
                    exprs.extend(keys.iter().cloned().map(Expr::Column));
                    Ok(Passing { plan: projected(exprs, plan)?, keys })
                });
                self.union(rows.collect::<Result<Vec<_>>>()?, query)
            }
            LogicalPlan::Subquery(inner) => self.through(&inner.subquery),
            other => not_impl_err!("columns of the query around it in {}", other.display()),
        }
    }

    fn is_named_in(&self, query: &LogicalPlan) -> Result<bool> {
        Ok(free(query)?.iter().any(|column| self.columns.contains(column)))
    }

    /// All rows of `plan` for each value.
    fn beside(&self, plan: LogicalPlan) -> Result<Passing> {
        if self.columns.is_empty() {
            return Ok(Passing { plan, keys: Vec::new() });
        }
        let keys = self.names.keys(self.columns.len());
        let exprs =
            self.columns.iter().zip(&keys).map(|(from, to)| Expr::Column(from.clone()).alias(&to.name));
        let domain = LogicalPlanBuilder::from(self.source.clone()).project(exprs)?.distinct()?.build()?;
        let is_one_row = matches!(&plan, LogicalPlan::EmptyRelation(one) if one.produce_one_row && one.schema.fields().is_empty());
        let plan =
            if is_one_row { domain } else { LogicalPlanBuilder::from(plan).cross_join(domain)?.build()? };
        Ok(Passing { plan, keys })
    }

    /// `expr` with the values of its row where it names columns around it.
    fn within(&self, expr: Expr, keys: &[Column]) -> Result<Expr> {
        expr.transform_up(|part| match part {
            Expr::OuterReferenceColumn(field, column) => {
                Ok(match self.columns.iter().position(|of| *of == column) {
                    Some(place) => Transformed::yes(Expr::Column(keys[place].clone())),
                    None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
                })
            }
            other => Ok(Transformed::no(other)),
        })
        .data()
    }

    /// The same of expressions that are columns of `node` from `first` on, with the names that they have there.
    fn named(&self, exprs: &[Expr], node: &LogicalPlan, first: usize, keys: &[Column]) -> Result<Vec<Expr>> {
        let columns = node.schema().iter().skip(first);
        let named = exprs.iter().zip(columns).map(|(expr, (relation, field))| {
            let within = self.within(expr.clone(), keys)?;
            let (new_relation, new_name) = within.qualified_name();
            let is_same = new_relation.as_ref() == relation && new_name == *field.name();
            Ok(if is_same { within } else { within.alias_qualified(relation.cloned(), field.name()) })
        });
        named.collect()
    }

    /// The first rows of each value, by their numbers.
    fn limit(&self, limit: &Limit) -> Result<Passing> {
        // In front of what computes columns there may be an order.
        match limit.input.as_ref() {
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let limited = Limit { input: Arc::clone(input), ..limit.clone() };
                let limited = Arc::new(LogicalPlan::Limit(limited));
                let moved =
                    Projection::try_new_with_schema(expr.clone(), limited, Arc::clone(limit.input.schema()))?;
                return self.through(&LogicalPlan::Projection(moved));
            }
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
                let limited = Limit { input: Arc::clone(input), ..limit.clone() };
                let moved = SubqueryAlias::try_new(Arc::new(LogicalPlan::Limit(limited)), alias.clone())?;
                return self.through(&LogicalPlan::SubqueryAlias(moved));
            }
            _ => {}
        }
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return not_impl_err!("LIMIT and OFFSET that are computed, in a query with columns of another");
        };
        let (order, input) = match limit.input.as_ref() {
            LogicalPlan::Sort(Sort { expr, input, fetch: None }) => (expr.as_slice(), input.as_ref()),
            other => (&[][..], other),
        };
        let columns: Vec<_> = input.schema().columns();
        let Passing { plan, keys } = self.through(input)?;
        let order = order.iter().map(|by| {
            let expr = self.within(by.expr.clone(), &keys)?;
            Ok(SortExpr { expr, ..by.clone() })
        });
        let mut number = WindowFunction::new(row_number_udwf(), Vec::new());
        number.params.partition_by = keys.iter().cloned().map(Expr::Column).collect();
        // What is equal by that is told apart by all there is, so that the same rows come first each time.
        let rest = columns.iter().map(|column| Ok(Expr::Column(column.clone()).sort(true, true)));
        number.params.order_by = order.chain(rest).collect::<Result<_>>()?;
        number.params.window_frame = WindowFrame::new((!number.params.order_by.is_empty()).then_some(true));
        let name = self.names.next("row");
        let plan = LogicalPlanBuilder::from(plan).window([Expr::from(number).alias(&name)])?;
        let place = || Expr::Column(Column::new_unqualified(&name));
        let first = |rows: usize| lit(u64::try_from(rows).unwrap_or(u64::MAX));
        let last = fetch.map(|fetch| place().lt_eq(first(skip.saturating_add(fetch))));
        let is_kept = place().gt(first(skip)).and(last.unwrap_or_else(|| lit(true)));
        let kept = columns.into_iter().chain(keys.iter().cloned()).map(Expr::Column);
        Ok(Passing { plan: plan.filter(is_kept)?.project(kept)?.build()?, keys })
    }

    fn aggregate(&self, aggregate: &Aggregate, node: &LogicalPlan) -> Result<Passing> {
        let Aggregate { input, group_expr, aggr_expr, .. } = aggregate;
        let Passing { plan, keys } = self.through(input)?;
        let columns = grouping_set_to_exprlist(group_expr)?.into_iter().cloned().collect::<Vec<_>>();
        let named = self.named(&columns, node, 0, &keys)?;
        let by_keys = keys.iter().cloned().map(Expr::Column);
        let groups = match &group_expr[..] {
            [Expr::GroupingSet(sets)] => {
                let sets = Expr::GroupingSet(sets.clone()).transform_down(|expr| {
                    Ok(match columns.iter().position(|column| *column == expr) {
                        Some(at) => Transformed::new(named[at].clone(), true, TreeNodeRecursion::Jump),
                        None => Transformed::no(expr),
                    })
                });
                // In front, where they leave the numbers of the sets as they are.
                by_keys.chain([sets?.data]).collect()
            }
            _ => named.into_iter().chain(by_keys).collect(),
        };
        let first = node.schema().fields().len() - aggr_expr.len();
        let values = self.named(aggr_expr, node, first, &keys)?;
        let grouped = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(plan), groups, values)?);
        let grouped = with_numbers_of(columns.len(), node, grouped)?;
        let groups = Passing { plan: grouped, keys };
        match rows_of_none(group_expr) {
            0 => Ok(groups),
            1 => self.with_rows_of_none(aggregate, node, groups),
            _ => not_impl_err!("GROUPING SETS with () twice in a query with columns of another"),
        }
    }

    /// `groups` with a row of values without rows, too: what is aggregated of nothing.
    fn with_rows_of_none(
        &self,
        aggregate: &Aggregate,
        node: &LogicalPlan,
        groups: Passing,
    ) -> Result<Passing> {
        let aggregated = &aggregate.aggr_expr;
        let first = node.schema().fields().len() - aggregated.len();
        let hit = self.names.next("hit");
        let shown = groups.plan.schema().columns().into_iter().map(Expr::Column);
        let shown = shown.chain([lit(true).alias(&hit)]).collect();
        let all = self.beside(one_row())?;
        let same = all_same(&all.keys, &groups.keys);
        let plan = joined(all.plan, projected(shown, groups.plan)?, JoinType::Left, same)?;
        let mut exprs = Vec::new();
        for (at, (relation, field)) in node.schema().iter().enumerate() {
            let column = Expr::Column(Column::from((relation, field)));
            let of_nothing = match at.checked_sub(first).map(|at| aggregated[at].clone().unalias()) {
                Some(Expr::AggregateFunction(AggregateFunction { func, .. })) => {
                    func.default_value(field.data_type())?
                }
                Some(value) => return internal_err!("an aggregation computes {value}"),
                None if field.name() == Aggregate::INTERNAL_GROUPING_ID => {
                    ScalarValue::UInt64(Some(all_left_out(first - 1))).cast_to(field.data_type())?
                }
                None => ScalarValue::Null,
            };
            exprs.push(if of_nothing.is_null() {
                column
            } else {
                let was_hit = Expr::Column(Column::new_unqualified(&hit)).is_not_null();
                let value = when(was_hit, column).otherwise(lit(of_nothing))?;
                value.alias_qualified(relation.cloned(), field.name())
            });
        }
        exprs.extend(all.keys.iter().cloned().map(Expr::Column));
        Ok(Passing { plan: projected(exprs, plan)?, keys: all.keys })
    }

    fn distinct_on(&self, distinct: &DistinctOn, node: &LogicalPlan) -> Result<Passing> {
        let Passing { plan, keys } = self.through(&distinct.input)?;
        let columns = || keys.iter().cloned().map(Expr::Column);
        let on = distinct.on_expr.iter().map(|expr| self.within(expr.clone(), &keys));
        let on = columns().map(Ok).chain(on).collect::<Result<Vec<_>>>()?;
        let mut selected = self.named(&distinct.select_expr, node, 0, &keys)?;
        selected.extend(columns());
        let order = distinct.sort_expr.as_ref().map(|order| {
            let by = order.iter().map(|by| {
                let expr = self.within(by.expr.clone(), &keys)?;
                Ok(SortExpr { expr, ..by.clone() })
            });
            columns().map(|key| Ok(key.sort(true, true))).chain(by).collect::<Result<Vec<_>>>()
        });
        let distinct = DistinctOn::try_new(on, selected, order.transpose()?, Arc::new(plan))?;
        Ok(Passing { plan: LogicalPlan::Distinct(Distinct::On(distinct)), keys })
    }

    fn join(&self, join: &Join) -> Result<Passing> {
        let (of_left, of_right) = (self.is_named_in(&join.left)?, self.is_named_in(&join.right)?);
        let (through_left, through_right) = match join.join_type {
            JoinType::Inner => (of_left || !of_right, of_right),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, of_right),
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                (of_left, true)
            }
            JoinType::Full => (true, true),
        };
        let passed = |side: &Arc<LogicalPlan>, is_through: bool| match is_through {
            true => self.through(side),
            false => Ok(Passing { plan: side.as_ref().clone(), keys: Vec::new() }),
        };
        let left = passed(&join.left, through_left)?;
        let right = passed(&join.right, through_right)?;
        let keys = if through_left { left.keys.clone() } else { right.keys.clone() };
        let within = |expr: &Expr| self.within(expr.clone(), &keys);
        let mut on = join
            .on
            .iter()
            .map(|(left, right)| Ok((within(left)?, within(right)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut filter = join.filter.as_ref().map(within).transpose()?;
        if through_left && through_right {
            if join.null_equality == NullEquality::NullEqualsNull {
                let pairs = left.keys.iter().cloned().zip(right.keys.iter().cloned());
                on.extend(pairs.map(|(left, right)| (Expr::Column(left), Expr::Column(right))));
            } else {
                filter = conjunction(filter.into_iter().chain(all_same(&left.keys, &right.keys)));
            }
        }
        let plan = LogicalPlan::Join(Join::try_new(
            Arc::new(left.plan),
            Arc::new(right.plan),
            on,
            filter,
            join.join_type,
            JoinConstraint::On,
            join.null_equality,
            join.null_aware,
        )?);
        match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark | JoinType::Right => {
                Ok(Passing { plan, keys: right.keys })
            }
            JoinType::Full => {
                let keys = self.names.keys(self.columns.len());
                let sides = left.keys.into_iter().zip(right.keys);
                let both = sides.zip(&keys).map(|((left, right), to)| {
                    coalesce(vec![Expr::Column(left), Expr::Column(right)]).alias(&to.name)
                });
                let columns = join.schema.columns().into_iter().map(Expr::Column);
                Ok(Passing { plan: projected(columns.chain(both).collect(), plan)?, keys })
            }
            _ => Ok(Passing { plan, keys }),
        }
    }

    /// The rows of all of `inputs`, with the columns of `node` and the values behind them.
    fn union(&self, inputs: Vec<Passing>, node: &LogicalPlan) -> Result<Passing> {
        let count = node.schema().fields().len();
        let keys = self.names.keys(self.columns.len());
        let inputs = inputs.into_iter().map(|Passing { plan, keys: from }| {
            let columns = plan.schema().columns();
            let own = columns.into_iter().filter(|column| !from.contains(column)).take(count);
            let own = own.zip(node.schema().iter()).map(|(column, (relation, field))| {
                Expr::Column(column).alias_qualified(relation.cloned(), field.name())
            });
            let from = from.iter().zip(&keys).map(|(from, to)| Expr::Column(from.clone()).alias(&to.name));
            projected(own.chain(from).collect(), plan).map(Arc::new)
        });
        let union = Union::try_new(inputs.collect::<Result<_>>()?)?;
        // It gives columns no relation.
        let columns = union.schema.columns();
        let named = columns.into_iter().zip(node.schema().iter()).map(|(column, (relation, field))| {
            Expr::Column(column).alias_qualified(relation.cloned(), field.name())
        });
        let exprs = named.chain(keys.iter().cloned().map(Expr::Column)).collect();
        Ok(Passing { plan: projected(exprs, LogicalPlan::Union(union))?, keys })
    }
}

/// A plan for the rows of `plan` and perhaps others: the domain is no matter of how many.
fn at_least(plan: &LogicalPlan) -> Result<LogicalPlan> {
    plan.clone()
        .transform_down(|node| match node {
            LogicalPlan::Limit(limit) => Ok(Transformed::yes(Arc::unwrap_or_clone(limit.input))),
            LogicalPlan::Sort(sort) => Ok(Transformed::yes(Arc::unwrap_or_clone(sort.input))),
            LogicalPlan::Filter(filter) if filter.predicate.is_volatile() => {
                Ok(Transformed::yes(Arc::unwrap_or_clone(filter.input)))
            }
            LogicalPlan::Filter(_) | LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
                Ok(Transformed::no(node))
            }
            other => Ok(Transformed::new(other, false, TreeNodeRecursion::Jump)),
        })
        .data()
}

/// A window of `expr` over the rows of one value.
fn partitioned(expr: Expr, keys: &[Column]) -> Result<Expr> {
    expr.transform_up(|part| match part {
        Expr::WindowFunction(mut window) => {
            window.params.partition_by.extend(keys.iter().cloned().map(Expr::Column));
            Ok(Transformed::yes(Expr::WindowFunction(window)))
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

fn all_same(left: &[Column], right: &[Column]) -> Option<Expr> {
    let same = |(left, right): (&Column, &Column)| {
        binary_expr(Expr::Column(left.clone()), Operator::IsNotDistinctFrom, Expr::Column(right.clone()))
    };
    conjunction(left.iter().zip(right).map(same))
}

/// The number of the grouping set that leaves out all of `count` columns.
fn all_left_out(count: usize) -> u64 {
    (0..count).fold(0, |left_out, _| (left_out << 1) | 1)
}

/// `grouped` with the numbers of grouping sets in the type that they have in `node`, where `count` columns may be left out.
fn with_numbers_of(count: usize, node: &LogicalPlan, grouped: LogicalPlan) -> Result<LogicalPlan> {
    let Ok(number) = node.schema().field_with_unqualified_name(Aggregate::INTERNAL_GROUPING_ID) else {
        return Ok(grouped);
    };
    let exprs = grouped.schema().iter().map(|(relation, field)| {
        let column = Expr::Column(Column::from((relation, field)));
        if field.name() != number.name() {
            return Ok(column);
        }
        let all = ScalarValue::UInt64(Some(all_left_out(count))).cast_to(field.data_type())?;
        let own = cast(binary_expr(column, Operator::BitwiseAnd, lit(all)), number.data_type().clone());
        Ok(own.alias(number.name()))
    });
    projected(exprs.collect::<Result<_>>()?, grouped)
}

/// The rows of both for which `condition` holds: all of them without one.
pub(super) fn joined(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    condition: Option<Expr>,
) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Join(Join::try_new(
        Arc::new(left),
        Arc::new(right),
        Vec::new(),
        condition,
        join_type,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )?))
}

pub(super) fn projected(exprs: Vec<Expr>, input: LogicalPlan) -> Result<LogicalPlan> {
    Projection::try_new(exprs, Arc::new(input)).map(LogicalPlan::Projection)
}

pub(super) fn one_row() -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) })
}
