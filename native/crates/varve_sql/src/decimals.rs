//! Sums, differences and products of decimals in short ways.
//!
//! Decimals are 128 bits wide, and Arrow looks at every result for overflow. Most columns of decimals hold numbers that
//! need no more than 64: what two of them give always fits into 128, so that a batch of such numbers is computed without
//! looking. Other batches are left to Arrow, which refuses what overflows.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Scalar, new_empty_array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::BinaryExpr;
use datafusion::physical_plan::projection::ProjectionExec;

/// The plan with the short ways in its projections.
pub(crate) fn in_short_ways(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(projection) = node.downcast_ref::<ProjectionExec>() else {
            return Ok(Transformed::no(node));
        };
        let schema = projection.input().schema();
        let mut is_new = false;
        let mut items = Vec::with_capacity(projection.expr().len());
        for item in projection.expr() {
            let shorter = shortened(Arc::clone(&item.expr), &schema)?;
            is_new |= shorter.transformed;
            items.push(ProjectionExpr { expr: shorter.data, alias: item.alias.clone() });
        }
        if !is_new {
            return Ok(Transformed::no(node));
        }
        let shorter = ProjectionExec::try_new(items, Arc::clone(projection.input()))?;
        Ok(Transformed::yes(Arc::new(shorter) as _))
    })
    .data()
}

/// `expr` with the short way wherever it adds, subtracts or multiplies decimals.
pub(crate) fn shortened(
    expr: Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    expr.transform_up(|node| {
        let Some(binary) = node.downcast_ref::<BinaryExpr>() else { return Ok(Transformed::no(node)) };
        let is_decimal = |side: &Arc<dyn PhysicalExpr>| {
            side.data_type(schema).is_ok_and(|of| matches!(of, DataType::Decimal128(..)))
        };
        let has_short_way = matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply);
        if !has_short_way || !is_decimal(binary.left()) || !is_decimal(binary.right()) {
            return Ok(Transformed::no(node));
        }
        Ok(Transformed::yes(Arc::new(Short { plain: node }) as _))
    })
}

/// What a [`BinaryExpr`] gives.
#[derive(Debug, Eq)]
struct Short {
    plain: Arc<dyn PhysicalExpr>,
}

// Derived, it would move what is shared.
impl PartialEq for Short {
    fn eq(&self, other: &Self) -> bool {
        self.plain.eq(&other.plain)
    }
}

impl Hash for Short {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plain.hash(state);
    }
}

impl fmt::Display for Short {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain.fmt(out)
    }
}

impl PhysicalExpr for Short {
    // What there is without these asks for the whole field, and a field for both: of a sum of sums, twice as often at each.
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.plain.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.plain.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.plain.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let Some(binary) = self.plain.downcast_ref::<BinaryExpr>() else {
            return internal_err!("a short way of what is no operator");
        };
        let (left, right) = (binary.left().evaluate(batch)?, binary.right().evaluate(batch)?);
        if let (ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)) = (&left, &right) {
            let (left, right) = (left.to_array_of_size(1)?, right.to_array_of_size(1)?);
            let result = combined(*binary.op(), &Side::Array(left), &Side::Array(right))?;
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        combined(*binary.op(), &Side::new(left)?, &Side::new(right)?).map(ColumnarValue::Array)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.plain.children()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let plain = Arc::clone(&self.plain).with_new_children(children)?;
        Ok(Arc::new(Self { plain }))
    }

    fn fmt_sql(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain.fmt_sql(out)
    }
}

/// One side of an operator.
enum Side {
    Array(ArrayRef),
    /// One value for all rows.
    One(ArrayRef),
}

impl Side {
    fn new(value: ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Array(array) => Self::Array(array),
            ColumnarValue::Scalar(value) => Self::One(value.to_array_of_size(1)?),
        })
    }

    fn array(&self) -> &ArrayRef {
        let (Self::Array(array) | Self::One(array)) = self;
        array
    }

    /// The values, if 64 bits are enough for each, those in the place of NULL too.
    fn narrow(&self) -> Option<Narrow<'_>> {
        let array: &Decimal128Array = self.array().as_primitive_opt::<Decimal128Type>()?;
        match self {
            Self::One(_) if array.is_null(0) => None,
            Self::One(_) => i64::try_from(array.value(0)).ok().map(Narrow::One),
            Self::Array(_) => {
                // The upper half repeats the sign of the lower one.
                let excess = array
                    .values()
                    .iter()
                    .fold(0, |excess, value| excess | (((*value >> 64) as i64) ^ ((*value as i64) >> 63)));
                (excess == 0).then(|| Narrow::Array(array.values(), array.nulls()))
            }
        }
    }
}

enum Narrow<'a> {
    Array(&'a ScalarBuffer<i128>, Option<&'a NullBuffer>),
    One(i64),
}

/// `left operator right`; one of them at least is not one value for all rows.
fn combined(operator: Operator, left: &Side, right: &Side) -> Result<ArrayRef> {
    let result = arrow_type(operator, left, right)?;
    let factors = match operator {
        Operator::Multiply => Some((1, 1)),
        _ => factors(left.array().data_type(), right.array().data_type()),
    };
    if let (Some((by, to)), Some(one), Some(other)) = (factors, left.narrow(), right.narrow())
        && let Some(short) = match operator {
            Operator::Plus => computed(&one, &other, |one, other| wide(one, by) + wide(other, to)),
            Operator::Minus => computed(&one, &other, |one, other| wide(one, by) - wide(other, to)),
            _ => computed(&one, &other, wide),
        }
    {
        return Ok(Arc::new(short.with_data_type(result)));
    }
    by_arrow(operator, left, right)
}

/// What two numbers are multiplied with to have the same places, where that leaves room to add them.
fn factors(left: &DataType, right: &DataType) -> Option<(i64, i64)> {
    let (DataType::Decimal128(_, left), DataType::Decimal128(_, right)) = (left, right) else { return None };
    let (left, right) = (i32::from(*left), i32::from(*right));
    let factor = |places: i32| 10_i64.checked_pow(u32::try_from(places).ok()?);
    Some((factor(left.max(right) - left)?, factor(left.max(right) - right)?))
}

/// The product, which always fits: a sum of two such does too.
fn wide(one: i64, other: i64) -> i128 {
    i128::from(one) * i128::from(other)
}

/// The type of the result, which is Arrow's.
fn arrow_type(operator: Operator, left: &Side, right: &Side) -> Result<DataType> {
    let empty = |side: &Side| Side::Array(new_empty_array(side.array().data_type()));
    Ok(by_arrow(operator, &empty(left), &empty(right))?.data_type().clone())
}

fn by_arrow(operator: Operator, left: &Side, right: &Side) -> Result<ArrayRef> {
    let kernel = match operator {
        Operator::Plus => add,
        Operator::Minus => sub,
        Operator::Multiply => mul,
        _ => return internal_err!("{operator} has no short way"),
    };
    Ok(match (left, right) {
        (Side::Array(left), Side::Array(right)) => kernel(left, right),
        (Side::Array(left), Side::One(right)) => kernel(left, &Scalar::new(right)),
        (Side::One(left), Side::Array(right)) => kernel(&Scalar::new(left), right),
        (Side::One(left), Side::One(right)) => kernel(&Scalar::new(left), &Scalar::new(right)),
    }?)
}

fn computed(one: &Narrow<'_>, other: &Narrow<'_>, of: impl Fn(i64, i64) -> i128) -> Option<Decimal128Array> {
    let (values, nulls): (Vec<i128>, _) = match (one, other) {
        (Narrow::Array(left, left_nulls), Narrow::Array(right, right_nulls)) => (
            left.iter().zip(right.iter()).map(|(left, right)| of(*left as i64, *right as i64)).collect(),
            NullBuffer::union(*left_nulls, *right_nulls),
        ),
        (Narrow::Array(left, nulls), Narrow::One(right)) => {
            (left.iter().map(|left| of(*left as i64, *right)).collect(), nulls.cloned())
        }
        (Narrow::One(left), Narrow::Array(right, nulls)) => {
            (right.iter().map(|right| of(*left, *right as i64)).collect(), nulls.cloned())
        }
        (Narrow::One(_), Narrow::One(_)) => return None,
    };
    Some(Decimal128Array::new(values.into(), nulls))
}
