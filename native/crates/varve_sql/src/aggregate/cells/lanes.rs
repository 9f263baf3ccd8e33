//! How the values of rows come into the cells of their groups.
//!
//! A column's values are made words first, its lane: narrower numbers are widened, and NULL becomes what changes no cell. Then
//! cells that lie side by side and are changed alike take a row's words in one step.

use std::cell::Cell;
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use datafusion::common::{DataFusionError, Result};

use crate::sums::overflow;

/// Rows that are added to all cells before the next ones are: what they touch stays in a core's first cache.
pub(super) const ROWS_AT_ONCE: usize = 512;

/// Cells that take a row in one step.
const LANES: usize = 4;

/// How values come into a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Of whole numbers with a sign.
    Sum,
    SumOfUnsigned,
    SumOfFloats,
    /// Of whole numbers of 64 bits with a sign, or narrower ones.
    Least,
    Greatest,
}

impl Step {
    /// The word of a group without rows.
    pub(super) fn first(self) -> u64 {
        match self {
            Self::Sum | Self::SumOfUnsigned | Self::SumOfFloats => 0,
            Self::Least => i64::MAX as u64,
            Self::Greatest => i64::MIN as u64,
        }
    }

    /// A word that changes none.
    fn neutral(self) -> u64 {
        match self {
            // Added to 0.0, the other zero makes it no other.
            Self::SumOfFloats => (-0.0_f64).to_bits(),
            other => other.first(),
        }
    }

    /// The word of two groups that become one.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub(super) fn of_both(self, one: u64, other: u64) -> Result<u64> {
        let (word, is_beyond) = self.taken(one, other);
        if is_beyond { Err(self.beyond()) } else { Ok(word) }
    }

    /// `word` when `other` has come into it, and whether that is a sum that does not fit.
    #[inline(always)]
    fn taken(self, word: u64, other: u64) -> (u64, bool) {
        match self {
            Self::Sum => {
                let (sum, is_beyond) = (word as i64).overflowing_add(other as i64);
                (sum as u64, is_beyond)
            }
            Self::SumOfUnsigned => word.overflowing_add(other),
            Self::SumOfFloats => ((f64::from_bits(word) + f64::from_bits(other)).to_bits(), false),
            Self::Least => ((word as i64).min(other as i64) as u64, false),
            Self::Greatest => ((word as i64).max(other as i64) as u64, false),
        }
    }

    /// That a sum does not fit.
    fn beyond(self) -> DataFusionError {
        let data_type = if self == Self::SumOfUnsigned { DataType::UInt64 } else { DataType::Int64 };
        overflow(&data_type).into()
    }
}

/// Values of an argument, and which of them are NULL if some are.
pub(super) type Column<'c> = (&'c ArrayRef, Option<&'c NullBuffer>);

/// Room for the words of some rows.
#[derive(Default)]
pub(super) struct Lanes([Vec<u64>; LANES]);

impl Lanes {
    /// Adds `rows` of columns to cells that lie side by side in `words`, those of the first column at `starts`.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub(super) fn add(
        &mut self,
        columns: &[Column<'_>],
        rows: &Range<usize>,
        step: Step,
        starts: &[usize],
        words: &mut [u64],
    ) -> Result<()> {
        for (at, columns) in columns.chunks(LANES).enumerate() {
            let mut lanes: [&[u64]; LANES] = [&[]; LANES];
            for ((lane, room), (values, nulls)) in lanes.iter_mut().zip(&mut self.0).zip(columns) {
                *lane = words_of(values, *nulls, rows, step, room);
            }
            fold(&mut words[at * LANES..], starts, &lanes[..columns.len()], step, columns)?;
        }
        Ok(())
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.0.iter().map(|room| 8 * room.capacity()).sum()
    }
}

/// The words of `rows` of the values, in `room` where they are not there as they are.
fn words_of<'w>(
    values: &'w ArrayRef,
    nulls: Option<&NullBuffer>,
    rows: &Range<usize>,
    step: Step,
    room: &'w mut Vec<u64>,
) -> &'w [u64] {
    let words = as_words(values, step).map(|words| &words[rows.clone()]);
    if let (Some(words), None) = (words, nulls) {
        return words;
    }
    room.resize(rows.len(), 0);
    let nulls = nulls.map(|nulls| nulls.slice(rows.start, rows.len()));
    let (nulls, neutral) = (nulls.as_ref(), step.neutral());
    macro_rules! widen {
        ($($data_type:ident of $native:ident),+) => {
            match values.data_type() {
                DataType::Float32 => {
                    let values = &values.as_primitive::<Float32Type>().values()[rows.clone()];
                    write(room, values, nulls, neutral, |value| f64::from(value).to_bits());
                }
                $(DataType::$data_type => {
                    let values = &values.as_primitive::<$native>().values()[rows.clone()];
                    match step {
                        Step::SumOfFloats => write(room, values, nulls, neutral, |value| f64::from(value).to_bits()),
                        _ => write(room, values, nulls, neutral, |value| i64::from(value) as u64),
                    }
                })+
                other => unreachable!("{other} is not added"),
            }
        };
    }
    match words {
        Some(words) => write(room, words, nulls, neutral, |word| word),
        None => widen!(
            Int32 of Int32Type,
            Int16 of Int16Type,
            Int8 of Int8Type,
            UInt32 of UInt32Type,
            UInt16 of UInt16Type,
            UInt8 of UInt8Type
        ),
    }
    room
}

/// The values, if they are words as they are.
fn as_words(values: &ArrayRef, step: Step) -> Option<&[u64]> {
    let buffer = match (step, values.data_type()) {
        (Step::SumOfFloats, DataType::Float64) => values.as_primitive::<Float64Type>().values().inner(),
        (Step::SumOfFloats, _) => return None,
        (_, DataType::Int64) => values.as_primitive::<Int64Type>().values().inner(),
        (_, DataType::UInt64) => values.as_primitive::<UInt64Type>().values().inner(),
        _ => return None,
    };
    Some(buffer.typed_data())
}

fn write<N: Copy>(
    words: &mut [u64],
    values: &[N],
    nulls: Option<&NullBuffer>,
    neutral: u64,
    convert: impl Fn(N) -> u64,
) {
    let words = words.iter_mut().zip(values);
    match nulls {
        None => words.for_each(|(word, value)| *word = convert(*value)),
        Some(nulls) => words
            .zip(nulls)
            .for_each(|((word, value), is_valid)| *word = if is_valid { convert(*value) } else { neutral }),
    }
}

/// Adds lanes, which are of `columns`, to the cells from those at `starts` on.
fn fold(
    words: &mut [u64],
    starts: &[usize],
    lanes: &[&[u64]],
    step: Step,
    columns: &[Column<'_>],
) -> Result<()> {
    // Sums of narrower numbers than these fit, of however many rows.
    let may_overflow =
        columns.iter().any(|(values, _)| matches!(values.data_type(), DataType::Int64 | DataType::UInt64));
    let is_beyond = Cell::new(false);
    let noted = |(word, overflows)| {
        is_beyond.set(is_beyond.get() | overflows);
        word
    };
    // Each step is known where its loop is compiled.
    use Step::{Greatest, Least, Sum, SumOfFloats, SumOfUnsigned};
    match step {
        Sum if may_overflow => each_row(words, starts, lanes, |word, other| noted(Sum.taken(word, other))),
        SumOfUnsigned if may_overflow => {
            each_row(words, starts, lanes, |word, other| noted(SumOfUnsigned.taken(word, other)));
        }
        Sum | SumOfUnsigned => each_row(words, starts, lanes, |word, other| Sum.taken(word, other).0),
        SumOfFloats => each_row(words, starts, lanes, |word, other| SumOfFloats.taken(word, other).0),
        Least => each_row(words, starts, lanes, |word, other| Least.taken(word, other).0),
        Greatest => each_row(words, starts, lanes, |word, other| Greatest.taken(word, other).0),
    }
    if is_beyond.get() { Err(step.beyond()) } else { Ok(()) }
}

fn each_row(words: &mut [u64], starts: &[usize], lanes: &[&[u64]], step: impl Fn(u64, u64) -> u64) {
    match *lanes {
        [one] => side_by_side(words, starts, [one], step),
        [one, two] => side_by_side(words, starts, [one, two], step),
        [one, two, three] => side_by_side(words, starts, [one, two, three], step),
        [one, two, three, four] => side_by_side(words, starts, [one, two, three, four], step),
        _ => unreachable!("there are {LANES} lanes at most"),
    }
}

fn side_by_side<const COUNT: usize>(
    words: &mut [u64],
    starts: &[usize],
    lanes: [&[u64]; COUNT],
    step: impl Fn(u64, u64) -> u64,
) {
    let lanes = lanes.map(|lane| &lane[..starts.len()]);
    for (row, start) in starts.iter().enumerate() {
        let cells = &mut words[*start..][..COUNT];
        for (cell, lane) in cells.iter_mut().zip(lanes) {
            *cell = step(*cell, lane[row]);
        }
    }
}
