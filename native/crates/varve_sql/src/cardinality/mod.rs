//! How many rows come out of an operator: the estimates that choose join orders, build sides and thresholds.
//!
//! DataFusion's own divide by the number of values that are left after filters, and guess a fifth for most of them. Here a
//! column carries the number of values of its whole table wherever it goes, so that an estimate does not depend on the order
//! of joins; see Leis et al., "How Good Are Query Optimizers, Really?" (PVLDB 9, 2015) for what that is worth and what not.

mod domain;
mod join;
mod learned;
mod observe;

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, Statistics};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::operator_statistics::{
    ExtendedStatistics, StatisticsProvider, StatisticsRegistry, StatisticsResult,
};
use datafusion::physical_plan::projection::ProjectionExec;

pub(crate) use domain::{Domain, of_expr};
pub(crate) use join::{CONDITION, edges};
pub(crate) use learned::{Learned, Shape, shape};
pub(crate) use observe::{has_joins, observe};

use crate::aggregate::GroupByPlaceExec;
use crate::scan::{TableScan, selectivity, width};

/// What is known of the rows of an operator.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    pub(crate) rows: f64,
    /// Of each column that comes out.
    pub(crate) columns: Vec<Option<Domain>>,
}

/// Rows where nothing is known.
const UNKNOWN_ROWS: f64 = 1000.0;
/// The share of rows that is guessed to begin a group when nothing is known of the keys.
const GROUPS: f64 = 0.5;

/// Tells DataFusion's rules and EXPLAIN.
#[derive(Debug)]
struct Cardinality {
    learned: Arc<Learned>,
}

/// The estimates, as DataFusion asks for them.
pub(crate) fn registry(learned: Arc<Learned>) -> StatisticsRegistry {
    StatisticsRegistry::with_providers(vec![Arc::new(Cardinality { learned })])
}

/// The estimate of a plan.
pub(crate) fn of_plan(plan: &dyn ExecutionPlan, registry: &StatisticsRegistry) -> Result<Estimate> {
    Ok(of_known(&registry.compute(plan)?))
}

impl StatisticsProvider for Cardinality {
    fn compute_statistics(
        &self,
        plan: &dyn ExecutionPlan,
        inputs: &[ExtendedStatistics],
    ) -> Result<StatisticsResult> {
        if let Some(scan) = TableScan::of(plan) {
            let mut known = scan.statistics()?;
            if let Some(shape) = scan.filter_shape() {
                known = corrected(known, self.learned.factor(shape), scan.rows_max());
            }
            let mut known = ExtendedStatistics::new_arc(known);
            known.set_extension(Estimate { rows: rows_of(known.base()), columns: scan.domains() });
            return Ok(StatisticsResult::Computed(known));
        }
        // What is known exactly, of values that are written out for example, is DataFusion's.
        if inputs.iter().any(|input| input.base().num_rows == Precision::Absent) {
            return Ok(StatisticsResult::Delegate);
        }
        let inputs_known: Vec<Estimate> = inputs.iter().map(of_known).collect();
        let estimate = match inputs_known.as_slice() {
            [left, right] => join::estimate(plan, (left, right), &self.learned),
            [input] => of_one(plan, input, inputs[0].base()),
            _ => None,
        };
        let Some(estimate) = estimate else { return Ok(StatisticsResult::Delegate) };
        let mut known = ExtendedStatistics::new(statistics(plan, &estimate, inputs));
        known.set_extension(estimate);
        Ok(StatisticsResult::Computed(known))
    }
}

/// `known` with so many times the rows, `most` at most.
fn corrected(known: Arc<Statistics>, factor: f64, most: u64) -> Arc<Statistics> {
    if factor == 1.0 {
        return known;
    }
    let times = |count: Precision<usize>, most: f64| match count.get_value() {
        Some(count) => Precision::Inexact((*count as f64 * factor).min(most).ceil() as usize),
        None => count,
    };
    let mut known = Arc::unwrap_or_clone(known);
    known.num_rows = times(known.num_rows, most as f64);
    known.total_byte_size = times(known.total_byte_size, f64::MAX);
    Arc::new(known)
}

/// The estimate of an operator with one input; `None` when it is not known here.
fn of_one(plan: &dyn ExecutionPlan, input: &Estimate, statistics: &Statistics) -> Option<Estimate> {
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let share = selectivity(filter.predicate(), &filter.input().schema(), &statistics.column_statistics);
        let columns = match filter.projection() {
            Some(projection) => {
                projection.iter().map(|at| input.columns.get(*at).copied().flatten()).collect()
            }
            None => input.columns.clone(),
        };
        return Some(limited(plan, Estimate { rows: input.rows * share, columns }));
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let columns = projection.expr().iter().map(|item| of_expr(&item.expr, &input.columns)).collect();
        return Some(Estimate { rows: input.rows, columns });
    }
    let by_place = || Some(plan.downcast_ref::<GroupByPlaceExec>()?.like());
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>().or_else(by_place) {
        return Some(limited(plan, of_aggregate(aggregate, input)));
    }
    let passes =
        matches!(plan.cardinality_effect(), CardinalityEffect::Equal | CardinalityEffect::LowerEqual)
            && plan.schema().fields().len() == input.columns.len();
    passes.then(|| limited(plan, input.clone()))
}

fn limited(plan: &dyn ExecutionPlan, estimate: Estimate) -> Estimate {
    match plan.fetch() {
        Some(fetch) => Estimate { rows: estimate.rows.min(fetch as f64), ..estimate },
        None => estimate,
    }
}

fn of_aggregate(aggregate: &AggregateExec, input: &Estimate) -> Estimate {
    let keys = aggregate.group_expr();
    let of_key = |key: &Arc<dyn PhysicalExpr>| of_expr(key, &input.columns);
    let mut columns: Vec<Option<Domain>> = keys.expr().iter().map(|(key, _)| of_key(key)).collect();
    let groups = domain::of_all(keys.expr().iter().map(|(key, _)| key), &input.columns);
    let rows = match groups {
        _ if keys.is_true_no_grouping() => 1.0,
        Some(groups) => groups.seen_in(input.rows),
        None => input.rows * GROUPS,
    };
    columns.resize(aggregate.schema().fields().len(), None);
    Estimate { rows: rows * keys.groups().len().max(1) as f64, columns }
}

/// What was estimated of an operator, or follows from what DataFusion says.
fn of_known(known: &ExtendedStatistics) -> Estimate {
    if let Some(estimate) = known.get_extension::<Estimate>() {
        return estimate.clone();
    }
    let rows = rows_of(known.base());
    let columns = known.base().column_statistics.iter();
    let of_column = |column: &ColumnStatistics| {
        let values = *column.distinct_count.get_value()? as f64;
        Some(Domain { values, rows, origin: None })
    };
    Estimate { rows, columns: columns.map(of_column).collect() }
}

fn rows_of(statistics: &Statistics) -> f64 {
    statistics.num_rows.get_value().map_or(UNKNOWN_ROWS, |rows| *rows as f64)
}

/// An estimate as DataFusion has it. Columns are told where they are those of the input.
fn statistics(plan: &dyn ExecutionPlan, estimate: &Estimate, inputs: &[ExtendedStatistics]) -> Statistics {
    let schema = plan.schema();
    let rows = Precision::Inexact(estimate.rows.max(0.0).ceil() as usize);
    let bytes = schema.fields().iter().map(|field| width(field.data_type())).sum::<usize>();
    let same = inputs.iter().find(|input| {
        input.base().column_statistics.len() == schema.fields().len()
            && plan.downcast_ref::<ProjectionExec>().is_none()
            && plan.downcast_ref::<AggregateExec>().is_none()
            && inputs.len() == 1
    });
    let columns = match same {
        Some(input) => {
            input.base().column_statistics.iter().cloned().map(ColumnStatistics::to_inexact).collect()
        }
        None => Statistics::unknown_column(&schema),
    };
    Statistics {
        num_rows: rows,
        total_byte_size: rows.multiply(&Precision::Inexact(bytes)),
        column_statistics: columns,
    }
}
