//! Keys: the values of some columns of a row, in a form that compares as SQL does.
//!
//! One column of a whole number, a date or a time becomes a 64-bit number; everything else a byte string in the row format
//! of arrow-row, which compares byte by byte; of a floating point number both zeros are one, as they are to SQL. A row with a
//! NULL among its key columns has no key: no equality finds it, and it is a duplicate of nothing.

mod positions;
mod range;
mod run;
mod sorted;
mod unique;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, TimeUnit};
use varve_types::{ErrorCode, Result, VarveError};

use crate::definition::{Index, Table};
use crate::error::from_arrow;
use crate::ids::{ColumnId, IndexId};

pub use positions::Positions;
pub use range::KeyRange;
pub use run::{KeyRun, KeyRunMeta};
pub(crate) use run::{file_name, write_run};
pub use sorted::SortedKeys;
pub use unique::Lookup;
pub(crate) use unique::{Duplicate, check_unique, first_duplicate};

/// The number of the primary key among the indexes of a table.
pub const PRIMARY: IndexId = IndexId(0);

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Of one whole number, date or time: ordered as the values are.
    Number(u64),
    /// Of anything else: ordered as the values are.
    Bytes(Box<[u8]>),
}

/// A key that is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRef<'k> {
    /// As [`Key::Number`].
    Number(u64),
    /// As [`Key::Bytes`].
    Bytes(&'k [u8]),
}

impl Key {
    /// The same key, lent.
    #[must_use]
    pub fn borrow(&self) -> KeyRef<'_> {
        match self {
            Self::Number(number) => KeyRef::Number(*number),
            Self::Bytes(bytes) => KeyRef::Bytes(bytes),
        }
    }
}

/// Which columns of a table form a key, and how it is encoded.
#[derive(Debug)]
pub struct KeyColumns {
    /// The index that the key is of; [`PRIMARY`] for the primary key.
    pub index: IndexId,
    /// Whether no two rows may have the same key.
    pub unique: bool,
    /// The columns, in key order.
    pub columns: Vec<ColumnId>,
    types: Vec<DataType>,
    /// `None` when the key is a number.
    rows: Option<RowConverter>,
}

impl KeyColumns {
    fn new(table: &Table, index: IndexId, columns: &[ColumnId], unique: bool) -> Result<Self> {
        let types = columns.iter().map(|id| {
            table.column(*id).map(|column| column.data_type.clone()).ok_or_else(|| {
                let message = format!("a key of table {} names column {id}, which is not there", table.name);
                VarveError::new(ErrorCode::ArgumentInvalid, message, "name columns of the table")
            })
        });
        let types = types.collect::<Result<Vec<_>>>()?;
        let rows = match types.as_slice() {
            [only] if is_number(only) => None,
            several => {
                let fields = several.iter().cloned().map(SortField::new).collect();
                Some(
                    RowConverter::new(fields)
                        .map_err(|error| from_arrow(error, "a column cannot be a key"))?,
                )
            }
        };
        Ok(Self { index, unique, columns: columns.to_vec(), types, rows })
    }

    /// The key of one value, when the key is a number: `bits` is the value, sign extended or zero extended to 64 bits.
    #[must_use]
    pub fn number(&self, bits: u64) -> Option<KeyRef<'static>> {
        match (&self.rows, self.types.as_slice()) {
            (None, [only]) => {
                Some(KeyRef::Number(if only.is_unsigned_integer() { bits } else { bits ^ (1 << 63) }))
            }
            _ => None,
        }
    }

    /// Types of the columns, in key order.
    #[must_use]
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The keys of the rows of `batch`, which are in stored form.
    pub fn keys(&self, batch: &RecordBatch) -> Result<Keys> {
        let columns = self.columns.iter().map(|id| {
            batch.column_by_name(&id.stored_name()).cloned().ok_or_else(|| {
                VarveError::new(ErrorCode::ArgumentInvalid, format!("column {id} of a key is missing"), "")
            })
        });
        self.encode(&columns.collect::<Result<Vec<_>>>()?)
    }

    /// The keys that `columns` hold, one row each; the columns are those of the key, in key order.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Keys> {
        if columns.iter().map(|column| column.data_type()).ne(&self.types) {
            return Err(VarveError::new(
                ErrorCode::ArgumentInvalid,
                "a key has other types than its columns",
                "cast it",
            ));
        }
        let nulls = columns.iter().fold(None, |nulls, column| {
            arrow_buffer::NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref())
        });
        let values = match (&self.rows, columns) {
            (None, [only]) => Values::Numbers(numbers(only)),
            (Some(converter), columns) => {
                let columns: Vec<_> = columns.iter().map(with_one_zero).collect();
                let rows = converter.convert_columns(&columns);
                Values::Rows(rows.map_err(|error| from_arrow(error, "encoding keys"))?)
            }
            (None, _) => Values::Numbers(Vec::new()),
        };
        Ok(Keys { values, nulls })
    }
}

/// The keys of a table: its primary key first.
pub(crate) fn keys_of(table: &Table, indexes: &[Index]) -> Result<Arc<[KeyColumns]>> {
    let primary =
        (!table.primary_key.is_empty()).then(|| KeyColumns::new(table, PRIMARY, &table.primary_key, true));
    let secondary = indexes
        .iter()
        .filter(|index| index.table == table.id)
        .map(|index| KeyColumns::new(table, index.id, &index.columns, index.unique));
    primary.into_iter().chain(secondary).collect()
}

/// Keys of consecutive rows.
pub struct Keys {
    values: Values,
    nulls: Option<arrow_buffer::NullBuffer>,
}

enum Values {
    Numbers(Vec<u64>),
    Rows(Rows),
}

impl Keys {
    /// How many rows they are of.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(numbers) => numbers.len(),
            Values::Rows(rows) => rows.num_rows(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of a row; `None` when a column of it is NULL.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<KeyRef<'_>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        Some(match &self.values {
            Values::Numbers(numbers) => KeyRef::Number(numbers[row]),
            Values::Rows(rows) => KeyRef::Bytes(rows.row(row).data()),
        })
    }
}

/// The values with 0.0 in the place of -0.0, which the row format tells apart.
fn with_one_zero(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float32 => {
            Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(|it| it + 0.0))
        }
        DataType::Float64 => {
            Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(|it| it + 0.0))
        }
        _ => Arc::clone(values),
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(_, _)
        )
}

/// Values of a type that [`is_number`] accepts, so that unsigned comparison orders them; NULLs become anything.
fn numbers(values: &ArrayRef) -> Vec<u64> {
    match values.data_type() {
        DataType::Int8 => signed::<Int8Type>(values),
        DataType::Int16 => signed::<Int16Type>(values),
        DataType::Int32 => signed::<Int32Type>(values),
        DataType::Int64 => signed::<Int64Type>(values),
        DataType::UInt8 => unsigned::<UInt8Type>(values),
        DataType::UInt16 => unsigned::<UInt16Type>(values),
        DataType::UInt32 => unsigned::<UInt32Type>(values),
        DataType::UInt64 => unsigned::<UInt64Type>(values),
        DataType::Date32 => signed::<Date32Type>(values),
        DataType::Date64 => signed::<Date64Type>(values),
        DataType::Time32(TimeUnit::Second) => signed::<Time32SecondType>(values),
        DataType::Time32(_) => signed::<Time32MillisecondType>(values),
        DataType::Time64(TimeUnit::Microsecond) => signed::<Time64MicrosecondType>(values),
        DataType::Time64(_) => signed::<Time64NanosecondType>(values),
        DataType::Timestamp(TimeUnit::Second, _) => signed::<TimestampSecondType>(values),
        DataType::Timestamp(TimeUnit::Millisecond, _) => signed::<TimestampMillisecondType>(values),
        DataType::Timestamp(TimeUnit::Microsecond, _) => signed::<TimestampMicrosecondType>(values),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => signed::<TimestampNanosecondType>(values),
        other => unreachable!("{other} is no number"),
    }
}

fn signed<T: ArrowPrimitiveType<Native: Into<i64>>>(values: &ArrayRef) -> Vec<u64> {
    let flip = |value: &T::Native| (*value).into() as u64 ^ (1 << 63);
    values.as_primitive::<T>().values().iter().map(flip).collect()
}

fn unsigned<T: ArrowPrimitiveType<Native: Into<u64>>>(values: &ArrayRef) -> Vec<u64> {
    values.as_primitive::<T>().values().iter().map(|value| (*value).into()).collect()
}
