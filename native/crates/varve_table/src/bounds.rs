//! What is known of the values of a column of hot rows: found when it is first asked for, then kept.

use arrow_array::{Array, ArrayRef};
use arrow_schema::SortOptions;

/// The least and the greatest value of a column, and how many are NULL.
#[derive(Clone, Debug)]
pub struct ColumnBounds {
    /// How many values are NULL.
    pub nulls: usize,
    /// The least value, in an array of one; `None` when there is none, or when values of the type have no order.
    pub least: Option<ArrayRef>,
    /// The greatest, alike.
    pub greatest: Option<ArrayRef>,
}

impl ColumnBounds {
    /// The bounds of `values`. Cost: two passes over them.
    pub(crate) fn of(values: &ArrayRef) -> Self {
        Self {
            nulls: values.logical_null_count(),
            least: first(values, false),
            greatest: first(values, true),
        }
    }
}

/// The value that an order puts first.
fn first(values: &ArrayRef, descending: bool) -> Option<ArrayRef> {
    let order = SortOptions { descending, nulls_first: false };
    let indices = arrow_ord::sort::sort_to_indices(values, Some(order), Some(1)).ok()?;
    let first = values.slice(*indices.values().first()? as usize, 1);
    (first.logical_null_count() == 0).then_some(first)
}
