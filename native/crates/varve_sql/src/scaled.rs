//! Intervals multiplied and divided by numbers.
//!
//! DataFusion 55.2 has neither: `n * INTERVAL '1 day'` was an error. As in PostgreSQL, what is left of a month goes into days,
//! of which it has 30, what is left of a day into its time, and that is rounded to microseconds.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    cast,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::intervals::{DAYS_OF_A_MONTH, PARTS};

const SECONDS_OF_A_DAY: f64 = 86_400.0;
const MICROSECONDS: f64 = 1e6;

/// Plans it.
#[derive(Debug)]
pub(crate) struct ScaledIntervals;

impl ExprPlanner for ScaledIntervals {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        columns: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Multiply => Op::Times,
            BinaryOperator::Divide => Op::Over,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let (left, right) = (expr.left.get_type(columns)?, expr.right.get_type(columns)?);
        let is_interval = |side: &DataType| matches!(side, DataType::Interval(_));
        let number_type = match (op, is_interval(&left), is_interval(&right)) {
            (_, true, false) => number_type(op, &right),
            (Op::Times, false, true) => number_type(op, &left),
            _ => None,
        };
        let Some(number_type) = number_type else { return Ok(PlannerResult::Original(expr)) };
        // In their order, in which the column is named.
        let typed =
            |side, of: &DataType| cast(side, if is_interval(of) { PARTS } else { number_type.clone() });
        let sides = vec![typed(expr.left, &left), typed(expr.right, &right)];
        let function =
            ScalarUDF::new_from_impl(Scaled { op, signature: Signature::any(2, Volatility::Immutable) });
        Ok(PlannerResult::Planned(function.call(sides)))
    }
}

/// What numbers of a type are computed as.
fn number_type(op: Op, of: &DataType) -> Option<DataType> {
    match op {
        Op::Times if of.is_integer() => Some(DataType::Int64),
        // The type of a parameter is not known.
        _ if of.is_numeric() || of.is_null() => Some(DataType::Float64),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Op {
    Times,
    Over,
}

/// The function. No statement can name it.
#[derive(PartialEq, Eq, Hash, Debug)]
struct Scaled {
    op: Op,
    signature: Signature,
}

impl ScalarUDFImpl for Scaled {
    fn name(&self) -> &'static str {
        match self.op {
            Op::Times => "\u{1}interval_times",
            Op::Over => "\u{1}interval_over",
        }
    }

    /// As an operator's.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let sign = match self.op {
            Op::Times => "*",
            Op::Over => "/",
        };
        Ok(format!("{} {sign} {}", args[0].schema_name(), args[1].schema_name()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(PARTS)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let args = ColumnarValue::values_to_arrays(&args.args)?;
        let is_first = *args[0].data_type() == PARTS;
        let (intervals, numbers) = if is_first { (&args[0], &args[1]) } else { (&args[1], &args[0]) };
        let scaled = match (self.op, numbers.as_primitive_opt::<Int64Type>()) {
            (_, Some(numbers)) => each(intervals, numbers, whole_times)?,
            (Op::Times, None) => {
                each::<Float64Type>(intervals, numbers.as_primitive(), |of, by| parts(of, |part| part * by))?
            }
            (Op::Over, None) => each::<Float64Type>(intervals, numbers.as_primitive(), |of, by| {
                if by == 0.0 {
                    return Err(ArrowError::DivideByZero);
                }
                parts(of, |part| part / by)
            })?,
        };
        Ok(ColumnarValue::Array(scaled))
    }
}

fn each<N: ArrowPrimitiveType>(
    intervals: &ArrayRef,
    numbers: &PrimitiveArray<N>,
    scale: impl Fn(IntervalMonthDayNano, N::Native) -> Result<IntervalMonthDayNano, ArrowError>,
) -> Result<ArrayRef> {
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let both = intervals.iter().zip(numbers.iter()).map(|(interval, number)| {
        interval.zip(number).map(|(interval, number)| scale(interval, number)).transpose()
    });
    let scaled = both.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, ArrowError>>()?;
    Ok(Arc::new(scaled))
}

fn whole_times(of: IntervalMonthDayNano, by: i64) -> Result<IntervalMonthDayNano, ArrowError> {
    let short = |part: i32| i64::from(part).checked_mul(by).and_then(|part| i32::try_from(part).ok());
    let (months, days, nanoseconds) = (short(of.months), short(of.days), of.nanoseconds.checked_mul(by));
    match (months, days, nanoseconds) {
        (Some(months), Some(days), Some(nanoseconds)) => {
            Ok(IntervalMonthDayNano::new(months, days, nanoseconds))
        }
        _ => Err(too_long()),
    }
}

/// The interval with each part scaled, in the way of PostgreSQL's `interval_mul`.
fn parts(of: IntervalMonthDayNano, scale: impl Fn(f64) -> f64) -> Result<IntervalMonthDayNano, ArrowError> {
    let rounded = |value: f64| (value * MICROSECONDS).round() / MICROSECONDS;
    let (months, days) = (scale(f64::from(of.months)), scale(f64::from(of.days)));
    let days_of_months = rounded(months.fract() * DAYS_OF_A_MONTH as f64);
    let seconds = rounded((days.fract() + days_of_months.fract()) * SECONDS_OF_A_DAY);
    let more_days = (seconds / SECONDS_OF_A_DAY).trunc();
    let seconds = seconds - more_days * SECONDS_OF_A_DAY;
    let microseconds = (scale(of.nanoseconds as f64) / 1e3 + seconds * MICROSECONDS).round();
    let months = short(months.trunc())?;
    let days = short(days.trunc() + days_of_months.trunc() + more_days)?;
    let is_short = microseconds.abs() < i64::MAX as f64 / 1e3;
    match is_short {
        true => Ok(IntervalMonthDayNano::new(months, days, microseconds as i64 * 1_000)),
        false => Err(too_long()),
    }
}

fn short(part: f64) -> Result<i32, ArrowError> {
    // NaN is none, either.
    let is_short = part >= f64::from(i32::MIN) && part <= f64::from(i32::MAX);
    if is_short { Ok(part as i32) } else { Err(too_long()) }
}

fn too_long() -> ArrowError {
    ArrowError::InvalidArgumentError("the interval would be longer than any that there is".to_owned())
}
