//! Values of a plan, bound to the columns that they are of: types are settled here, once.

use std::sync::Arc;

use arrow_arith::temporal::{DatePart, date_part};
use arrow_arith::{boolean, numeric};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, RecordBatch, StringViewArray, UInt64Array, new_empty_array,
};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take;
use varve_types::{ErrorCode, Result, VarveError};

use crate::coerce::{addable, cast, comparable, is_text};
use crate::compare::{Comparison, Values};
use crate::error::{do_not_fit, from_arrow, no_column, not_of};
use crate::literal;
use crate::plan::{Operation, Value};

type Kernel = fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ArrowError>;

/// A value of a row, ready to be computed.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub node: Node,
    pub data_type: DataType,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Column(usize),
    Literal(ArrayRef),
    Cast(Box<Expr>),
    Compare(Comparison, Box<(Expr, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    StartsWith(Box<(Expr, Expr)>),
    Arithmetic(Kernel, Box<(Expr, Expr)>),
    /// Of doubles; by zero NULL.
    Divide(Box<(Expr, Expr)>),
    Case(Box<Expr>, fn(&str) -> String),
    Part(Box<Expr>, DatePart),
}

impl Expr {
    /// `value` over columns of `schema`.
    ///
    /// # Errors
    /// `SQL_NAME`, `SQL_TYPE`, `SQL_VALUE` for a literal that is not of its type.
    pub(crate) fn bind(value: &Value, schema: &Schema) -> Result<Self> {
        match value {
            Value::Column { name } => Self::column(name, schema),
            Value::Literal { value } => Ok(Self::literal(literal::array(value.as_ref())?)),
            Value::Call { operation, values } => {
                let values =
                    values.iter().map(|value| Self::bind(value, schema)).collect::<Result<Vec<_>>>()?;
                Self::call(*operation, values)
            }
        }
    }

    /// The same for what must be true or false.
    pub(crate) fn condition(value: &Value, schema: &Schema) -> Result<Self> {
        Self::bind(value, schema)?.truth("a condition")
    }

    pub(crate) fn column(name: &str, schema: &Schema) -> Result<Self> {
        let names = || schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        let at = schema.index_of(name).map_err(|_| no_column(name, &names()))?;
        Ok(Self { node: Node::Column(at), data_type: schema.field(at).data_type().clone() })
    }

    fn literal(value: ArrayRef) -> Self {
        Self { data_type: value.data_type().clone(), node: Node::Literal(value) }
    }

    /// The same as another type; of a literal at once.
    pub(crate) fn to(self, data_type: &DataType) -> Result<Self> {
        if &self.data_type == data_type {
            return Ok(self);
        }
        if let Node::Literal(value) = &self.node {
            return Ok(Self::literal(cast(value, data_type)?));
        }
        Ok(Self { data_type: data_type.clone(), node: Node::Cast(Box::new(self)) })
    }

    fn truth(self, what: &str) -> Result<Self> {
        match self.data_type {
            DataType::Boolean | DataType::Null => self.to(&DataType::Boolean),
            other => Err(not_of(what, &other)),
        }
    }

    fn text(self, what: &str) -> Result<Self> {
        match &self.data_type {
            DataType::Null => self.to(&DataType::Utf8View),
            other if is_text(other) => self.to(&DataType::Utf8View),
            other => Err(not_of(what, other)),
        }
    }

    fn call(operation: Operation, values: Vec<Self>) -> Result<Self> {
        use Operation::{
            Add, And, Day, Div, Eq, Ge, Gt, Hour, In, IsNull, Le, Lower, Lt, Month, Mul, Ne, Not, Or,
            StartsWith, Sub, Upper, Year,
        };
        let truth = |node| Self { node, data_type: DataType::Boolean };
        Ok(match operation {
            And => truth(Node::And(all_true(values)?)),
            Or => truth(Node::Or(all_true(values)?)),
            In => Self::among(values)?,
            Not => truth(Node::Not(Box::new(one(values)?.truth("not")?))),
            IsNull => truth(Node::IsNull(Box::new(one(values)?))),
            Eq => Self::compared(Comparison::Eq, two(values)?)?,
            Ne => Self::compared(Comparison::Ne, two(values)?)?,
            Lt => Self::compared(Comparison::Lt, two(values)?)?,
            Le => Self::compared(Comparison::Le, two(values)?)?,
            Gt => Self::compared(Comparison::Gt, two(values)?)?,
            Ge => Self::compared(Comparison::Ge, two(values)?)?,
            StartsWith => {
                let (text, prefix) = two(values)?;
                truth(Node::StartsWith(Box::new((text.text("startsWith")?, prefix.text("startsWith")?))))
            }
            Add => Self::arithmetic(numeric::add, "a sum", two(values)?)?,
            Sub => Self::arithmetic(numeric::sub, "a difference", two(values)?)?,
            Mul => Self::arithmetic(numeric::mul, "a product", two(values)?)?,
            Div => {
                let (left, right) = two(values)?;
                let sides = (left.double()?, right.double()?);
                Self { node: Node::Divide(Box::new(sides)), data_type: DataType::Float64 }
            }
            Lower => Self::cased(one(values)?, |text| text.to_lowercase())?,
            Upper => Self::cased(one(values)?, |text| text.to_uppercase())?,
            Year => Self::part(one(values)?, DatePart::Year)?,
            Month => Self::part(one(values)?, DatePart::Month)?,
            Day => Self::part(one(values)?, DatePart::Day)?,
            Hour => Self::part(one(values)?, DatePart::Hour)?,
        })
    }

    fn compared(comparison: Comparison, (left, right): (Self, Self)) -> Result<Self> {
        let common = comparable(&left.data_type, &right.data_type)
            .ok_or_else(|| do_not_fit("a comparison", &left.data_type, &right.data_type))?;
        let sides = Box::new((left.to(&common)?, right.to(&common)?));
        Ok(Self { node: Node::Compare(comparison, sides), data_type: DataType::Boolean })
    }

    /// Whether the first equals one of the others; of none, false.
    fn among(values: Vec<Self>) -> Result<Self> {
        let mut values = values.into_iter();
        let first = values.next().ok_or_else(shapeless)?;
        let equal: Vec<Self> = values
            .map(|value| Self::compared(Comparison::Eq, (first.clone(), value)))
            .collect::<Result<_>>()?;
        if equal.is_empty() {
            return Ok(Self::literal(Arc::new(BooleanArray::from(vec![false]))));
        }
        Ok(Self { node: Node::Or(equal), data_type: DataType::Boolean })
    }

    fn arithmetic(kernel: Kernel, what: &str, (left, right): (Self, Self)) -> Result<Self> {
        let (one, other) = addable(&left.data_type, &right.data_type)
            .ok_or_else(|| do_not_fit(what, &left.data_type, &right.data_type))?;
        // The kernel knows the type of its result.
        let made = kernel(&new_empty_array(&one), &new_empty_array(&other)).map_err(from_arrow)?;
        let sides = Box::new((left.to(&one)?, right.to(&other)?));
        Ok(Self { node: Node::Arithmetic(kernel, sides), data_type: made.data_type().clone() })
    }

    fn double(self) -> Result<Self> {
        if self.data_type.is_numeric() || self.data_type == DataType::Null {
            return self.to(&DataType::Float64);
        }
        Err(not_of("a quotient", &self.data_type))
    }

    fn cased(value: Self, change: fn(&str) -> String) -> Result<Self> {
        let value = value.text("a text in another case")?;
        Ok(Self { node: Node::Case(Box::new(value), change), data_type: DataType::Utf8View })
    }

    fn part(value: Self, part: DatePart) -> Result<Self> {
        let is_clocked = matches!(value.data_type, DataType::Timestamp(..));
        if !is_clocked && (value.data_type != DataType::Date32 || part == DatePart::Hour) {
            return Err(not_of("a part of a date", &value.data_type));
        }
        Ok(Self { node: Node::Part(Box::new(value), part), data_type: DataType::Int64 })
    }

    /// Whether some of its values may be an error.
    fn may_fail(&self) -> bool {
        let of = |sides: &(Self, Self)| sides.0.may_fail() || sides.1.may_fail();
        match &self.node {
            Node::Column(_) | Node::Literal(_) => false,
            Node::Arithmetic(_, sides) => !self.data_type.is_floating() || of(sides),
            Node::Cast(inner) => is_text(&inner.data_type) && !is_text(&self.data_type) || inner.may_fail(),
            Node::Compare(_, sides) | Node::StartsWith(sides) | Node::Divide(sides) => of(sides),
            Node::And(all) | Node::Or(all) => all.iter().any(Self::may_fail),
            Node::Not(inner) | Node::IsNull(inner) | Node::Case(inner, _) | Node::Part(inner, _) => {
                inner.may_fail()
            }
        }
    }

    /// The values of the rows of a batch.
    pub(crate) fn array(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        self.values(batch)?.into_array(batch.num_rows())
    }

    fn values(&self, batch: &RecordBatch) -> Result<Values> {
        Ok(match &self.node {
            Node::Column(at) => Values::PerRow(Arc::clone(batch.column(*at))),
            Node::Literal(value) => Values::Same(Arc::clone(value)),
            Node::Cast(value) => value.values(batch)?.map(|values| cast(values, &self.data_type))?,
            Node::Compare(comparison, sides) => {
                sides.0.values(batch)?.compare(*comparison, &sides.1.values(batch)?)?
            }
            Node::And(all) => fold(all, batch, true)?,
            Node::Or(all) => fold(all, batch, false)?,
            Node::Not(value) => value.values(batch)?.map(|values| {
                boolean::not(values.as_boolean()).map(|truth| Arc::new(truth) as ArrayRef).map_err(from_arrow)
            })?,
            Node::IsNull(value) => value.values(batch)?.map(|values| {
                boolean::is_null(values).map(|truth| Arc::new(truth) as ArrayRef).map_err(from_arrow)
            })?,
            Node::StartsWith(sides) => {
                sides.0.values(batch)?.with(&sides.1.values(batch)?, |text, prefix| {
                    arrow_string::like::starts_with(text, prefix).map(|truth| Arc::new(truth) as ArrayRef)
                })?
            }
            Node::Arithmetic(kernel, sides) => {
                sides.0.values(batch)?.with(&sides.1.values(batch)?, kernel)?
            }
            Node::Divide(sides) => {
                let by = sides.1.values(batch)?.map(|values| Ok(without_zeros(values)))?;
                sides.0.values(batch)?.with(&by, numeric::div)?
            }
            Node::Case(value, change) => value.values(batch)?.map(|values| {
                let texts = values.as_string_view().iter().map(|text| text.map(change));
                Ok(Arc::new(texts.collect::<StringViewArray>()) as ArrayRef)
            })?,
            Node::Part(value, part) => value
                .values(batch)?
                .map(|values| cast(&date_part(values, *part).map_err(from_arrow)?, &self.data_type))?,
        })
    }
}

/// What may fail comes last, and is computed for the rows that the others leave open.
fn fold(all: &[Expr], batch: &RecordBatch, is_and: bool) -> Result<Values> {
    let (failing, safe): (Vec<&Expr>, Vec<&Expr>) = all.iter().partition(|value| value.may_fail());
    let mut values = safe.into_iter().chain(failing);
    let first = values.next().ok_or_else(shapeless)?.values(batch)?;
    values.try_fold(first, |truth, value| {
        let value =
            if value.may_fail() { open(&truth, is_and, value, batch)? } else { value.values(batch)? };
        truth.logic(is_and, &value)
    })
}

/// `value` where `truth` does not say it all, and NULL elsewhere.
fn open(truth: &Values, is_and: bool, value: &Expr, batch: &RecordBatch) -> Result<Values> {
    let truth = truth.clone().into_array(batch.num_rows())?;
    let is_open: BooleanArray = truth.as_boolean().iter().map(|known| Some(known != Some(!is_and))).collect();
    let rows = filter_record_batch(batch, &is_open).map_err(from_arrow)?;
    let mut numbers = 0..rows.num_rows() as u64;
    let places: UInt64Array =
        is_open.values().iter().map(|is_open| if is_open { numbers.next() } else { None }).collect();
    let values = take(&value.array(&rows)?, &places, None).map_err(from_arrow)?;
    Ok(Values::PerRow(values))
}

/// NULL in the place of zeros.
fn without_zeros(values: &ArrayRef) -> ArrayRef {
    Arc::new(
        values
            .as_primitive::<Float64Type>()
            .unary_opt::<_, Float64Type>(|value| (value != 0.0).then_some(value)),
    )
}

fn all_true(values: Vec<Expr>) -> Result<Vec<Expr>> {
    if values.is_empty() {
        return Err(shapeless());
    }
    values.into_iter().map(|value| value.truth("and and or")).collect()
}

fn one(values: Vec<Expr>) -> Result<Expr> {
    let [one] = <[Expr; 1]>::try_from(values).map_err(|_| shapeless())?;
    Ok(one)
}

fn two(values: Vec<Expr>) -> Result<(Expr, Expr)> {
    let [one, other] = <[Expr; 2]>::try_from(values).map_err(|_| shapeless())?;
    Ok((one, other))
}

fn shapeless() -> VarveError {
    VarveError::new(ErrorCode::ArgumentInvalid, "an operation of a plan has the wrong number of values", "")
}
