//! Keys as rows of 32-bit words, all of one width: which columns are NULL, then each column's value. Equal keys are equal
//! words, so rows are hashed and compared without knowing their types.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, UInt32Array, make_array};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{ArrowNativeType, DataType};
use datafusion::common::Result;
use parking_lot::Mutex;

use super::super::codes::{LastDictionary, Texts};

/// A word says which columns are NULL.
const COLUMNS_MAX: usize = 32;

/// How one column stands in a row.
enum Column {
    /// One word, that of a 32-bit type; smaller types are widened.
    Narrow(DataType),
    /// Two words.
    Wide(DataType),
    /// The code of a text, which all threads agree on.
    Text(Mutex<Texts>),
}

impl Column {
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8View => Some(Self::Text(Mutex::default())),
            DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::UInt8
            | DataType::UInt16
            | DataType::Int32
            | DataType::UInt32
            | DataType::Date32
            | DataType::Time32(_) => Some(Self::Narrow(data_type.clone())),
            DataType::Int64
            | DataType::UInt64
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_) => Some(Self::Wide(data_type.clone())),
            _ => None,
        }
    }

    fn words(&self) -> usize {
        if matches!(self, Self::Wide(_)) { 2 } else { 1 }
    }
}

/// How keys stand in rows.
pub(in crate::aggregate) struct Layout {
    columns: Vec<Column>,
    width: usize,
}

impl Layout {
    /// For keys of these types; `None` when some type cannot stand in a row.
    pub(in crate::aggregate) fn new<'t>(types: impl Iterator<Item = &'t DataType>) -> Option<Self> {
        let columns: Vec<Column> = types.map(Column::of).collect::<Option<_>>()?;
        let width = 1 + columns.iter().map(Column::words).sum::<usize>();
        (columns.len() <= COLUMNS_MAX).then_some(Self { columns, width })
    }

    /// Words of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Bytes of the texts.
    pub(super) fn size(&self) -> usize {
        let texts = self.columns.iter().map(|column| match column {
            Column::Text(texts) => texts.lock().size(),
            _ => 0,
        });
        texts.sum()
    }

    /// What turns rows into columns again, once no rows are added any more; it takes the texts with it.
    pub(super) fn decoder(self: &Arc<Self>) -> Decoder {
        let texts = self.columns.iter().map(|column| match column {
            Column::Text(texts) => Some(texts.lock().take()),
            _ => None,
        });
        Decoder { layout: Arc::clone(self), texts: texts.collect() }
    }
}

/// Makes rows of one thread's batches.
pub(super) struct Encoder {
    layout: Arc<Layout>,
    last: Vec<LastDictionary>,
}

impl Encoder {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        let last = layout.columns.iter().map(|_| LastDictionary::default()).collect();
        Self { layout, last }
    }

    /// Adds the rows of a batch; texts come as dictionaries.
    pub(super) fn encode(&mut self, keys: &[ArrayRef], rows: &mut Vec<u32>) -> Result<()> {
        let width = self.layout.width;
        let before = rows.len();
        rows.resize(before + keys.first().map_or(0, |key| key.len()) * width, 0);
        let rows = &mut rows[before..];
        let mut at = 1;
        for (i, (column, key)) in self.layout.columns.iter().zip(keys).enumerate() {
            match column {
                Column::Narrow(_) => {
                    let (nulls, words) = narrow(key)?;
                    put(rows, width, nulls.as_ref(), i, words.iter().copied(), |row, word| row[at] = word);
                }
                Column::Wide(_) => {
                    let words = raw::<u64>(key);
                    put(rows, width, key.nulls(), i, words.iter().copied(), |row, word: u64| {
                        (row[at], row[at + 1]) = (word as u32, (word >> 32) as u32);
                    });
                }
                Column::Text(texts) => {
                    self.last[i].prepare(key, |values| texts.lock().codes_of(values));
                    self.last[i].each(key, rows.chunks_exact_mut(width), |row, code| {
                        row[0] |= u32::from(code == 0) << i;
                        row[at] = code;
                    });
                }
            }
            at += column.words();
        }
        Ok(())
    }
}

/// Writes a column's words into the rows; those of NULL stay 0.
fn put<W>(
    rows: &mut [u32],
    width: usize,
    nulls: Option<&NullBuffer>,
    column: usize,
    words: impl Iterator<Item = W>,
    write: impl Fn(&mut [u32], W),
) {
    let rows = rows.chunks_exact_mut(width).zip(words);
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => rows.for_each(|(row, word)| write(row, word)),
        Some(nulls) => {
            for ((row, word), is_valid) in rows.zip(nulls) {
                if is_valid {
                    write(row, word);
                } else {
                    row[0] |= 1 << column;
                }
            }
        }
    }
}

/// A narrow column's words.
fn narrow(key: &ArrayRef) -> Result<(Option<NullBuffer>, ScalarBuffer<u32>)> {
    let is_small = key.data_type().primitive_width().is_none_or(|bytes| bytes < 4);
    let words = if is_small { raw(&cast(key, &DataType::Int32)?) } else { raw(key) };
    Ok((key.nulls().cloned(), words))
}

/// The values of a primitive array as they lie in memory.
fn raw<N: ArrowNativeType>(array: &ArrayRef) -> ScalarBuffer<N> {
    let data = array.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

/// Makes columns of rows.
pub(super) struct Decoder {
    layout: Arc<Layout>,
    texts: Vec<Option<ArrayRef>>,
}

impl Decoder {
    /// The columns of these rows.
    pub(super) fn columns(&self, rows: &[u32]) -> Result<Vec<ArrayRef>> {
        let each = || rows.chunks_exact(self.layout.width);
        let nulls_somewhere = each().fold(0, |nulls, row| nulls | row[0]);
        let mut at = 1;
        let mut columns = Vec::with_capacity(self.layout.columns.len());
        for (i, column) in self.layout.columns.iter().enumerate() {
            let has_nulls = nulls_somewhere >> i & 1 == 1;
            let valid = has_nulls.then(|| each().map(|row| row[0] >> i & 1 == 0).collect::<BooleanBuffer>());
            let nulls = valid.map(NullBuffer::new);
            columns.push(match (column, &self.texts[i]) {
                (Column::Text(_), Some(texts)) => {
                    let places = each().map(|row| row[at].saturating_sub(1)).collect::<Vec<_>>();
                    take(texts, &UInt32Array::new(places.into(), nulls), None)?
                }
                (Column::Narrow(data_type), _) => {
                    let is_small = data_type.primitive_width().is_none_or(|bytes| bytes < 4);
                    let stored = if is_small { &DataType::Int32 } else { data_type };
                    let words = Buffer::from_vec(each().map(|row| row[at]).collect::<Vec<_>>());
                    let array = primitive(stored, words, nulls)?;
                    if is_small { cast(&array, data_type)? } else { array }
                }
                (Column::Wide(data_type), _) => {
                    let words = each().map(|row| u64::from(row[at]) | u64::from(row[at + 1]) << 32);
                    primitive(data_type, Buffer::from_vec(words.collect::<Vec<_>>()), nulls)?
                }
                (Column::Text(_), None) => unreachable!("a decoder has all texts"),
            });
            at += column.words();
        }
        Ok(columns)
    }
}

fn primitive(data_type: &DataType, values: Buffer, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let bytes = data_type.primitive_width().unwrap_or(1);
    let data = ArrayData::builder(data_type.clone())
        .len(values.len() / bytes)
        .add_buffer(values)
        .nulls(nulls)
        .build()?;
    Ok(make_array(data))
}

/// Gives `$each` the rows of `$width` words. How long they are, the compiler knows for the usual widths, so that a row is
/// copied, compared and hashed without a loop.
macro_rules! with_rows {
    ($rows:expr, $width:expr, $each:expr $(, $argument:expr)*) => {
        match $width {
            2 => $each($rows.as_chunks::<2>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            3 => $each($rows.as_chunks::<3>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            4 => $each($rows.as_chunks::<4>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            5 => $each($rows.as_chunks::<5>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            6 => $each($rows.as_chunks::<6>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            7 => $each($rows.as_chunks::<7>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            8 => $each($rows.as_chunks::<8>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            9 => $each($rows.as_chunks::<9>().0.iter().map(|row| row.as_slice()) $(, $argument)*),
            width => $each($rows.chunks_exact(width) $(, $argument)*),
        }
    };
}
pub(super) use with_rows;

/// Hashes rows; `seed` makes it another hash for every query, so that nobody can prepare keys that collide.
pub(super) fn hash_rows(rows: &[u32], width: usize, seed: u64, into: &mut Vec<u64>) {
    fn of<'r>(rows: impl Iterator<Item = &'r [u32]>, seed: u64, into: &mut Vec<u64>) {
        into.extend(rows.map(|row| {
            let words = row.chunks(2).map(|pair| match pair {
                [low, high] => u64::from(*low) | u64::from(*high) << 32,
                _ => u64::from(pair[0]),
            });
            mix(words.fold(seed, |hash, word| mix(hash ^ word, 0x9e37_79b9_7f4a_7c15)), seed | 1)
        }));
    }
    into.clear();
    into.reserve(rows.len() / width);
    with_rows!(rows, width, of, seed, into);
}

/// The two halves of a product, folded.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int8Array, Int64Array, StringViewArray};
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::DataType;
    use proptest::prelude::*;

    use super::super::table::RowTable;
    use super::{Encoder, Layout, hash_rows};

    type Key = (Option<i8>, Option<i64>, Option<String>, Option<bool>);

    fn arrays(keys: &[Key]) -> [ArrayRef; 4] {
        let texts: StringViewArray = keys.iter().map(|key| key.2.as_deref()).collect();
        let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8View));
        [
            Arc::new(keys.iter().map(|key| key.0).collect::<Int8Array>()),
            Arc::new(keys.iter().map(|key| key.1).collect::<Int64Array>()),
            cast(&texts, &dictionary).expect("few texts"),
            Arc::new(keys.iter().map(|key| key.3).collect::<BooleanArray>()),
        ]
    }

    proptest! {
        /// Rows of one key are one group, whatever thread made them, and come out as the keys they were.
        #[test]
        fn keys_come_out_as_they_went_in(batches in prop::collection::vec(
            prop::collection::vec(
                (
                    prop::option::of(any::<i8>()),
                    prop::option::of(prop_oneof![Just(i64::MIN), Just(-1), Just(0), any::<i64>()]),
                    prop::option::of("[a-z]{0,14}"),
                    prop::option::of(any::<bool>()),
                ),
                1..80,
            ),
            1..6,
        ), seed: u64) {
            let types = [DataType::Int8, DataType::Int64, DataType::Utf8View, DataType::Boolean];
            let layout = Arc::new(Layout::new(types.iter()).expect("all stand in rows"));
            let mut encoders = [Encoder::new(Arc::clone(&layout)), Encoder::new(Arc::clone(&layout))];
            let mut table = RowTable::new(layout.width(), 0);
            let mut expected: HashMap<Key, usize> = HashMap::new();
            let mut keys: Vec<Key> = Vec::new();
            let (mut hashes, mut groups) = (Vec::new(), Vec::new());
            for (i, batch) in batches.iter().enumerate() {
                let mut rows = Vec::new();
                encoders[i % 2].encode(&arrays(batch), &mut rows).expect("rows");
                hash_rows(&rows, layout.width(), seed, &mut hashes);
                table.number(&rows, &hashes, &mut groups);
                for (key, group) in batch.iter().zip(&groups) {
                    let next = expected.len();
                    let at = *expected.entry(key.clone()).or_insert_with(|| {
                        keys.push(key.clone());
                        next
                    });
                    prop_assert_eq!(at, *group);
                }
            }
            let columns = layout.decoder().columns(table.rows()).expect("columns");
            let types = layout.decoder().columns(&[]).expect("no rows");
            let expected = arrays(&keys);
            for ((column, empty), expected) in columns.iter().zip(&types).zip(&expected) {
                prop_assert_eq!(empty.len(), 0);
                prop_assert_eq!(column, &cast(expected, column.data_type()).expect("the same type"));
            }
        }
    }
}
