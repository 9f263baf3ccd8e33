//! Which type two values are brought to before they meet, and how.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use varve_types::Result;

use crate::error::from_arrow;

const PRECISION_MAX: u8 = 38;

/// `values` as `data_type`; a value that cannot be one is an error.
pub(crate) fn cast(values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if values.data_type() == data_type {
        return Ok(Arc::clone(values));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(values, data_type, &options).map_err(from_arrow)
}

/// Floating point numbers with one zero and one NaN: kernels and row formats order them totally. Others as they are.
pub(crate) fn canonical(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float32 => Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(
            |value| {
                if value.is_nan() { f32::NAN } else { value + 0.0 }
            },
        )),
        DataType::Float64 => Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(
            |value| {
                if value.is_nan() { f64::NAN } else { value + 0.0 }
            },
        )),
        _ => Arc::clone(values),
    }
}

/// The type in which values of both compare; `None` when they do not.
pub(crate) fn comparable(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Binary, BinaryView, Boolean, Date32, LargeBinary, Null, Timestamp, Utf8View};
    let (text, instant) = (is_text, |data_type: &DataType| matches!(data_type, Date32 | Timestamp(..)));
    match (left, right) {
        (Null, Null) => Some(Boolean),
        (Null, other) | (other, Null) => Some(if text(other) { Utf8View } else { other.clone() }),
        _ if text(left) && text(right) => Some(Utf8View),
        (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView) => Some(BinaryView),
        (other, written) | (written, other) if instant(other) && text(written) => Some(other.clone()),
        (Timestamp(one, zone), Timestamp(other, other_zone)) => {
            let zone = if zone.is_some() == other_zone.is_some() { zone.clone() } else { None };
            Some(Timestamp(finer(*one, *other), zone))
        }
        (Date32, Timestamp(unit, zone)) | (Timestamp(unit, zone), Date32) => {
            Some(Timestamp(*unit, zone.clone()))
        }
        _ if left == right => Some(left.clone()),
        _ => number(left, right),
    }
}

/// The types to which numbers are brought before they are added or multiplied; `None` for what is no number.
pub(crate) fn addable(left: &DataType, right: &DataType) -> Option<(DataType, DataType)> {
    use DataType::{Float32, Null};
    let both = |data_type: DataType| Some((data_type.clone(), data_type));
    match (left, right) {
        (Null, other) | (other, Null) if other.is_numeric() => both(other.clone()),
        (one, other) if is_decimal(one) || is_decimal(other) => {
            if one.is_floating() || other.is_floating() {
                return both(DataType::Float64);
            }
            let decimal = |data_type: &DataType| {
                let (precision, scale) = decimal_of(data_type)?;
                Some(DataType::Decimal128(precision, scale))
            };
            Some((decimal(one)?, decimal(other)?))
        }
        (Float32, other) | (other, Float32) if other.is_integer() => both(Float32),
        _ => number(left, right).and_then(both),
    }
}

/// The type that holds numbers of both.
fn number(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Float32, Float64, UInt64};
    if !(left.is_numeric() && right.is_numeric()) {
        return None;
    }
    if left == right {
        return Some(left.clone());
    }
    if left.is_floating() || right.is_floating() {
        return Some(if (left, right) == (&Float32, &Float32) { Float32 } else { Float64 });
    }
    let is_mixed = left.is_signed_integer() != right.is_signed_integer();
    if is_decimal(left) || is_decimal(right) || (is_mixed && (left == &UInt64 || right == &UInt64)) {
        let ((precision, scale), (other_precision, other_scale)) = (decimal_of(left)?, decimal_of(right)?);
        let wide = scale.max(other_scale);
        let whole =
            (precision as i16 - i16::from(scale)).max(other_precision as i16 - i16::from(other_scale));
        let precision = u8::try_from(whole + i16::from(wide)).unwrap_or(PRECISION_MAX).min(PRECISION_MAX);
        return Some(DataType::Decimal128(precision, wide));
    }
    if is_mixed {
        return Some(DataType::Int64);
    }
    Some(if width(left) >= width(right) { left.clone() } else { right.clone() })
}

/// Precision and scale of the decimal that holds every whole number, or every decimal, of a type.
fn decimal_of(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        integer if integer.is_integer() => Some(match width(integer) {
            1 => (3, 0),
            2 => (5, 0),
            4 => (10, 0),
            _ => (20, 0),
        }),
        _ => None,
    }
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

pub(crate) fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..))
}

fn width(data_type: &DataType) -> usize {
    data_type.primitive_width().unwrap_or(0)
}

fn finer(one: TimeUnit, other: TimeUnit) -> TimeUnit {
    one.max(other)
}
