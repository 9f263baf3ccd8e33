//! Functions whose answer is as long as an argument says, and types that say it, held to a bound.
//!
//! DataFusion takes the memory for such an answer outside of its pool, and a failed allocation ends the process: one
//! statement of twenty letters would be enough. So the bytes of an answer are reckoned from its arguments first.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, AsArray, Int64Array};
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{ExprSchema, Result};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use varve_types::{ErrorCode, VarveError};

use crate::error::into_datafusion;

/// Bytes of the answers of one batch of rows.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// Bytes of one value of a type that has its size, NULL too: a batch of 8192 rows takes half of [`ANSWER_BYTES_MAX`].
const VALUE_BYTES_MAX: u64 = 1 << 16;
/// Bytes that a value of an array has as text, quotes and all, beside those of its own.
const TEXT_BYTES: u64 = 32;
const NANOS_OF_DAY: i128 = 86_400_000_000_000;
const DAYS_OF_MONTH: i128 = 30;

/// `function`, held to the bound if it needs one.
pub(crate) fn bounded(function: &Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let growth = match function.name() {
        "repeat" => Growth::Repeated { place_bytes: 0 },
        "array_repeat" => Growth::Repeated { place_bytes: 8 },
        "lpad" | "rpad" => Growth::Long { item_bytes: 1 },
        "array_resize" => Growth::Long { item_bytes: 8 },
        "range" | "generate_series" => Growth::Counted,
        "replace" => Growth::Replaced,
        "array_to_string" => Growth::Joined,
        "arrow_cast" | "arrow_try_cast" => Growth::Typed,
        _ => return Arc::clone(function),
    };
    Arc::new(ScalarUDF::new_from_impl(Bounded { inner: ScalarUDF::clone(function), growth }))
}

/// What makes an answer long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// The first argument, as often as the second says, and bytes for each place.
    Repeated { place_bytes: i64 },
    /// So many items as the second argument says.
    Long { item_bytes: u64 },
    /// The numbers or points in time from one argument to another.
    Counted,
    /// The third argument for each second one in the first.
    Replaced,
    /// The second argument behind each item of the first.
    Joined,
    /// As the type says.
    Typed,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    growth: Growth,
}

impl Bounded {
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let rows = args.number_rows;
        let bytes = match (self.growth, args.args.as_slice()) {
            (Growth::Repeated { place_bytes }, [item, times, ..]) => {
                repeated(item, times, place_bytes, rows)?
            }
            (Growth::Long { item_bytes }, [_, items, ..]) => {
                sum(&numbers(items, rows)?, |items| above_zero(items) * u128::from(item_bytes))
            }
            (Growth::Counted, bounds) => counted(bounds, rows)?,
            (Growth::Replaced, [text, from, to]) => replaced(text, from, to, rows)?,
            (Growth::Joined, [items, between, ..]) => joined(items, between, rows)?,
            _ => 0,
        };
        if bytes <= u128::from(ANSWER_BYTES_MAX) {
            return Ok(());
        }
        let message = format!("{} would make {bytes} bytes of {rows} rows", self.inner.name());
        let hint = "make shorter values, or use generate_series in FROM, which takes no memory";
        Err(into_datafusion(VarveError::new(ErrorCode::SqlLimit, message, hint)))
    }
}

fn repeated(item: &ColumnarValue, times: &ColumnarValue, place_bytes: i64, rows: usize) -> Result<u128> {
    let items = match item {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(value) => value.to_array()?,
    };
    let each = items.to_data().get_slice_memory_size()?.div_ceil(items.len().max(1)) as i64;
    let bytes = match items.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            as_numbers(length(items.as_ref())?.as_ref())?
        }
        _ => Int64Array::from(vec![each; items.len()]),
    };
    let times = numbers(times, rows)?;
    let at = |row: usize| if bytes.len() == 1 { 0 } else { row };
    Ok((0..times.len())
        .filter(|row| times.is_valid(*row) && bytes.is_valid(at(*row)))
        .map(|row| above_zero(times.value(row)) * above_zero(bytes.value(at(row)) + place_bytes))
        .sum())
}

/// Where no text could be too long as often as it could have been replaced, nothing is counted.
fn replaced(text: &ColumnarValue, from: &ColumnarValue, to: &ColumnarValue, rows: usize) -> Result<u128> {
    let each = [text, from, to].map(|value| texts(value, rows));
    let [text, from, to] = each;
    let (text, from, to) = (text?, from?, to?);
    let (text, from, to) = (text.as_string_view(), from.as_string_view(), to.as_string_view());
    let all = || text.iter().zip(from.iter()).zip(to.iter());
    let calls = || all().filter_map(|((text, from), to)| Some((text?, from?, to?)));
    let bytes = |text: &str, times: usize, to: &str| text.len() as u128 + times as u128 * to.len() as u128;
    let most = calls().map(|(text, from, to)| bytes(text, text.len() / from.len().max(1) + 1, to)).sum();
    if most <= u128::from(ANSWER_BYTES_MAX) {
        return Ok(most);
    }
    Ok(calls().map(|(text, from, to)| bytes(text, text.matches(from).count(), to)).sum())
}

fn joined(items: &ColumnarValue, between: &ColumnarValue, rows: usize) -> Result<u128> {
    let (array, times) = match items {
        ColumnarValue::Array(array) => (Arc::clone(array), 1),
        ColumnarValue::Scalar(value) => (value.to_array()?, rows),
    };
    let between = texts(between, rows)?;
    let longest = between.as_string_view().iter().flatten().map(str::len).max().unwrap_or(0);
    let data = array.to_data();
    let each = u128::from(TEXT_BYTES) + longest as u128;
    Ok((leaves(&data) as u128 * each + data.get_slice_memory_size()? as u128) * times as u128)
}

/// Values within the values.
fn leaves(data: &ArrayData) -> usize {
    data.child_data().iter().map(leaves).sum::<usize>().max(data.len())
}

fn texts(value: &ColumnarValue, rows: usize) -> Result<Arc<dyn Array>> {
    Ok(cast_with_options(&value.to_array(rows)?, &DataType::Utf8View, &CastOptions::default())?)
}

/// Refuses types whose values have a great size, whatever is in them: an array of NULL takes it too.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn check_type(data_type: &DataType) -> Result<()> {
    let bytes = value_bytes(data_type);
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let message = format!("each value of the type would take {bytes} bytes, the limit is {VALUE_BYTES_MAX}");
    Err(into_datafusion(VarveError::new(ErrorCode::SqlLimit, message, "use a type without a size")))
}

fn value_bytes(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeBinary(size) => above_zero(i64::from(*size)) as u64,
        DataType::FixedSizeList(item, size) => {
            (above_zero(i64::from(*size)) as u64).saturating_mul(value_bytes(item.data_type()))
        }
        DataType::Struct(fields) => {
            fields.iter().map(|field| value_bytes(field.data_type())).fold(0, u64::saturating_add)
        }
        other => other.primitive_width().unwrap_or(16) as u64,
    }
}

/// Eight bytes for each step of each row.
fn counted(bounds: &[ColumnarValue], rows: usize) -> Result<u128> {
    let (from, to, step) = match bounds {
        [to] => (None, to, None),
        [from, to] => (Some(from), to, None),
        [from, to, step] => (Some(from), to, Some(step)),
        _ => return Ok(0),
    };
    let to = points(to, rows)?;
    let from = from.map_or_else(|| Ok(vec![Some(0); to.len()]), |from| points(from, rows))?;
    let step = step.map_or_else(|| Ok(vec![Some(1); to.len()]), |step| points(step, rows))?;
    let steps = from.into_iter().zip(to).zip(step);
    Ok(steps
        .filter_map(|((from, to), step)| Some((to? - from?).unsigned_abs() / step?.unsigned_abs().max(1) * 8))
        .sum())
}

/// Numbers as they are, points in time and intervals in nanoseconds; a month is thirty days.
fn points(value: &ColumnarValue, rows: usize) -> Result<Vec<Option<i128>>> {
    if let DataType::Interval(_) = value.data_type() {
        let array = value.to_array(rows)?;
        let wanted = DataType::Interval(datafusion::arrow::datatypes::IntervalUnit::MonthDayNano);
        let array = cast_with_options(&array, &wanted, &CastOptions::default())?;
        return Ok(array
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|step| {
                step.map(|step| {
                    let days = i128::from(step.months) * DAYS_OF_MONTH + i128::from(step.days);
                    days * NANOS_OF_DAY + i128::from(step.nanoseconds)
                })
            })
            .collect());
    }
    let unit = match value.data_type() {
        DataType::Date32 => NANOS_OF_DAY,
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        _ => 1,
    };
    Ok(numbers(value, rows)?.iter().map(|number| number.map(|number| i128::from(number) * unit)).collect())
}

/// One number per row; NULL for what is no number.
fn numbers(value: &ColumnarValue, rows: usize) -> Result<Int64Array> {
    as_numbers(value.to_array(rows)?.as_ref())
}

fn as_numbers(array: &dyn Array) -> Result<Int64Array> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    // Days become numbers by way of 32 bits.
    let array = match array.data_type() {
        DataType::Date32 => cast_with_options(array, &DataType::Int32, &options)?,
        _ => array.slice(0, array.len()),
    };
    Ok(cast_with_options(&array, &DataType::Int64, &options)?.as_primitive::<Int64Type>().clone())
}

fn sum(numbers: &Int64Array, of: impl Fn(i64) -> u128) -> u128 {
    numbers.iter().flatten().map(of).sum()
}

fn above_zero(number: i64) -> u128 {
    u128::try_from(number).unwrap_or(0)
}

impl ScalarUDFImpl for Bounded {
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.inner.inner().invoke_with_args(args)
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.inner().schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field = self.inner.inner().return_field_from_args(args)?;
        check_type(field.data_type())?;
        Ok(field)
    }

    #[expect(deprecated, reason = "who still asks gets the answer of the function")]
    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        self.inner.inner().is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = self.inner.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Self { inner, growth: self.growth }))
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.inner().simplify(args, context)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(types)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.inner().output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
