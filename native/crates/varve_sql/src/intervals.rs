//! How long intervals are, where they are compared and sorted.
//!
//! DataFusion 55.2 and Arrow compare months, then days, then nanoseconds: 36 hours were less than a day, and what lies between
//! two moments, which is nanoseconds alone, was never more than `INTERVAL '1 day'`. As in PostgreSQL, a month has 30 days here
//! and a day 24 hours. Groups, what is distinct and the keys of `USING` are still told apart by their parts: `INTERVAL '1 day'`
//! and `INTERVAL '24 hours'` are two groups.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, not_impl_err};
use datafusion::functions::utils::make_scalar_function;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, Sort as Key};
use datafusion::logical_expr::{
    Distinct, Expr, ExprSchemable, LogicalPlan, ScalarUDF, Volatility, cast, create_udf,
};

use crate::expressions::{Rule, compared, each_node_over, each_part_of, rule};

pub(crate) const DAYS_OF_A_MONTH: i128 = 30;
const NANOSECONDS_OF_A_DAY: i128 = 86_400_000_000_000;

/// Every interval, and what is computed of one.
pub(crate) const PARTS: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
/// Nanoseconds: an interval has at most 28 digits of them.
const LENGTH: DataType = DataType::Decimal128(38, 0);

/// The nanoseconds of an interval. No statement can name it.
static LENGTH_OF: LazyLock<ScalarUDF> = LazyLock::new(|| {
    let inner = make_scalar_function(|args: &[ArrayRef]| lengths(&args[0]), Vec::new());
    create_udf("\u{1}length_of", vec![PARTS], LENGTH, Volatility::Immutable, Arc::new(inner))
});

/// The rule. It comes after those that give values their types.
pub(crate) fn by_length() -> Rule {
    rule("intervals_by_length", |plan| each_node_over(plan, &in_node))
}

fn in_node(node: LogicalPlan, columns: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    each_part_of(node, &|part| in_part(part, columns))?.transform_data(|mut node| {
        let is_changed = match &mut node {
            LogicalPlan::Sort(sort) => in_keys(&mut sort.expr, columns),
            LogicalPlan::Distinct(Distinct::On(on)) => {
                // What is to be distinct is what the keys begin with, and has to stay so.
                let keys = on.sort_expr.iter_mut().flatten().map(|key| &mut key.expr);
                all(on.on_expr.iter_mut().chain(keys), columns)
            }
            _ => false,
        };
        Ok(Transformed::new_transformed(node, is_changed))
    })
}

fn in_part(mut part: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let is_changed = match &mut part {
        Expr::WindowFunction(function) => {
            if let [arg] = function.params.args.as_slice()
                && least_first(function.fun.name()).is_some()
                && is_interval(arg, columns)
            {
                return not_impl_err!("{} of intervals as a window", function.fun.name());
            }
            let params = &mut function.params;
            let is_parted = all(params.partition_by.iter_mut(), columns);
            in_keys(&mut params.order_by, columns) || is_parted
        }
        Expr::AggregateFunction(function) => {
            match (least_first(function.func.name()), function.params.args.as_slice()) {
                (Some(asc), [arg]) if is_interval(arg, columns) => {
                    *function = extreme(function, arg.clone(), asc);
                    true
                }
                _ => in_keys(&mut function.params.order_by, columns),
            }
        }
        part => all(compared(part), columns),
    };
    Ok(Transformed::new_transformed(part, is_changed))
}

/// Whether what a function finds is the first in rising order; `None` of other functions.
fn least_first(function: &str) -> Option<bool> {
    match function {
        "min" => Some(true),
        "max" => Some(false),
        _ => None,
    }
}

/// The first interval by length, as it is written.
fn extreme(function: &AggregateFunction, of: Expr, asc: bool) -> AggregateFunction {
    let order = vec![length_of(of.clone()).sort(asc, false)];
    let filter = function.params.filter.clone();
    AggregateFunction::new_udf(first_value_udaf(), vec![of], false, filter, order, None)
}

fn in_keys(keys: &mut [Key], columns: &DFSchema) -> bool {
    all(keys.iter_mut().map(|key| &mut key.expr), columns)
}

/// Puts their lengths in the place of all, which have one type, if they are intervals; whether they are.
fn all<'e>(exprs: impl IntoIterator<Item = &'e mut Expr>, columns: &DFSchema) -> bool {
    let mut is_changed = false;
    for expr in exprs {
        if is_interval(expr, columns) {
            *expr = length_of(std::mem::take(expr));
            is_changed = true;
        }
    }
    is_changed
}

fn is_interval(expr: &Expr, columns: &DFSchema) -> bool {
    matches!(expr.get_type(columns), Ok(DataType::Interval(_)))
}

fn length_of(interval: Expr) -> Expr {
    LENGTH_OF.call(vec![cast(interval, PARTS)])
}

fn lengths(intervals: &ArrayRef) -> Result<ArrayRef> {
    let parts = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let lengths: Decimal128Array = parts.iter().map(|parts| parts.map(length)).collect();
    Ok(Arc::new(lengths.with_data_type(LENGTH)))
}

fn length(of: IntervalMonthDayNano) -> i128 {
    let days = i128::from(of.months) * DAYS_OF_A_MONTH + i128::from(of.days);
    days * NANOSECONDS_OF_A_DAY + i128::from(of.nanoseconds)
}
