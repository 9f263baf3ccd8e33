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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, Int64Array, ListArray, StringViewArray, types::Int32Type};

    use super::ColumnBounds;

    fn check(values: ArrayRef, nulls: usize, bounds: Option<(usize, usize)>) {
        let found = ColumnBounds::of(&values);
        assert_eq!(found.nulls, nulls);
        assert_eq!(
            found.least.map(|least| least.to_data()),
            bounds.map(|(at, _)| values.slice(at, 1).to_data())
        );
        assert_eq!(
            found.greatest.map(|most| most.to_data()),
            bounds.map(|(_, at)| values.slice(at, 1).to_data())
        );
    }

    #[test]
    fn bounds_are_those_of_the_values() {
        check(Arc::new(Int64Array::from(vec![Some(3), None, Some(-1), Some(7)])), 1, Some((2, 3)));
        check(Arc::new(Int64Array::from(vec![None, None])), 2, None);
        check(Arc::new(Int64Array::from(Vec::<i64>::new())), 0, None);
        check(Arc::new(StringViewArray::from(vec!["b", "a long text, not inlined", "c"])), 0, Some((1, 2)));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None]);
        assert_eq!(ColumnBounds::of(&(Arc::new(lists) as ArrayRef)).nulls, 1);
    }
}
