//! Ranges of keys: the rows whose keys lie between two others.

use std::ops::Bound;

use arrow_array::ArrayRef;
use arrow_row::{RowConverter, SortField};
use varve_types::Result;

use super::{Key, KeyColumns, KeyRef, Lookup, Positions, numbers};
use crate::error::from_arrow;
use crate::rows::{Place, RowAddress, RowSet};

/// Keys that are not below `from` and below `to`; on a side that is `None` there is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The least key.
    pub from: Option<Key>,
    /// The least key beyond.
    pub to: Option<Key>,
}

impl KeyColumns {
    /// The range of the keys whose first columns are `equal`, and whose next column lies between `lower` and `upper`. Each
    /// value is an array of one row and of its column's type, none is NULL.
    ///
    /// # Errors
    /// `ARGUMENT_INVALID` when a value cannot be encoded.
    pub fn range(
        &self,
        equal: &[ArrayRef],
        lower: Bound<&ArrayRef>,
        upper: Bound<&ArrayRef>,
    ) -> Result<KeyRange> {
        if self.rows.is_none() {
            return Ok(number_range(equal.first(), lower, upper));
        }
        let encode = |next: Option<&ArrayRef>| {
            let values: Vec<ArrayRef> = equal.iter().chain(next).cloned().collect();
            self.encode_first(&values)
        };
        let from = match lower {
            Bound::Unbounded => Some(encode(None)?).filter(|key| !key.is_empty()),
            Bound::Included(value) => Some(encode(Some(value))?),
            // No key goes beyond all that begin alike: there is none after it.
            Bound::Excluded(value) => match successor(encode(Some(value))?) {
                None => return Ok(nothing(Key::Bytes(Box::default()))),
                after => after,
            },
        };
        let to = match upper {
            Bound::Unbounded => successor(encode(None)?),
            Bound::Included(value) => successor(encode(Some(value))?),
            Bound::Excluded(value) => Some(encode(Some(value))?),
        };
        let key = |bytes: Vec<u8>| Key::Bytes(bytes.into());
        Ok(KeyRange { from: from.map(key), to: to.map(key) })
    }

    /// What keys begin with whose first columns are `values`: columns are encoded one after the other.
    fn encode_first(&self, values: &[ArrayRef]) -> Result<Vec<u8>> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let fields = self.types.iter().take(values.len()).cloned().map(SortField::new).collect();
        RowConverter::new(fields)
            .and_then(|converter| converter.convert_columns(values))
            .map(|rows| rows.row(0).data().to_vec())
            .map_err(|error| from_arrow(error, "encoding a key"))
    }
}

/// The range of keys that are one number.
fn number_range(equal: Option<&ArrayRef>, lower: Bound<&ArrayRef>, upper: Bound<&ArrayRef>) -> KeyRange {
    let number = |value: &ArrayRef| numbers(value)[0];
    let (lower, upper) = match equal {
        Some(value) => (Bound::Included(value), Bound::Included(value)),
        None => (lower, upper),
    };
    let from = match lower {
        Bound::Unbounded => None,
        Bound::Included(value) => Some(number(value)),
        Bound::Excluded(value) => match number(value).checked_add(1) {
            None => return nothing(Key::Number(0)),
            after => after,
        },
    };
    let to = match upper {
        Bound::Unbounded => None,
        Bound::Included(value) => number(value).checked_add(1),
        Bound::Excluded(value) => Some(number(value)),
    };
    KeyRange { from: from.map(Key::Number), to: to.map(Key::Number) }
}

/// No keys: those below the least.
fn nothing(least: Key) -> KeyRange {
    KeyRange { from: None, to: Some(least) }
}

/// The least byte string above all that begin with `bytes`; `None` when there is none.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while bytes.last() == Some(&u8::MAX) {
        bytes.pop();
    }
    *bytes.last_mut()? += 1;
    Some(bytes)
}

impl Lookup<'_> {
    /// How many rows have keys in `ranges`, deleted ones too; `None` when a segment has no part of the index.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a key run is not what was written.
    /// Cost: two lookups per range and segment.
    pub fn count(&self, ranges: &[KeyRange]) -> Result<Option<u64>> {
        let mut count = 0;
        let is_complete = self.each(ranges, |_, rows| count += rows.len() as u64)?;
        Ok(is_complete.then_some(count))
    }

    /// Whether the rows that have keys in each of `ranges` lie together in each segment, as far as some of them tell: zone maps
    /// find such rows too.
    ///
    /// # Errors
    /// As [`Self::count`].
    /// Cost: as [`Self::count`].
    pub fn lie_together(&self, ranges: &[KeyRange]) -> Result<bool> {
        let mut together = true;
        self.each(ranges, |_, rows| together &= rows.lie_together())?;
        Ok(together)
    }

    /// The rows that have keys in `ranges`, deleted ones too; `None` when a segment has no part of the index.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn rows(&self, ranges: &[KeyRange]) -> Result<Option<RowSet>> {
        let mut set = RowSet::default();
        let is_complete = self.each(ranges, |first, rows| match first.place() {
            _ if rows.is_empty() => {}
            Place::Segment(segment, _) => rows.add_to(set.segments.entry(segment).or_default()),
            Place::Hot(number) => set.hot.extend(rows.iter().map(|row| number + u64::from(row))),
        })?;
        Ok(is_complete.then_some(set))
    }

    /// Gives the rows of each part of the index that are in `ranges`, as distances from an address; whether all were.
    fn each(&self, ranges: &[KeyRange], mut take: impl FnMut(RowAddress, Positions<'_>)) -> Result<bool> {
        if self.runs.len() < self.version.segments.len() {
            return Ok(false);
        }
        for range in ranges {
            let from = range.from.as_ref().map(Key::borrow);
            let to: Option<KeyRef<'_>> = range.to.as_ref().map(Key::borrow);
            for (live, run) in &self.runs {
                take(RowAddress::of_segment(live.segment.id()), run.range(from, to)?);
            }
            for (chunk, sorted) in self.version.hot.sorted(self.index) {
                let rows = Positions::Listed(&sorted.rows()[sorted.range(from, to)]);
                take(RowAddress::of_hot(chunk.first_row), rows);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    use crate::definition::{Column, Table};
    use crate::ids::{ColumnId, TableId};
    use crate::key::{KeyColumns, PRIMARY, SortedKeys};

    fn table() -> Table {
        let column = |id: u32, data_type| Column {
            id: ColumnId(id),
            name: format!("column {id}"),
            data_type,
            nullable: true,
            default: None,
            missing: None,
            metadata: Default::default(),
        };
        Table {
            id: TableId(1),
            schema: "main".into(),
            name: "t".into(),
            columns: vec![column(0, DataType::Int32), column(1, DataType::Utf8)],
            next_column: 2,
            primary_key: Vec::new(),
            checks: Vec::new(),
        }
    }

    const NUMBERS: [Option<i32>; 9] =
        [Some(i32::MIN), Some(-1), Some(0), Some(5), Some(5), Some(5), Some(5), Some(i32::MAX), None];
    const TEXTS: [&str; 9] = ["", "a", "\u{10ffff}", "", "a", "aa", "b", "z", "z"];

    /// A range of keys over `columns` has the rows that `is_in` tells of.
    fn check(
        columns: &[u32],
        equal: &[ArrayRef],
        (lower, upper): (Bound<&ArrayRef>, Bound<&ArrayRef>),
        is_in: impl Fn(i32, &str) -> bool,
    ) {
        let ids: Vec<ColumnId> = columns.iter().map(|id| ColumnId(*id)).collect();
        let columns = KeyColumns::new(&table(), PRIMARY, &ids, false).expect("a key");
        let schema = Schema::new(vec![
            Field::new("c0", DataType::Int32, true),
            Field::new("c1", DataType::Utf8, true),
        ]);
        let values: Vec<ArrayRef> =
            vec![Arc::new(Int32Array::from(NUMBERS.to_vec())), Arc::new(StringArray::from(TEXTS.to_vec()))];
        let batch = RecordBatch::try_new(Arc::new(schema), values).expect("it fits");
        let sorted = SortedKeys::sort(&[columns.keys(&batch).expect("keys")]);
        let range = columns.range(equal, lower, upper).expect("a range");
        let from = range.from.as_ref().map(super::Key::borrow);
        let to = range.to.as_ref().map(super::Key::borrow);
        let mut rows = sorted.rows()[sorted.range(from, to)].to_vec();
        rows.sort_unstable();
        let wanted = (0..9u32)
            .filter(|row| NUMBERS[*row as usize].is_some_and(|number| is_in(number, TEXTS[*row as usize])));
        assert_eq!(rows, wanted.collect::<Vec<_>>(), "{lower:?} {upper:?}");
    }

    #[test]
    fn ranges_have_the_rows_that_comparisons_have() {
        let number = |value: i32| Arc::new(Int32Array::from(vec![value])) as ArrayRef;
        let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
        for bound in [i32::MIN, -1, 0, 4, 5, 6, i32::MAX] {
            let value = number(bound);
            let all = Bound::Unbounded;
            check(&[0], &[], (Bound::Included(&value), all), |n, _| n >= bound);
            check(&[0], &[], (Bound::Excluded(&value), all), |n, _| n > bound);
            check(&[0], &[], (all, Bound::Included(&value)), |n, _| n <= bound);
            check(&[0], &[], (all, Bound::Excluded(&value)), |n, _| n < bound);
            check(&[0], &[number(bound)], (all, all), |n, _| n == bound);
            check(&[0, 1], &[number(bound)], (all, all), |n, _| n == bound);
            check(&[0, 1], &[], (Bound::Excluded(&value), Bound::Included(&number(5))), |n, _| {
                n > bound && n <= 5
            });
        }
        for bound in ["", "a", "aa", "b", "c", "\u{10ffff}"] {
            let value = text(bound);
            let all = Bound::Unbounded;
            let five = [number(5)];
            check(&[0, 1], &five, (Bound::Included(&value), all), |n, t| n == 5 && t >= bound);
            check(&[0, 1], &five, (Bound::Excluded(&value), all), |n, t| n == 5 && t > bound);
            check(&[0, 1], &five, (all, Bound::Included(&value)), |n, t| n == 5 && t <= bound);
            check(&[0, 1], &five, (all, Bound::Excluded(&value)), |n, t| n == 5 && t < bound);
            check(&[0, 1], &[number(5), text(bound)], (all, all), |n, t| n == 5 && t == bound);
        }
    }
}
