//! How many bytes a function makes of its arguments, reckoned before it makes them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, AsArray, Int64Array, StringViewArray};
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::Result;
use datafusion::functions::regex::regexpcount::regexp_count_func;
use datafusion::logical_expr::ColumnarValue;

use super::{ANSWER_BYTES_MAX, above_zero};

/// Bytes that a value of an array has as text, quotes and all, beside those of its own.
const TEXT_BYTES: u64 = 32;
const NANOS_OF_DAY: i128 = 86_400_000_000_000;
const DAYS_OF_MONTH: i128 = 30;

/// What makes an answer long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Growth {
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
    /// The third argument for each match of the second one in the first.
    Matched,
    /// All arguments.
    Summed,
    /// All arguments but the first, and that between them.
    Separated,
}

impl Growth {
    /// That of the function of this name; `None` when its answers are about as long as its arguments.
    pub(super) fn of(function: &str) -> Option<Self> {
        Some(match function {
            "repeat" => Self::Repeated { place_bytes: 0 },
            "array_repeat" => Self::Repeated { place_bytes: 8 },
            "lpad" | "rpad" => Self::Long { item_bytes: 1 },
            "array_resize" => Self::Long { item_bytes: 8 },
            "range" | "generate_series" => Self::Counted,
            "replace" => Self::Replaced,
            "regexp_replace" => Self::Matched,
            "concat" => Self::Summed,
            "concat_ws" => Self::Separated,
            "array_to_string" => Self::Joined,
            "arrow_cast" | "arrow_try_cast" => Self::Typed,
            _ => return None,
        })
    }

    /// The bytes of the answers for so many rows.
    pub(super) fn bytes(self, args: &[ColumnarValue], rows: usize) -> Result<u128> {
        Ok(match (self, args) {
            (Self::Repeated { place_bytes }, [item, times, ..]) => repeated(item, times, place_bytes, rows)?,
            (Self::Long { item_bytes }, [_, items, ..]) => {
                sum(&numbers(items, rows)?, |items| above_zero(items) * u128::from(item_bytes))
            }
            (Self::Counted, bounds) => counted(bounds, rows)?,
            (Self::Replaced, [text, from, to]) => replaced(text, from, to, rows)?,
            (Self::Matched, [text, from, to, flags @ ..]) => matched([text, from, to], flags.first(), rows)?,
            (Self::Joined, [items, between, ..]) => joined(items, between, rows)?,
            (Self::Summed, all) => summed(all, rows)?,
            (Self::Separated, [between, all @ ..]) => {
                summed(all, rows)? + summed(std::slice::from_ref(between), rows)? * all.len() as u128
            }
            _ => 0,
        })
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
    let (text, from, to) = (texts(text, rows)?, texts(from, rows)?, texts(to, rows)?);
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
    let longest = between.iter().flatten().map(str::len).max().unwrap_or(0);
    let data = array.to_data();
    let each = u128::from(TEXT_BYTES) + longest as u128;
    Ok((leaves(&data) as u128 * each + data.get_slice_memory_size()? as u128) * times as u128)
}

/// Values within the values.
fn leaves(data: &ArrayData) -> usize {
    data.child_data().iter().map(leaves).sum::<usize>().max(data.len())
}

/// The same with matches of a pattern. A reference to a part of the match brings that; matches do not overlap, so that all
/// of them together are no longer than the text.
fn matched(
    [text, from, to]: [&ColumnarValue; 3],
    flags: Option<&ColumnarValue>,
    rows: usize,
) -> Result<u128> {
    let (texts_of, to) = (texts(text, rows)?, texts(to, rows)?);
    let flags = flags.map(|flags| texts(flags, rows)).transpose()?;
    let are_all = |row: usize| {
        flags.as_ref().is_some_and(|flags| flags.is_valid(row) && flags.value(row).contains('g'))
    };
    let bytes = |row: usize, times: u128| {
        if texts_of.is_null(row) || to.is_null(row) {
            return 0;
        }
        let (text, to) = (texts_of.value(row).len() as u128, to.value(row));
        let references = to.bytes().filter(|byte| matches!(byte, b'\\' | b'$')).count() as u128;
        text * (1 + references) + times * to.len() as u128
    };
    let most = |row: usize| if are_all(row) { texts_of.value(row).len() as u128 + 1 } else { 1 };
    let limit = (0..rows).map(|row| bytes(row, most(row))).sum();
    if limit <= u128::from(ANSWER_BYTES_MAX) {
        return Ok(limit);
    }
    let rest = flags.iter().flat_map(|flags| flags.iter()).map(|flags| Some(flags?.replace('g', "")));
    let rest: StringViewArray = rest.collect();
    let starts = Int64Array::from(vec![1; rows]);
    let mut asked: Vec<Arc<dyn Array>> = vec![Arc::new(texts_of.clone()), Arc::new(texts(from, rows)?)];
    if !rest.is_empty() {
        asked.extend([Arc::new(starts) as Arc<dyn Array>, Arc::new(rest)]);
    }
    let counts = regexp_count_func(&asked)?;
    let counts = counts.as_primitive::<Int64Type>();
    let times = |row: usize| if are_all(row) { above_zero(counts.value(row)) } else { 1 };
    Ok((0..rows).map(|row| bytes(row, times(row))).sum())
}

/// Bytes of texts, or of what is not one as text.
pub(crate) fn summed(all: &[ColumnarValue], rows: usize) -> Result<u128> {
    let mut bytes = 0;
    for value in all {
        let times = if matches!(value, ColumnarValue::Array(_)) { 1 } else { rows };
        let values = value.to_array(1)?;
        let lengths: u128 = if values.data_type().is_binary() {
            let values = cast_with_options(&values, &DataType::BinaryView, &CastOptions::default())?;
            values.as_binary_view().lengths().map(u128::from).sum()
        } else {
            let values = cast_with_options(&values, &DataType::Utf8View, &CastOptions::default())?;
            values.as_string_view().lengths().map(u128::from).sum()
        };
        bytes += lengths * times as u128;
    }
    Ok(bytes)
}

fn texts(value: &ColumnarValue, rows: usize) -> Result<StringViewArray> {
    let texts = cast_with_options(&value.to_array(rows)?, &DataType::Utf8View, &CastOptions::default())?;
    Ok(texts.as_string_view().clone())
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
        let wanted = DataType::Interval(IntervalUnit::MonthDayNano);
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
