//! `sum` of numbers that have an end, as an error where the sum lies beyond it.
//!
//! DataFusion 55.2 lets sums of BIGINT and of long decimals wrap around: of 9223372036854775807 and 1 it was
//! -9223372036854775808.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, DecimalType, FieldRef, Int64Type, UInt64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, Expr, GroupsAccumulator, Operator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op::PrimitiveGroupsAccumulator;

/// DataFusion's function, with such accumulators.
pub(crate) fn sum() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(CheckedSum::default()))
}

/// That a sum of this type does not fit into it.
pub(crate) fn overflow(data_type: &DataType) -> ArrowError {
    let message = format!("a sum does not fit into {data_type}: add up CAST(... AS DOUBLE)");
    ArrowError::ArithmeticOverflow(message)
}

#[derive(PartialEq, Eq, Hash, Debug, Default)]
struct CheckedSum(Sum);

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type();
        match total_of(data_type) {
            Some(_) if args.is_distinct => {
                let data_type = data_type.clone();
                Ok(Box::new(DistinctTotal { values: self.0.accumulator(args)?, data_type }))
            }
            Some(total) => Ok(total),
            None => self.0.accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match total_of(args.return_field.data_type()) {
            Some(total) if !args.is_distinct => Ok(total),
            _ => self.0.create_sliding_accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let data_type = args.return_field.data_type();
        match data_type {
            DataType::Int64 => Ok(totals::<Int64Type>(data_type)),
            DataType::UInt64 => Ok(totals::<UInt64Type>(data_type)),
            DataType::Decimal128(..) => Ok(totals::<Decimal128Type>(data_type)),
            _ => self.0.create_groups_accumulator(args),
        }
    }

    fn simplify_expr_op_literal(
        &self,
        call: &AggregateFunction,
        argument: &Expr,
        op: Operator,
        literal: &Expr,
        is_left: bool,
    ) -> Result<Option<Expr>> {
        self.0.simplify_expr_op_literal(call, argument, op, literal, is_left)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.0.set_monotonicity(data_type)
    }

    fn value_from_stats(&self, args: &StatisticsArgs) -> Option<ScalarValue> {
        self.0.value_from_stats(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

/// A type of number that has an end.
trait Ending: ArrowPrimitiveType + Sized + Send + Sync + std::fmt::Debug {
    /// The sum of all values but NULL, if 128 bits hold it.
    fn sum(values: &PrimitiveArray<Self>) -> Option<i128>;

    /// Whether the sum goes beyond the end, and what it wraps around to.
    fn add(sum: Self::Native, value: Self::Native) -> (Self::Native, bool);

    /// A sum as a number of `data_type`, if it is not beyond its end.
    fn narrow(sum: i128, data_type: &DataType) -> Option<Self::Native>;

    /// Whether none of these sums is beyond the end of `data_type`.
    fn are_within(_sums: &PrimitiveArray<Self>, _data_type: &DataType) -> bool {
        true
    }
}

macro_rules! ending_in_64_bits {
    ($of:ty) => {
        impl Ending for $of {
            fn sum(values: &PrimitiveArray<Self>) -> Option<i128> {
                // No batch is so long that this would not fit.
                Some(match values.null_count() {
                    0 => values.values().iter().map(|value| i128::from(*value)).sum(),
                    _ => values.iter().flatten().map(i128::from).sum(),
                })
            }

            fn add(sum: Self::Native, value: Self::Native) -> (Self::Native, bool) {
                sum.overflowing_add(value)
            }

            fn narrow(sum: i128, _data_type: &DataType) -> Option<Self::Native> {
                sum.try_into().ok()
            }
        }
    };
}

ending_in_64_bits!(Int64Type);
ending_in_64_bits!(UInt64Type);

impl Ending for Decimal128Type {
    fn sum(values: &PrimitiveArray<Self>) -> Option<i128> {
        match values.null_count() {
            0 => values.values().iter().try_fold(0_i128, |sum, value| sum.checked_add(*value)),
            _ => values.iter().flatten().try_fold(0_i128, i128::checked_add),
        }
    }

    fn add(sum: i128, value: i128) -> (i128, bool) {
        sum.overflowing_add(value)
    }

    fn narrow(sum: i128, data_type: &DataType) -> Option<i128> {
        let DataType::Decimal128(precision, _) = data_type else { return None };
        Self::is_valid_decimal_precision(sum, *precision).then_some(sum)
    }

    fn are_within(sums: &PrimitiveArray<Self>, data_type: &DataType) -> bool {
        sums.iter().flatten().all(|sum| Self::narrow(sum, data_type).is_some())
    }
}

/// A sum.
#[derive(Debug)]
struct Total<T> {
    sum: i128,
    /// Values in it.
    count: usize,
    data_type: DataType,
    of: PhantomData<T>,
}

/// An empty sum of this type; `None` where DataFusion's own does.
fn total_of(data_type: &DataType) -> Option<Box<dyn Accumulator>> {
    match data_type {
        DataType::Int64 => Some(total::<Int64Type>(data_type)),
        DataType::UInt64 => Some(total::<UInt64Type>(data_type)),
        DataType::Decimal128(..) => Some(total::<Decimal128Type>(data_type)),
        _ => None,
    }
}

fn total<T: Ending>(data_type: &DataType) -> Box<dyn Accumulator> {
    Box::new(Total::<T> { sum: 0, count: 0, data_type: data_type.clone(), of: PhantomData })
}

impl<T: Ending> Total<T> {
    fn sum_of(&self, values: &[ArrayRef]) -> Result<(i128, usize)> {
        let values = values[0].as_primitive::<T>();
        let sum = T::sum(values).ok_or_else(|| overflow(&self.data_type))?;
        Ok((sum, values.len() - values.null_count()))
    }
}

impl<T: Ending> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (sum, count) = self.sum_of(values)?;
        self.sum = self.sum.checked_add(sum).ok_or_else(|| overflow(&self.data_type))?;
        self.count += count;
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (sum, count) = self.sum_of(values)?;
        self.sum = self.sum.checked_sub(sum).ok_or_else(|| overflow(&self.data_type))?;
        self.count -= count;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let narrow = || T::narrow(self.sum, &self.data_type).ok_or_else(|| overflow(&self.data_type));
        let sum = (self.count > 0).then(narrow).transpose()?;
        ScalarValue::new_primitive::<T>(sum, &self.data_type)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// A sum of values that are each taken once.
#[derive(Debug)]
struct DistinctTotal {
    values: Box<dyn Accumulator>,
    data_type: DataType,
}

impl Accumulator for DistinctTotal {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let states = self.values.state()?;
        let [ScalarValue::List(values)] = states.as_slice() else {
            return internal_err!("values that are taken once are no list");
        };
        // A window asks again with each row that comes.
        let Some(mut total) = total_of(&self.data_type) else {
            return internal_err!("sums of {} have no end", self.data_type);
        };
        total.update_batch(&[Arc::clone(values.values())])?;
        total.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn size(&self) -> usize {
        self.values.size()
    }
}

/// The sums of groups.
struct Totals<T> {
    sums: Box<dyn GroupsAccumulator>,
    is_beyond: Arc<AtomicBool>,
    data_type: DataType,
    of: PhantomData<T>,
}

fn totals<T: Ending>(data_type: &DataType) -> Box<dyn GroupsAccumulator> {
    let is_beyond = Arc::new(AtomicBool::new(false));
    let beyond = Arc::clone(&is_beyond);
    let add = move |sum: &mut T::Native, value: T::Native| {
        let (both, is_beyond) = T::add(*sum, value);
        *sum = both;
        if is_beyond {
            beyond.store(true, Ordering::Relaxed);
        }
    };
    let sums = Box::new(PrimitiveGroupsAccumulator::<T, _>::new(data_type, add));
    Box::new(Totals::<T> { sums, is_beyond, data_type: data_type.clone(), of: PhantomData })
}

impl<T: Ending> Totals<T> {
    fn within(&self) -> Result<()> {
        match self.is_beyond.load(Ordering::Relaxed) {
            true => Err(overflow(&self.data_type).into()),
            false => Ok(()),
        }
    }
}

impl<T: Ending> GroupsAccumulator for Totals<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.update_batch(values, groups, filter, total)?;
        self.within()
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.sums.merge_batch(states, groups, total)?;
        self.within()
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.sums.evaluate(emit_to)?;
        match T::are_within(sums.as_primitive(), &self.data_type) {
            true => Ok(sums),
            false => Err(overflow(&self.data_type).into()),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.sums.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.sums.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.sums.size()
    }
}
