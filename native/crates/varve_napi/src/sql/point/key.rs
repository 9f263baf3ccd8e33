//! Keys as JavaScript packs them.

use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, PrimitiveArray, StringArray, StringViewArray, downcast_primitive,
};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::DataType;
use varve_table::{KeyColumns, KeyRef, Keys};
use varve_types::{ErrorCode, VarveError};

/// The key, when it is one number, and its slot, which is also that of a row.
pub fn number(columns: &KeyColumns, packed: &[u8]) -> Option<(KeyRef<'static>, [u8; 8])> {
    let slot = *packed.get(8..)?.first_chunk()?;
    Some((columns.number(u64::from_le_bytes(slot))?, slot))
}

/// The key of any columns.
///
/// # Errors
/// `SQL_UNSUPPORTED` for types that no key is packed of, `ARGUMENT_INVALID` when the bytes are not a key.
pub fn encode(columns: &KeyColumns, packed: &[u8]) -> Result<Keys, VarveError> {
    let types = columns.types();
    let first = types.len().div_ceil(64) * 8;
    let values = types.iter().enumerate().map(|(at, data_type)| {
        let slot = packed.get(first + 8 * at..).and_then(<[u8]>::first_chunk).ok_or_else(malformed)?;
        value(data_type, *slot, packed)
    });
    columns.encode(&values.collect::<Result<Vec<_>, _>>()?)
}

/// One value as an array.
fn value(data_type: &DataType, slot: [u8; 8], packed: &[u8]) -> Result<ArrayRef, VarveError> {
    let bytes = || {
        let (at, count) = slot.split_at(4);
        let word = |half: &[u8]| half.first_chunk().map(|half| u32::from_le_bytes(*half) as usize);
        let (at, count) = word(at).zip(word(count)).ok_or_else(malformed)?;
        at.checked_add(count).and_then(|end| packed.get(at..end)).ok_or_else(malformed)
    };
    let text = || std::str::from_utf8(bytes()?).map_err(|_| malformed());
    let double = f64::from_le_bytes(slot);
    let values: ArrayRef = match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(vec![slot[0] != 0])),
        DataType::Utf8 => Arc::new(StringArray::from_iter_values([text()?])),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from_iter_values([text()?])),
        DataType::Utf8View => Arc::new(StringViewArray::from_iter_values([text()?])),
        DataType::Binary => Arc::new(BinaryArray::from_iter_values([bytes()?])),
        DataType::LargeBinary => Arc::new(LargeBinaryArray::from_iter_values([bytes()?])),
        DataType::BinaryView => Arc::new(BinaryViewArray::from_iter_values([bytes()?])),
        DataType::FixedSizeBinary(width) if usize::try_from(*width).is_ok_and(|width| width > 0) => {
            Arc::new(FixedSizeBinaryArray::try_from_iter([bytes()?].into_iter()).map_err(|_| malformed())?)
        }
        DataType::Float64 => Arc::new(PrimitiveArray::<Float64Type>::from_iter_values([double])),
        DataType::Float32 => Arc::new(PrimitiveArray::<Float32Type>::from_iter_values([double as f32])),
        DataType::Float16 => {
            let half = <Float16Type as ArrowPrimitiveType>::Native::from_f64(double);
            Arc::new(PrimitiveArray::<Float16Type>::from_iter_values([half]))
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => from_bits(data_type, bytes()?)?,
        number => from_bits(number, &slot)?,
    };
    if values.data_type() == data_type { Ok(values) } else { Err(malformed()) }
}

/// One value of a fixed width, from its low bytes.
fn from_bits(data_type: &DataType, bits: &[u8]) -> Result<ArrayRef, VarveError> {
    macro_rules! one {
        ($type:ty) => {{
            let width = size_of::<<$type as ArrowPrimitiveType>::Native>();
            let bits = bits.get(..width).ok_or_else(malformed)?;
            let values = ScalarBuffer::new(Buffer::from_slice_ref(bits), 0, 1);
            Ok(Arc::new(PrimitiveArray::<$type>::new(values, None).with_data_type(data_type.clone())))
        }};
    }
    downcast_primitive! {
        data_type => (one),
        other => Err(VarveError::new(
            ErrorCode::SqlUnsupported,
            format!("a key of type {other} cannot be read by itself"),
            "use a query",
        ))
    }
}

fn malformed() -> VarveError {
    VarveError::new(ErrorCode::ArgumentInvalid, "the bytes are not a packed key of this table", "")
}
