//! What was collected, in pieces: rows with the columns that belong to them, ordered by the parts their hashes say.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, UInt32Array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::Result;

/// As many parts: a part of ten million rows with a key of 28 bytes is 1 MB, which a core's own cache holds.
pub(super) const PARTS: usize = 256;

/// What the columns of a piece are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Arguments of the aggregates, a row for each row of the input.
    Arguments,
    /// States of the aggregates, a row for each group.
    States,
}

/// Rows with their columns, ordered by part.
pub(super) struct Piece {
    pub(super) kind: Kind,
    width: usize,
    rows: Vec<u32>,
    columns: Vec<ArrayRef>,
    /// Where each part ends.
    ends: Vec<u32>,
}

/// Rows of one kind, as they are aggregated.
pub(super) struct Rows<'p> {
    pub(super) kind: Kind,
    pub(super) rows: &'p [u32],
    pub(super) columns: Vec<ArrayRef>,
}

impl Piece {
    /// Orders rows by their hashes' parts.
    pub(super) fn new(
        kind: Kind,
        width: usize,
        rows: &[u32],
        hashes: &[u64],
        columns: &[ArrayRef],
    ) -> Result<Self> {
        let mut starts = vec![0u32; PARTS + 1];
        for hash in hashes {
            starts[part_of(*hash) + 1] += 1;
        }
        for part in 0..PARTS {
            starts[part + 1] += starts[part];
        }
        let mut ends = starts;
        let mut order = vec![0u32; hashes.len()];
        for (row, hash) in hashes.iter().enumerate() {
            let place = &mut ends[part_of(*hash)];
            order[*place as usize] = row as u32;
            *place += 1;
        }
        ends.truncate(PARTS);
        let ordered = in_order(rows, width, &order);
        let order = UInt32Array::from(order);
        let columns = columns.iter().map(|column| take(column, &order, None));
        Ok(Self { kind, width, rows: ordered, columns: columns.collect::<Result<_, _>>()?, ends })
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        let columns = self.columns.iter().map(|column| column.get_array_memory_size()).sum::<usize>();
        4 * self.rows.capacity() + columns + 4 * PARTS
    }

    /// How many rows some parts have.
    pub(super) fn len(&self, parts: &Range<usize>) -> usize {
        let rows = self.range(parts);
        rows.end - rows.start
    }

    /// The rows of some parts.
    pub(super) fn rows(&self, parts: &Range<usize>) -> Rows<'_> {
        let Range { start, end } = self.range(parts);
        Rows {
            kind: self.kind,
            rows: &self.rows[start * self.width..end * self.width],
            columns: self.columns.iter().map(|column| column.slice(start, end - start)).collect(),
        }
    }

    /// The rows of some parts as they are spilled: the key, then the columns.
    pub(super) fn batch(&self, parts: &Range<usize>) -> Result<RecordBatch> {
        let Rows { rows, columns, .. } = self.rows(parts);
        let bytes = rows.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let key = FixedSizeBinaryArray::new(4 * self.width as i32, Buffer::from_vec(bytes), None);
        let columns = std::iter::once(Arc::new(key) as ArrayRef).chain(columns).collect::<Vec<_>>();
        let fields = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), i > 0));
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)?)
    }

    fn range(&self, parts: &Range<usize>) -> Range<usize> {
        let before = |part: usize| part.checked_sub(1).map_or(0, |last| self.ends[last] as usize);
        before(parts.start)..before(parts.end)
    }
}

/// Rows of `width` words in another order.
fn in_order(rows: &[u32], width: usize, order: &[u32]) -> Vec<u32> {
    /// A row of a known width is copied without a call.
    fn of<const WIDTH: usize>(rows: &[u32], order: &[u32]) -> Vec<u32> {
        let rows = rows.as_chunks::<WIDTH>().0;
        order.iter().map(|row| rows[*row as usize]).collect::<Vec<_>>().into_flattened()
    }
    match width {
        2 => of::<2>(rows, order),
        3 => of::<3>(rows, order),
        4 => of::<4>(rows, order),
        5 => of::<5>(rows, order),
        6 => of::<6>(rows, order),
        7 => of::<7>(rows, order),
        8 => of::<8>(rows, order),
        9 => of::<9>(rows, order),
        _ => order.iter().flat_map(|row| &rows[*row as usize * width..][..width]).copied().collect(),
    }
}

/// The rows of a batch that [`Piece::batch`] made, and its columns.
pub(super) fn from_batch(batch: &RecordBatch) -> (Vec<u32>, Vec<ArrayRef>) {
    let (words, _) = batch.column(0).as_fixed_size_binary().value_data().as_chunks::<4>();
    let rows = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    (rows, batch.columns()[1..].to_vec())
}

/// The part of a hash: of its lower half, for the upper one is used within a part.
pub(super) fn part_of(hash: u64) -> usize {
    hash as usize % PARTS
}
