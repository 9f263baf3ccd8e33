//! Aggregates: what is computed of each group, fed batch by batch.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, Float64Array, Int64Array, PrimitiveArray,
    new_null_array,
};
use arrow_schema::DataType;
use varve_types::{ErrorCode, Result, VarveError};

use crate::coerce::{cast, is_decimal};
use crate::error::not_of;
use crate::keys::KeyEncoder;
use crate::plan::Function;

/// The digits that a sum of decimals has more than they.
const SUM_DIGITS: u8 = 10;
const PRECISION_MAX: u8 = 38;

/// One aggregate of all groups.
pub(crate) trait Accumulator: Send {
    /// Takes the value of each row into its group; there are `groups` of them now. Values are absent for `count` of rows.
    fn update(&mut self, rows: &[u32], groups: usize, values: Option<&ArrayRef>) -> Result<()>;
    /// The value of each of `groups` groups.
    fn finish(self: Box<Self>, groups: usize) -> Result<ArrayRef>;
    /// About how many bytes it takes.
    fn bytes(&self) -> usize;
}

/// An aggregate of values of a type, none for `count` of rows, and the type of what it gives.
pub(crate) fn accumulator(
    function: Function,
    of: Option<&DataType>,
) -> Result<(Box<dyn Accumulator>, DataType)> {
    let of = match (function, of) {
        (Function::Count, _) => return Ok((Box::new(Count::default()), DataType::Int64)),
        (_, Some(of)) => of,
        (_, None) => {
            return Err(VarveError::new(ErrorCode::ArgumentInvalid, "an aggregate is of a value", ""));
        }
    };
    Ok(match function {
        Function::Count => unreachable!("it was answered"),
        Function::CountDistinct => (Box::new(Distinct::new(of)?), DataType::Int64),
        Function::Min => (Box::new(Extreme::new(of, false)?), of.clone()),
        Function::Max => (Box::new(Extreme::new(of, true)?), of.clone()),
        Function::Avg if of.is_numeric() || of == &DataType::Null => {
            (Box::new(Mean::default()), DataType::Float64)
        }
        Function::Avg => return Err(not_of("a mean", of)),
        Function::Sum => match sum_type(of) {
            Some(DataType::Float64) => {
                (Box::new(Sum::<Float64Type>::new(DataType::Float64)), DataType::Float64)
            }
            Some(DataType::UInt64) => (Box::new(Sum::<UInt64Type>::new(DataType::UInt64)), DataType::UInt64),
            Some(decimal @ DataType::Decimal128(..)) => {
                (Box::new(Sum::<Decimal128Type>::new(decimal.clone())), decimal)
            }
            Some(_) => (Box::new(Sum::<Int64Type>::new(DataType::Int64)), DataType::Int64),
            None => return Err(not_of("a sum", of)),
        },
    })
}

fn sum_type(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => {
            Some(DataType::Decimal128((precision + SUM_DIGITS).min(PRECISION_MAX), *scale))
        }
        floating if floating.is_floating() => Some(DataType::Float64),
        unsigned if unsigned.is_unsigned_integer() => Some(DataType::UInt64),
        signed if signed.is_signed_integer() => Some(DataType::Int64),
        DataType::Null => Some(DataType::Int64),
        _ => None,
    }
}

#[derive(Default)]
struct Count {
    counts: Vec<i64>,
}

impl Accumulator for Count {
    fn update(&mut self, rows: &[u32], groups: usize, values: Option<&ArrayRef>) -> Result<()> {
        self.counts.resize(groups, 0);
        let nulls = values.and_then(|values| values.logical_nulls());
        for (row, group) in rows.iter().enumerate() {
            let is_there = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            self.counts[*group as usize] += i64::from(is_there);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.counts.resize(groups, 0);
        Ok(Arc::new(Int64Array::from(self.counts)))
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }
}

/// A sum in one type, which it must fit into.
struct Sum<T: ArrowPrimitiveType> {
    data_type: DataType,
    sums: Vec<Option<T::Native>>,
}

impl<T: ArrowPrimitiveType> Sum<T> {
    fn new(data_type: DataType) -> Self {
        Self { data_type, sums: Vec::new() }
    }
}

impl<T: ArrowPrimitiveType<Native: ArrowNativeTypeOp>> Accumulator for Sum<T> {
    fn update(&mut self, rows: &[u32], groups: usize, values: Option<&ArrayRef>) -> Result<()> {
        self.sums.resize(groups, None);
        let Some(values) = values else { return Ok(()) };
        // The scale of a decimal stays, so that no digit is lost.
        let values = if is_decimal(values.data_type()) {
            cast(values, &self.data_type)?
        } else {
            widened::<T>(values)?
        };
        let values = values.as_primitive::<T>();
        for (row, group) in rows.iter().enumerate() {
            if values.is_valid(row) {
                let sum = &mut self.sums[*group as usize];
                let value = values.value(row);
                let both = sum.map_or(Ok(value), |sum| sum.add_checked(value));
                *sum = Some(both.map_err(|_| beyond(&self.data_type))?);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.sums.resize(groups, None);
        let sums: PrimitiveArray<T> = self.sums.into_iter().collect();
        let sums: ArrayRef = Arc::new(sums.with_data_type(self.data_type));
        if let (DataType::Decimal128(precision, _), Some(decimals)) =
            (sums.data_type(), sums.as_primitive_opt::<Decimal128Type>())
        {
            decimals.validate_decimal_precision(*precision).map_err(|_| beyond(sums.data_type()))?;
        }
        Ok(sums)
    }

    fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<Option<T::Native>>()
    }
}

fn beyond(data_type: &DataType) -> VarveError {
    let message = format!("a sum does not fit into {data_type}");
    VarveError::new(ErrorCode::SqlValue, message, "add up doubles, or fewer values")
}

fn widened<T: ArrowPrimitiveType>(values: &ArrayRef) -> Result<ArrayRef> {
    cast(values, &T::DATA_TYPE)
}

#[derive(Default)]
struct Mean {
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl Accumulator for Mean {
    fn update(&mut self, rows: &[u32], groups: usize, values: Option<&ArrayRef>) -> Result<()> {
        self.sums.resize(groups, 0.0);
        self.counts.resize(groups, 0);
        let Some(values) = values else { return Ok(()) };
        let values = cast(values, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        for (row, group) in rows.iter().enumerate() {
            if values.is_valid(row) {
                self.sums[*group as usize] += values.value(row);
                self.counts[*group as usize] += 1;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.sums.resize(groups, 0.0);
        self.counts.resize(groups, 0);
        let means = self.sums.into_iter().zip(self.counts);
        let means = means.map(|(sum, count)| (count > 0).then(|| sum / count as f64));
        Ok(Arc::new(means.collect::<Float64Array>()))
    }

    fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<f64>() + self.counts.capacity() * size_of::<u64>()
    }
}

/// The least or the greatest value of any type, by its key.
struct Extreme {
    encoder: KeyEncoder,
    data_type: DataType,
    is_greatest: bool,
    keys: Vec<Option<Box<[u8]>>>,
    key_bytes: usize,
}

impl Extreme {
    fn new(of: &DataType, is_greatest: bool) -> Result<Self> {
        let encoder = KeyEncoder::new(std::iter::once(of.clone()))?;
        Ok(Self { encoder, data_type: of.clone(), is_greatest, keys: Vec::new(), key_bytes: 0 })
    }
}

impl Accumulator for Extreme {
    fn update(&mut self, rows: &[u32], groups: usize, values: Option<&ArrayRef>) -> Result<()> {
        self.keys.resize(groups, None);
        let Some(values) = values else { return Ok(()) };
        let (keys, nulls) = (self.encoder.encode(std::slice::from_ref(values))?, values.logical_nulls());
        for (row, group) in rows.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let (key, best) = (keys.row(row).data(), &mut self.keys[*group as usize]);
            let is_better =
                best.as_deref().is_none_or(|best| if self.is_greatest { key > best } else { key < best });
            if is_better {
                self.key_bytes += key.len();
                self.key_bytes -= best.as_ref().map_or(0, |best| best.len());
                *best = Some(key.into());
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.keys.resize(groups, None);
        // What has no value takes the key of NULL.
        let null = self.encoder.encode(&[new_null_array(&self.data_type, 1)])?;
        let null = null.row(0);
        let keys = self.keys.iter().map(|key| key.as_deref().unwrap_or(null.data()));
        let mut columns = self.encoder.decode(keys)?;
        columns.pop().ok_or_else(|| VarveError::new(ErrorCode::EngineDefect, "a key lost its column", ""))
    }

    fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<Option<Box<[u8]>>>() + self.key_bytes
    }
}

/// How many different values, by their keys.
struct Distinct {
    encoder: KeyEncoder,
    seen: HashSet<Box<[u8]>>,
    counts: Vec<i64>,
    key_bytes: usize,
}

impl Distinct {
    fn new(of: &DataType) -> Result<Self> {
        let encoder = KeyEncoder::new(std::iter::once(of.clone()))?;
        Ok(Self { encoder, seen: HashSet::new(), counts: Vec::new(), key_bytes: 0 })
    }
}

impl Accumulator for Distinct {
    fn update(&mut self, rows: &[u32], groups: usize, values: Option<&ArrayRef>) -> Result<()> {
        self.counts.resize(groups, 0);
        let Some(values) = values else { return Ok(()) };
        let (keys, nulls) = (self.encoder.encode(std::slice::from_ref(values))?, values.logical_nulls());
        let mut key = Vec::new();
        for (row, group) in rows.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            key.clear();
            key.extend_from_slice(&group.to_be_bytes());
            key.extend_from_slice(keys.row(row).data());
            if !self.seen.contains(key.as_slice()) {
                self.key_bytes += key.len();
                self.seen.insert(key.as_slice().into());
                self.counts[*group as usize] += 1;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.counts.resize(groups, 0);
        Ok(Arc::new(Int64Array::from(self.counts)))
    }

    fn bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 40;
        self.counts.capacity() * size_of::<i64>() + self.key_bytes + self.seen.len() * ENTRY_BYTES
    }
}
