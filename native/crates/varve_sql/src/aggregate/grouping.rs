//! Groups by position: the codes of a row's key columns, taken together, are a place in a table of group numbers.
//!
//! Nothing is hashed and nothing compared. The table has room for all combinations, so it serves keys with few of them; when
//! they become too many, [`Grouping::add`] says so, and whoever groups goes on in another way.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::codes::{Codes, Plan};

/// The table has room for so many combinations: 8 MB, about what a core's caches hold.
pub(super) const TABLE_ROOM_MAX: usize = 1 << 21;

/// No group yet.
const NONE: u32 = u32::MAX;

/// Numbers the groups of rows from 0 upwards, as they come.
pub(super) struct Grouping {
    columns: Vec<Codes>,
    /// The room of each column when the table was made.
    rooms: Vec<usize>,
    table: Vec<u32>,
    /// The place of each group in the table.
    places: Vec<u32>,
    scratch: Vec<u32>,
}

/// The keys have too many combinations.
pub(super) struct TooMany;

impl Grouping {
    /// For keys of these types; `None` when some type has no codes.
    pub(super) fn new<'t>(types: impl Iterator<Item = &'t DataType>) -> Option<Self> {
        let columns: Vec<Codes> = types.map(Codes::of).collect::<Option<_>>()?;
        let rooms = columns.iter().map(Codes::room).collect();
        Some(Self { columns, rooms, table: vec![NONE], places: Vec::new(), scratch: Vec::new() })
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        let words = self.table.len() + self.places.capacity() + self.scratch.capacity();
        4 * words + self.columns.iter().map(Codes::size).sum::<usize>()
    }

    /// The group of each row; nothing is changed when there are too many combinations.
    pub(super) fn add(&mut self, keys: &[ArrayRef], groups: &mut Vec<usize>) -> Result<(), TooMany> {
        let rows = keys.first().map_or(0, |key| key.len());
        let plans: Vec<Plan> =
            self.columns.iter_mut().zip(keys).map(|(codes, key)| codes.plan(key)).collect();
        if plans.iter().fold(1usize, |product, plan| product.saturating_mul(plan.room)) > TABLE_ROOM_MAX {
            return Err(TooMany);
        }
        self.make_table(&plans);
        self.scratch.clear();
        self.scratch.resize(rows, 0);
        for (codes, key) in self.columns.iter().zip(keys) {
            codes.add_to(key, codes.room().ilog2(), &mut self.scratch);
        }
        // A slice, so that where it lies is not looked up for every row.
        let (table, places) = (self.table.as_mut_slice(), &mut self.places);
        groups.clear();
        groups.extend(self.scratch.iter().map(|place| {
            let group = &mut table[*place as usize];
            if *group == NONE {
                *group = next(places, *place);
            }
            *group as usize
        }));
        Ok(())
    }

    /// The keys of all groups in the order of their numbers, an array per column.
    pub(super) fn into_keys(self) -> Result<Vec<ArrayRef>> {
        // Rooms are powers of two.
        let mut below: u32 = self.rooms.iter().map(|room| room.ilog2()).sum();
        let columns = self.columns.into_iter().zip(&self.rooms).map(|(codes, room)| {
            below -= room.ilog2();
            let (below, mask) = (below, *room as u32 - 1);
            codes.into_values(self.places.iter().map(move |place| place >> below & mask))
        });
        columns.collect()
    }

    /// Lays the table out anew when columns need more room or other codes than before.
    fn make_table(&mut self, plans: &[Plan]) {
        let shifts: Vec<u32> =
            self.columns.iter_mut().zip(plans).map(|(codes, plan)| codes.apply(*plan)).collect();
        let rooms: Vec<usize> = plans.iter().map(|plan| plan.room).collect();
        if rooms == self.rooms && shifts.iter().all(|shift| *shift == 0) {
            return;
        }
        let mut codes = vec![0; rooms.len()];
        for place in &mut self.places {
            let mut rest = *place;
            for (code, room) in codes.iter_mut().zip(&self.rooms).rev() {
                *code = rest % *room as u32;
                rest /= *room as u32;
            }
            *place = codes.iter().zip(&shifts).zip(&rooms).fold(0, |place, ((code, shift), room)| {
                // NULL stays NULL.
                place * *room as u32 + if *code == 0 { 0 } else { code + shift }
            });
        }
        self.table.clear();
        self.table.resize(rooms.iter().product(), NONE);
        for (group, place) in self.places.iter().enumerate() {
            self.table[*place as usize] = group as u32;
        }
        self.rooms = rooms;
    }
}

/// The number of a group that there was not before. Seldom called: kept out of the loop over rows.
#[cold]
fn next(places: &mut Vec<u32>, place: u32) -> u32 {
    places.push(place);
    places.len() as u32 - 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Array, ArrayRef, AsArray, Int32Array, Int64Array, StringViewArray, UInt32Array,
    };
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
    use proptest::prelude::*;

    use super::Grouping;

    /// The key of each row as it went in.
    type Key = (Option<i32>, Option<String>);

    fn arrays(rows: &[Key]) -> [ArrayRef; 2] {
        let numbers: Int32Array = rows.iter().map(|row| row.0).collect();
        let texts: StringViewArray = rows.iter().map(|row| row.1.as_deref()).collect();
        let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8View));
        [Arc::new(numbers), cast(&texts, &dictionary).expect("few texts")]
    }

    fn keys_of(grouping: Grouping) -> Vec<Key> {
        let groups = grouping.len();
        let keys = grouping.into_keys().expect("keys");
        let numbers = keys[0].as_primitive::<Int32Type>();
        let texts = keys[1].as_string_view();
        (0..groups)
            .map(|group| {
                let number = numbers.is_valid(group).then(|| numbers.value(group));
                (number, texts.is_valid(group).then(|| texts.value(group).to_owned()))
            })
            .collect()
    }

    proptest! {
        /// Over batches whose numbers spread ever wider, rows have the group of their key, and keys come out as they were.
        #[test]
        fn rows_of_one_key_are_one_group(batches in prop::collection::vec(
            prop::collection::vec((prop::option::of(-600i32..600), prop::option::of("[ab]{0,2}")), 0..60), 1..8)
        ) {
            let types = [DataType::Int32, DataType::Utf8View];
            let mut grouping = Grouping::new(types.iter()).expect("both have codes");
            let mut expected: HashMap<Key, usize> = HashMap::new();
            let mut groups = Vec::new();
            for rows in &batches {
                prop_assert!(grouping.add(&arrays(rows), &mut groups).is_ok());
                for (row, group) in rows.iter().zip(&groups) {
                    let next = expected.len();
                    prop_assert_eq!(*expected.entry(row.clone()).or_insert(next), *group);
                }
            }
            prop_assert_eq!(grouping.len(), expected.len());
            for (group, key) in keys_of(grouping).into_iter().enumerate() {
                prop_assert_eq!(expected.get(&key), Some(&group));
            }
        }
    }

    #[test]
    fn too_many_combinations_are_said_and_change_nothing() {
        let types = [DataType::Int32, DataType::UInt32];
        let mut grouping = Grouping::new(types.iter()).expect("both have codes");
        let key = |numbers: Vec<i32>, others: Vec<u32>| -> [ArrayRef; 2] {
            [Arc::new(Int32Array::from(numbers)), Arc::new(UInt32Array::from(others))]
        };
        let mut groups = Vec::new();
        assert!(grouping.add(&key(vec![5, 7, 5], vec![1, 1, 1]), &mut groups).is_ok());
        assert_eq!(groups, [0, 1, 0]);
        assert!(grouping.add(&key(vec![i32::MIN, i32::MAX], vec![0, u32::MAX]), &mut groups).is_err());
        assert!(grouping.add(&key(vec![-1_000, 1_000], vec![0, 10_000]), &mut groups).is_err());
        assert!(grouping.add(&key(vec![7, 6], vec![1, 1]), &mut groups).is_ok());
        assert_eq!(groups, [1, 2]);
        let keys = grouping.into_keys().expect("keys");
        assert_eq!(keys[0].as_primitive::<Int32Type>().values(), &[5, 7, 6]);
    }

    /// The greatest numbers have no successor, and the least no predecessor, that a code could be counted from.
    #[test]
    fn numbers_at_the_ends_of_their_type_are_keys() {
        for (first, second) in [(i64::MAX - 1, i64::MAX), (i64::MIN + 1, i64::MIN), (-70_000, -69_000)] {
            let mut grouping = Grouping::new([DataType::Int64].iter()).expect("it has codes");
            let mut groups = Vec::new();
            for number in [first, second, first] {
                let key: ArrayRef = Arc::new(Int64Array::from(vec![number]));
                assert!(grouping.add(&[key], &mut groups).is_ok());
            }
            assert_eq!(groups, [0]);
            let keys = grouping.into_keys().expect("keys");
            assert_eq!(keys[0].as_primitive::<Int64Type>().values(), &[first, second]);
        }
    }
}
