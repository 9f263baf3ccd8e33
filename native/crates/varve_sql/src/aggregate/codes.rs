//! Small numbers for the values of a key column.
//!
//! Whole numbers that lie close together are their own code, less the smallest; strings that come as a dictionary have the
//! code of their dictionary entry, which is looked up once per dictionary and not once per row. Code 0 is NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, PrimitiveArray, StringViewArray,
    UInt32Array,
};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type,
};
use datafusion::common::Result;
use datafusion::physical_expr_common::binary_map::OutputType;
use datafusion::physical_expr_common::binary_view_map::ArrowBytesViewMap;

/// What a batch needs of the codes of a column.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// One more than the greatest code that there must be room for; a power of two, or `usize::MAX`.
    pub(super) room: usize,
    /// The number with code 1.
    first: i64,
}

/// The codes of one key column.
pub(super) enum Codes {
    Integers(Integers),
    Strings(Strings),
}

impl Codes {
    /// For a key of this type; `None` when its values have no codes.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8View => Some(Self::Strings(Strings::default())),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::Date32 => Some(Self::Integers(Integers::new(data_type.clone()))),
            _ => None,
        }
    }

    /// One more than the greatest code that there is room for, a power of two; it only grows.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Integers(codes) => codes.room,
            Self::Strings(codes) => (codes.texts.count as usize + 1).next_power_of_two(),
        }
    }

    /// What the values of `column` need; codes of before mean the same until it is applied.
    pub(super) fn plan(&mut self, column: &ArrayRef) -> Plan {
        match self {
            Self::Integers(codes) => codes.plan(column),
            Self::Strings(codes) => {
                codes.prepare(column);
                Plan { room: self.room(), first: 0 }
            }
        }
    }

    /// Takes what was planned; by how much codes of before, but NULL's, are greater now.
    pub(super) fn apply(&mut self, plan: Plan) -> u32 {
        match self {
            Self::Integers(codes) => codes.apply(plan),
            Self::Strings(_) => 0,
        }
    }

    /// `into[row] = into[row] * room + code`, where `bits` is the room's logarithm; what the column needs was applied.
    pub(super) fn add_to(&self, column: &ArrayRef, bits: u32, into: &mut [u32]) {
        match self {
            Self::Integers(codes) => codes.add_to(column, bits, into),
            Self::Strings(codes) => codes.add_to(column, bits, into),
        }
    }

    /// The values of `codes`, as an array.
    pub(super) fn into_values(self, codes: impl Iterator<Item = u32>) -> Result<ArrayRef> {
        match self {
            Self::Integers(own) => own.into_values(codes),
            Self::Strings(own) => own.into_values(codes),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Self::Integers(_) => 0,
            Self::Strings(codes) => codes.texts.size(),
        }
    }
}

/// Runs `$call` with `$native` as the primitive type of `$data_type`.
macro_rules! each_integer {
    ($data_type:expr, $native:ident => $call:expr) => {
        match $data_type {
            DataType::Int8 => {
                type $native = Int8Type;
                $call
            }
            DataType::Int16 => {
                type $native = Int16Type;
                $call
            }
            DataType::Int32 => {
                type $native = Int32Type;
                $call
            }
            DataType::Int64 => {
                type $native = Int64Type;
                $call
            }
            DataType::UInt8 => {
                type $native = UInt8Type;
                $call
            }
            DataType::UInt16 => {
                type $native = UInt16Type;
                $call
            }
            DataType::UInt32 => {
                type $native = UInt32Type;
                $call
            }
            DataType::Date32 => {
                type $native = Date32Type;
                $call
            }
            other => unreachable!("{other} has no codes"),
        }
    };
}

/// Whole numbers.
pub(super) struct Integers {
    data_type: DataType,
    /// The number with code 1.
    first: i64,
    room: usize,
}

impl Integers {
    fn new(data_type: DataType) -> Self {
        Self { data_type, first: 0, room: 1 }
    }

    fn plan(&self, column: &ArrayRef) -> Plan {
        let ends = each_integer!(&self.data_type, T => ends::<T>(column.as_primitive::<T>()));
        let Some((least, greatest)) = ends else { return Plan { room: self.room, first: self.first } };
        let (first, last) = if self.room == 1 {
            (least, greatest)
        } else {
            (least.min(self.first), greatest.max(self.first.saturating_add(self.room as i64 - 2)))
        };
        let room = last
            .checked_sub(first)
            .and_then(|span| usize::try_from(span).ok()?.checked_add(2)?.checked_next_power_of_two());
        Plan { room: room.unwrap_or(usize::MAX), first }
    }

    fn apply(&mut self, plan: Plan) -> u32 {
        let shift = if self.room > 1 { (self.first - plan.first) as u32 } else { 0 };
        (self.first, self.room) = (plan.first, plan.room);
        shift
    }

    fn add_to(&self, column: &ArrayRef, bits: u32, into: &mut [u32]) {
        each_integer!(&self.data_type, T => {
            let values = column.as_primitive::<T>();
            let before_first = self.first.wrapping_sub(1);
            match values.nulls().filter(|nulls| nulls.null_count() > 0) {
                None => {
                    for (into, value) in into.iter_mut().zip(values.values()) {
                        *into = (*into << bits).wrapping_add(wide::<T>(*value).wrapping_sub(before_first) as u32);
                    }
                }
                Some(nulls) => {
                    for ((into, value), is_valid) in into.iter_mut().zip(values.values()).zip(nulls) {
                        let code = if is_valid { wide::<T>(*value).wrapping_sub(before_first) as u32 } else { 0 };
                        *into = (*into << bits).wrapping_add(code);
                    }
                }
            }
        });
    }

    fn into_values(self, codes: impl Iterator<Item = u32>) -> Result<ArrayRef> {
        let before_first = self.first.wrapping_sub(1);
        let numbers = codes.map(|code| (code > 0).then(|| before_first.wrapping_add(i64::from(code))));
        let numbers = numbers.collect::<PrimitiveArray<Int64Type>>();
        Ok(cast(&numbers, &self.data_type)?)
    }
}

/// The least and the greatest value; `None` when all are NULL.
fn ends<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>) -> Option<(i64, i64)>
where
    T::Native: Ord,
{
    if values.null_count() > 0 {
        let valid = || values.iter().flatten();
        return Some((wide::<T>(valid().min()?), wide::<T>(valid().max()?)));
    }
    let first = *values.values().first()?;
    let (mut least, mut greatest) = (first, first);
    for value in values.values() {
        least = least.min(*value);
        greatest = greatest.max(*value);
    }
    Some((wide::<T>(least), wide::<T>(greatest)))
}

/// The number as 64 bits; all types that have codes fit.
#[inline(always)]
fn wide<T: ArrowPrimitiveType>(value: T::Native) -> i64 {
    value.to_i64().unwrap_or_default()
}

/// Strings.
#[derive(Default)]
pub(super) struct Strings {
    texts: Texts,
    /// The dictionary that came last, and the code of each of its entries.
    last: LastDictionary,
}

impl Strings {
    fn prepare(&mut self, column: &ArrayRef) {
        self.last.prepare(column, |values| self.texts.codes_of(values));
    }

    fn add_to(&self, column: &ArrayRef, bits: u32, into: &mut [u32]) {
        let add = |into: &mut u32, code| *into = (*into << bits).wrapping_add(code);
        self.last.each(column, into.iter_mut(), add);
    }

    fn into_values(mut self, codes: impl Iterator<Item = u32>) -> Result<ArrayRef> {
        let places: UInt32Array = codes.map(|code| code.checked_sub(1)).collect();
        Ok(take(&self.texts.take(), &places, None)?)
    }
}

/// Texts and their codes, from 1 upwards.
pub(super) struct Texts {
    codes: Box<ArrowBytesViewMap<u32>>,
    /// How many there are; the greatest code.
    count: u32,
}

impl Default for Texts {
    fn default() -> Self {
        Self { codes: Box::new(ArrowBytesViewMap::new(OutputType::Utf8View)), count: 0 }
    }
}

impl Texts {
    /// The code of each entry of a dictionary's values, which are `Utf8View`.
    pub(super) fn codes_of(&mut self, values: &ArrayRef) -> Vec<u32> {
        let mut codes = Vec::with_capacity(values.len());
        let next = |_: Option<&[u8]>| {
            self.count += 1;
            self.count
        };
        self.codes.insert_if_new(values, next, |code| codes.push(code));
        // NULL got a code too, like a text.
        if let Some(nulls) = values.nulls() {
            for (code, _) in codes.iter_mut().zip(nulls).filter(|(_, is_valid)| !is_valid) {
                *code = 0;
            }
        }
        codes
    }

    /// All texts in the order of their codes; none are left.
    pub(super) fn take(&mut self) -> ArrayRef {
        std::mem::take(self).codes.into_state()
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.codes.size()
    }
}

/// A dictionary and the code of each of its entries: chunks of a column share theirs, so it is looked up once.
#[derive(Default)]
pub(super) struct LastDictionary(Option<(ArrayRef, Vec<u32>)>);

impl LastDictionary {
    /// Makes the dictionary of `column` the last one.
    pub(super) fn prepare(&mut self, column: &ArrayRef, codes_of: impl FnOnce(&ArrayRef) -> Vec<u32>) {
        let values = column.as_any_dictionary().values();
        if self.0.as_ref().is_none_or(|(last, _)| !is_same(last, values)) {
            self.0 = Some((Arc::clone(values), codes_of(values)));
        }
    }

    /// Calls `take` with the code of each row of `column`, whose dictionary is the last one; 0 is NULL.
    pub(super) fn each<T>(&self, column: &ArrayRef, into: impl Iterator<Item = T>, take: impl FnMut(T, u32)) {
        let Some((_, codes)) = &self.0 else { return };
        match column.data_type() {
            DataType::Dictionary(keys, _) => match keys.as_ref() {
                DataType::UInt8 => each_entry::<UInt8Type, T>(column.as_dictionary(), codes, into, take),
                DataType::UInt16 => each_entry::<UInt16Type, T>(column.as_dictionary(), codes, into, take),
                _ => each_entry::<UInt32Type, T>(column.as_dictionary(), codes, into, take),
            },
            other => unreachable!("{other} is no dictionary"),
        }
    }
}

fn each_entry<K: ArrowDictionaryKeyType, T>(
    column: &DictionaryArray<K>,
    codes: &[u32],
    into: impl Iterator<Item = T>,
    mut take: impl FnMut(T, u32),
) {
    let keys = column.keys();
    let rows = keys.values().iter().zip(into);
    match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => rows.for_each(|(key, into)| take(into, codes[key.as_usize()])),
        // A key of a NULL may be anything.
        Some(nulls) => rows.zip(nulls).for_each(|((key, into), is_valid)| {
            take(into, if is_valid { codes[key.as_usize()] } else { 0 });
        }),
    }
}

/// Whether two dictionaries are the same memory: chunks of a column share theirs.
fn is_same(left: &ArrayRef, right: &ArrayRef) -> bool {
    let views = |array: &StringViewArray| (array.views().as_ptr(), array.len());
    match (left.as_string_view_opt(), right.as_string_view_opt()) {
        (Some(left), Some(right)) => views(left) == views(right),
        _ => false,
    }
}
