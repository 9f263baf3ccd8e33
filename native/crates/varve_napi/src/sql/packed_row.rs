//! Rows as JavaScript reads them without decoding Arrow: `point/packed-row.ts` of core/sql.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use varve_table::PointRow;
use varve_types::VarveError;

use crate::sql::ipc;

/// Writes the row behind what is in `out`, which is a multiple of 8.
///
/// # Errors
/// `SQL_UNSUPPORTED` for a value that cannot be written as Arrow IPC.
/// Cost: some 10 ns per column; a column of a nested type is encoded as IPC, which costs microseconds.
pub fn pack(row: PointRow<'_>, out: &mut Vec<u8>) -> Result<(), VarveError> {
    pack_beside(None, row, out)
}

/// A value that is known without the row: the place of its column, and its slot.
pub type Known = (usize, [u8; 8]);

/// As [`pack`]. What is known is not read: a column that nobody read lately waits for memory.
pub fn pack_beside(
    known: Option<Known>,
    PointRow { batch, at }: PointRow<'_>,
    out: &mut Vec<u8>,
) -> Result<(), VarveError> {
    let columns = batch.columns();
    let nulls = out.len();
    let first = nulls + columns.len().div_ceil(64) * 8;
    out.resize(first + 8 * columns.len(), 0);
    for (place, column) in columns.iter().enumerate() {
        if let Some((_, slot)) = known.filter(|(column, _)| *column == place) {
            out[first + 8 * place..][..8].copy_from_slice(&slot);
            continue;
        }
        if column.is_null(at) || column.data_type().is_null() {
            out[nulls + place / 8] |= 1 << (place % 8);
            continue;
        }
        let slot = match word(column, at) {
            Some(word) => word.to_le_bytes(),
            None => {
                let begin = out.len();
                append(column, at, out)?;
                let [begin, count] = [begin, out.len() - begin].map(|number| number as u32);
                (u64::from(count) << 32 | u64::from(begin)).to_le_bytes()
            }
        };
        out[first + 8 * place..][..8].copy_from_slice(&slot);
    }
    Ok(())
}

/// All rows of a batch: their number and where each begins, from the start, as u32; then the rows, each at a multiple of 8.
///
/// # Errors
/// As [`pack`].
pub fn pack_all(batch: &RecordBatch) -> Result<Vec<u8>, VarveError> {
    let count = batch.num_rows();
    let mut all = vec![0; (4 + 4 * count).next_multiple_of(8)];
    all[..4].copy_from_slice(&(count as u32).to_le_bytes());
    for at in 0..count {
        let begin = all.len() as u32;
        all[4 + 4 * at..][..4].copy_from_slice(&begin.to_le_bytes());
        pack(PointRow { batch, at }, &mut all)?;
        all.resize(all.len().next_multiple_of(8), 0);
    }
    Ok(all)
}

/// A value that lies in its slot.
#[inline]
fn word(column: &ArrayRef, at: usize) -> Option<u64> {
    Some(match column.data_type() {
        DataType::Boolean => u64::from(column.as_boolean().value(at)),
        DataType::Int64 => signed::<Int64Type>(column, at),
        DataType::Int32 => signed::<Int32Type>(column, at),
        DataType::Float64 => double::<Float64Type>(column, at),
        DataType::Int8 => signed::<Int8Type>(column, at),
        DataType::Int16 => signed::<Int16Type>(column, at),
        DataType::UInt8 => unsigned::<UInt8Type>(column, at),
        DataType::UInt16 => unsigned::<UInt16Type>(column, at),
        DataType::UInt32 => unsigned::<UInt32Type>(column, at),
        DataType::UInt64 => unsigned::<UInt64Type>(column, at),
        DataType::Float16 => double::<Float16Type>(column, at),
        DataType::Float32 => double::<Float32Type>(column, at),
        DataType::Date32 => signed::<Date32Type>(column, at),
        DataType::Date64 => signed::<Date64Type>(column, at),
        DataType::Time32(TimeUnit::Second) => signed::<Time32SecondType>(column, at),
        DataType::Time32(_) => signed::<Time32MillisecondType>(column, at),
        DataType::Time64(TimeUnit::Microsecond) => signed::<Time64MicrosecondType>(column, at),
        DataType::Time64(_) => signed::<Time64NanosecondType>(column, at),
        DataType::Timestamp(TimeUnit::Second, _) => signed::<TimestampSecondType>(column, at),
        DataType::Timestamp(TimeUnit::Millisecond, _) => signed::<TimestampMillisecondType>(column, at),
        DataType::Timestamp(TimeUnit::Microsecond, _) => signed::<TimestampMicrosecondType>(column, at),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => signed::<TimestampNanosecondType>(column, at),
        DataType::Duration(TimeUnit::Second) => signed::<DurationSecondType>(column, at),
        DataType::Duration(TimeUnit::Millisecond) => signed::<DurationMillisecondType>(column, at),
        DataType::Duration(TimeUnit::Microsecond) => signed::<DurationMicrosecondType>(column, at),
        DataType::Duration(TimeUnit::Nanosecond) => signed::<DurationNanosecondType>(column, at),
        _ => return None,
    })
}

fn signed<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &ArrayRef, at: usize) -> u64 {
    column.as_primitive::<T>().value(at).into() as u64
}

fn unsigned<T: ArrowPrimitiveType<Native: Into<u64>>>(column: &ArrayRef, at: usize) -> u64 {
    column.as_primitive::<T>().value(at).into()
}

fn double<T: ArrowPrimitiveType<Native: Into<f64>>>(column: &ArrayRef, at: usize) -> u64 {
    column.as_primitive::<T>().value(at).into().to_bits()
}

/// A value that lies behind the slots.
fn append(column: &ArrayRef, at: usize, out: &mut Vec<u8>) -> Result<(), VarveError> {
    match column.data_type() {
        DataType::Utf8View => out.extend_from_slice(column.as_string_view().value(at).as_bytes()),
        DataType::Utf8 => out.extend_from_slice(column.as_string::<i32>().value(at).as_bytes()),
        DataType::LargeUtf8 => out.extend_from_slice(column.as_string::<i64>().value(at).as_bytes()),
        DataType::BinaryView => out.extend_from_slice(column.as_binary_view().value(at)),
        DataType::Binary => out.extend_from_slice(column.as_binary::<i32>().value(at)),
        DataType::LargeBinary => out.extend_from_slice(column.as_binary::<i64>().value(at)),
        DataType::FixedSizeBinary(_) => out.extend_from_slice(column.as_fixed_size_binary().value(at)),
        DataType::Decimal32(..) => wide(column.as_primitive::<Decimal32Type>().value(at).into(), out),
        DataType::Decimal64(..) => wide(column.as_primitive::<Decimal64Type>().value(at).into(), out),
        DataType::Decimal128(..) => wide(column.as_primitive::<Decimal128Type>().value(at), out),
        DataType::Decimal256(..) => {
            out.extend_from_slice(&column.as_primitive::<Decimal256Type>().value(at).to_le_bytes());
        }
        _ => out.extend_from_slice(&ipc::value(column, at)?),
    }
    Ok(())
}

fn wide(value: i128, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}
