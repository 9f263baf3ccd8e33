//! Values of a batch, and what is computed of two of them.

use std::sync::Arc;

use arrow_arith::boolean;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, Scalar};
use arrow_ord::cmp;
use arrow_schema::ArrowError;
use varve_types::Result;

use crate::coerce::canonical;
use crate::error::from_arrow;

/// Values of all rows, or one that stands for all.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    PerRow(ArrayRef),
    Same(ArrayRef),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    /// The same with its sides exchanged.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Self::Eq | Self::Ne => self,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }
}

impl Values {
    fn datum(&self) -> Box<dyn Datum> {
        match self {
            Self::PerRow(values) => Box::new(Arc::clone(values)),
            Self::Same(value) => Box::new(Scalar::new(Arc::clone(value))),
        }
    }

    /// An array of so many rows.
    pub(crate) fn into_array(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Self::PerRow(values) => Ok(values),
            Self::Same(value) => {
                let zeros = arrow_array::UInt32Array::from(vec![0; rows]);
                arrow_select::take::take(&value, &zeros, None).map_err(from_arrow)
            }
        }
    }

    /// The same shape, with other values.
    pub(crate) fn map(&self, change: impl FnOnce(&ArrayRef) -> Result<ArrayRef>) -> Result<Self> {
        Ok(match self {
            Self::PerRow(values) => Self::PerRow(change(values)?),
            Self::Same(value) => Self::Same(change(value)?),
        })
    }

    /// What a kernel makes of this and `other`.
    pub(crate) fn with(
        &self,
        other: &Self,
        kernel: impl FnOnce(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ArrowError>,
    ) -> Result<Self> {
        let made = kernel(self.datum().as_ref(), other.datum().as_ref()).map_err(from_arrow)?;
        Ok(match (self, other) {
            (Self::Same(_), Self::Same(_)) => Self::Same(made),
            _ => Self::PerRow(made),
        })
    }

    /// Compares with values of the same type.
    pub(crate) fn compare(&self, comparison: Comparison, other: &Self) -> Result<Self> {
        let (left, right) =
            (self.map(|values| Ok(canonical(values)))?, other.map(|values| Ok(canonical(values)))?);
        let kernel = match comparison {
            Comparison::Eq => cmp::eq,
            Comparison::Ne => cmp::neq,
            Comparison::Lt => cmp::lt,
            Comparison::Le => cmp::lt_eq,
            Comparison::Gt => cmp::gt,
            Comparison::Ge => cmp::gt_eq,
        };
        left.with(&right, |left, right| kernel(left, right).map(|truth| Arc::new(truth) as ArrayRef))
    }

    /// Whether both, or one, are true, where NULL is unknown.
    pub(crate) fn logic(&self, is_and: bool, other: &Self) -> Result<Self> {
        let (rows, is_same) = match (self, other) {
            (Self::PerRow(values), _) | (_, Self::PerRow(values)) => (values.len(), false),
            (Self::Same(_), Self::Same(_)) => (1, true),
        };
        let (left, right) = (self.clone().into_array(rows)?, other.clone().into_array(rows)?);
        let kernel: fn(&BooleanArray, &BooleanArray) -> std::result::Result<BooleanArray, ArrowError> =
            if is_and { boolean::and_kleene } else { boolean::or_kleene };
        let made: ArrayRef = Arc::new(kernel(left.as_boolean(), right.as_boolean()).map_err(from_arrow)?);
        Ok(if is_same { Self::Same(made) } else { Self::PerRow(made) })
    }
}
