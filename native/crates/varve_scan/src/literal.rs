//! Literals of a plan as arrays of one value.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryViewArray, BooleanArray, Float64Array, Int64Array, NullArray, StringViewArray,
    TimestampMicrosecondArray, UInt64Array,
};
use varve_types::{ErrorCode, Result, VarveError};

use crate::plan::Literal;

/// The literal; NULL has no type.
pub(crate) fn array(literal: Option<&Literal>) -> Result<ArrayRef> {
    Ok(match literal {
        None => Arc::new(NullArray::new(1)),
        Some(Literal::Boolean(value)) => Arc::new(BooleanArray::from(vec![*value])),
        Some(Literal::Text(value)) => Arc::new(StringViewArray::from_iter_values([value])),
        Some(Literal::Integer(text)) => match text.parse::<i64>() {
            Ok(value) => Arc::new(Int64Array::from(vec![value])),
            Err(_) => Arc::new(UInt64Array::from(vec![parsed::<u64>(text)?])),
        },
        Some(Literal::Float(text)) => Arc::new(Float64Array::from(vec![parsed::<f64>(text)?])),
        Some(Literal::Micros(text)) => Arc::new(TimestampMicrosecondArray::from(vec![parsed::<i64>(text)?])),
        Some(Literal::Bytes(bytes)) => Arc::new(BinaryViewArray::from_iter_values([bytes])),
    })
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| {
        VarveError::new(ErrorCode::ArgumentInvalid, format!("the literal {text} is no number"), "")
    })
}
