//! Hot rows: those that are not in a segment yet, in memory and as Arrow IPC in the catalogue.
//!
//! A table numbers its hot rows upwards, as long as it is open and has some. They lie in chunks that are merged as they come, each at least twice
//! as large as the next, so that a table that grew row by row has few chunks and each row was copied O(log n) times.
//! Chunks never change; a version of a table shares those of the version before.

use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use roaring::RoaringTreemap;
use varve_types::Result;

use crate::bounds::ColumnBounds;
use crate::error::from_arrow;
use crate::ids::IndexId;
use crate::key::{KeyColumns, KeyRef, SortedKeys};

/// Chunks of so many rows are left alone: scanning them costs nothing more, copying them would.
const MERGED_ROWS_MAX: usize = 1 << 16;

/// Consecutive hot rows.
#[derive(Debug)]
pub struct HotChunk {
    /// The number of its first row.
    pub first_row: u64,
    /// The rows, in stored form.
    pub batch: RecordBatch,
    /// For each key of the table, the keys of the rows.
    sorted: Vec<SortedKeys>,
    /// For each column, what is known of its values.
    bounds: Vec<OnceLock<ColumnBounds>>,
}

impl HotChunk {
    fn new(first_row: u64, batch: RecordBatch, keys: &[KeyColumns]) -> Result<Self> {
        let sorted = keys.iter().map(|key| Ok(SortedKeys::sort(&[key.keys(&batch)?])));
        let bounds = std::iter::repeat_with(OnceLock::new).take(batch.num_columns()).collect();
        Ok(Self { first_row, sorted: sorted.collect::<Result<_>>()?, bounds, batch })
    }

    /// What is known of the values of the column at this position, those of deleted rows too. Cost: the first call looks at
    /// all of them.
    #[must_use]
    pub fn bounds(&self, position: usize) -> &ColumnBounds {
        self.bounds[position].get_or_init(|| ColumnBounds::of(self.batch.column(position)))
    }

    /// Whether it becomes one chunk with so many rows that come behind it, the first of which has this number.
    fn merges(&self, first_row: u64, after: usize) -> bool {
        let before = self.batch.num_rows();
        before < 2 * after && before + after <= MERGED_ROWS_MAX && self.end_row() == first_row
    }

    /// One past the number of its last row.
    #[must_use]
    pub fn end_row(&self) -> u64 {
        self.first_row + self.batch.num_rows() as u64
    }
}

/// The hot rows of one version of a table. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HotRows {
    chunks: Vec<Arc<HotChunk>>,
    deleted: Arc<RoaringTreemap>,
    next_row: u64,
    keys: Arc<[KeyColumns]>,
}

impl HotRows {
    /// No rows yet; the first one will have the number `next_row`.
    #[must_use]
    pub(crate) fn starting_at(next_row: u64, keys: Arc<[KeyColumns]>) -> Self {
        Self { next_row, keys, ..Self::default() }
    }

    /// The keys by which rows are found: the primary key and those of the indexes.
    #[must_use]
    pub fn keys(&self) -> &Arc<[KeyColumns]> {
        &self.keys
    }

    /// The number of the newest row that has the key of `index` and is not deleted.
    #[must_use]
    pub fn find(&self, index: IndexId, key: KeyRef<'_>) -> Option<u64> {
        let place = self.keys.iter().position(|columns| columns.index == index)?;
        self.chunks.iter().rev().find_map(|chunk| {
            let sorted = &chunk.sorted[place];
            let rows = sorted.rows()[sorted.find(key)].iter().rev();
            rows.map(|row| chunk.first_row + u64::from(*row)).find(|row| !self.deleted.contains(*row))
        })
    }

    /// The chunks, each with its sorted keys of `index`; none when the table has no such index.
    pub(crate) fn sorted(&self, index: IndexId) -> impl Iterator<Item = (&HotChunk, &SortedKeys)> {
        let place = self.keys.iter().position(|columns| columns.index == index);
        let chunks = place.into_iter().flat_map(|place| self.chunks.iter().map(move |chunk| (place, chunk)));
        chunks.map(|(place, chunk)| (chunk.as_ref(), &chunk.sorted[place]))
    }

    /// The chunks, in order; deleted rows are in them.
    #[must_use]
    pub fn chunks(&self) -> &[Arc<HotChunk>] {
        &self.chunks
    }

    /// Numbers of the rows that are deleted.
    #[must_use]
    pub fn deleted(&self) -> &RoaringTreemap {
        &self.deleted
    }

    /// The number that the next row gets.
    #[must_use]
    pub fn next_row(&self) -> u64 {
        self.next_row
    }

    /// How many rows there are and not deleted.
    #[must_use]
    pub fn live_rows(&self) -> u64 {
        self.stored_rows() - self.deleted.len()
    }

    /// How many rows lie in the chunks, deleted ones too.
    #[must_use]
    pub fn stored_rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.batch.num_rows() as u64).sum()
    }

    /// Bytes that the chunks take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.batch.get_array_memory_size()).sum()
    }

    /// How many rows are copied when so many are added: what a row costs at worst, which is little on average.
    #[must_use]
    pub fn merged_with(&self, rows: usize) -> usize {
        let (mut first_row, mut merged) = (self.next_row, rows);
        for last in self.chunks.iter().rev() {
            if !last.merges(first_row, merged) {
                break;
            }
            (first_row, merged) = (last.first_row, merged + last.batch.num_rows());
        }
        merged
    }

    /// Adds rows at the end.
    pub(crate) fn append(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let (mut first_row, mut batch) = (self.next_row, batch);
        self.next_row += rows as u64;
        while let Some(last) = self.chunks.last() {
            if !last.merges(first_row, batch.num_rows()) {
                break;
            }
            batch = concat(&last.batch, &batch).map_err(|error| from_arrow(error, "merging hot rows"))?;
            first_row = last.first_row;
            self.chunks.pop();
        }
        self.chunks.push(Arc::new(HotChunk::new(first_row, batch, &self.keys)?));
        Ok(())
    }

    /// Marks rows as deleted; those that are gone already stay so.
    pub(crate) fn delete(&mut self, rows: &RoaringTreemap) {
        if !rows.is_empty() {
            *Arc::make_mut(&mut self.deleted) |= rows;
        }
    }

    /// Forgets all rows below `end`, which a segment holds now. `end` is the end of a chunk or lies within one.
    pub(crate) fn drop_below(&mut self, end: u64) -> Result<()> {
        self.chunks.retain(|chunk| chunk.end_row() > end);
        if let Some(first) = self.chunks.first_mut()
            && first.first_row < end
        {
            let skip = (end - first.first_row) as usize;
            let batch = first.batch.slice(skip, first.batch.num_rows() - skip);
            *first = Arc::new(HotChunk::new(end, batch, &self.keys)?);
        }
        Arc::make_mut(&mut self.deleted).remove_range(..end);
        Ok(())
    }

    /// The same rows in another shape of the table, or with other keys.
    pub(crate) fn map(
        &self,
        keys: Arc<[KeyColumns]>,
        adapt: impl Fn(&RecordBatch) -> Result<RecordBatch>,
    ) -> Result<Self> {
        let chunks = self
            .chunks
            .iter()
            .map(|chunk| HotChunk::new(chunk.first_row, adapt(&chunk.batch)?, &keys).map(Arc::new));
        Ok(Self {
            chunks: chunks.collect::<Result<_>>()?,
            deleted: Arc::clone(&self.deleted),
            next_row: self.next_row,
            keys,
        })
    }
}

/// `left` and `right` as one batch that holds no more bytes than its rows need.
fn concat(left: &RecordBatch, right: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    compact(&arrow_select::concat::concat_batches(left.schema_ref(), [left, right])?)
}

/// The same rows, holding no more bytes than they need. Views of strings share the buffers of the arrays that they came from:
/// a thousand rows would hold a thousand buffers.
pub(crate) fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(compact_column).collect();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn compact_column(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Utf8View => Arc::new(values.as_string_view().gc()),
        DataType::BinaryView => Arc::new(values.as_binary_view().gc()),
        _ => Arc::clone(values),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, RecordBatch, StringViewArray};
    use arrow_schema::{DataType, Field, Schema};
    use roaring::RoaringTreemap;

    use super::HotRows;

    fn batch(from: i64, rows: i64) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("c0", DataType::Int64, false),
            Field::new("c1", DataType::Utf8View, false),
        ]);
        let numbers = Int64Array::from_iter_values(from..from + rows);
        let texts = StringViewArray::from_iter_values(
            (from..from + rows).map(|number| format!("a text of row {number}")),
        );
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(texts)]).expect("it fits")
    }

    fn numbers(rows: &HotRows) -> Vec<i64> {
        rows.chunks()
            .iter()
            .flat_map(|chunk| chunk.batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect()
    }

    #[test]
    fn rows_that_come_one_by_one_lie_in_few_chunks() {
        let mut rows = HotRows::starting_at(10, Arc::default());
        for number in 0..3_000 {
            rows.append(batch(number, 1)).expect("it fits");
        }
        assert_eq!(numbers(&rows), (0..3_000).collect::<Vec<_>>());
        assert!(rows.chunks().len() < 14, "{} chunks", rows.chunks().len());
        assert_eq!((rows.next_row(), rows.live_rows()), (3_010, 3_000));
        let buffers =
            rows.chunks().iter().map(|chunk| chunk.batch.column(1).as_string_view().data_buffers().len());
        assert!(buffers.max().is_some_and(|count| count < 4), "the texts are kept in few buffers");
    }

    #[test]
    fn dropped_rows_take_their_deletions_along() {
        let mut rows = HotRows::starting_at(0, Arc::default());
        for start in (0..100).step_by(10) {
            rows.append(batch(start, 10)).expect("it fits");
        }
        rows.delete(&(0..50).step_by(2).collect::<RoaringTreemap>());
        assert_eq!(rows.live_rows(), 75);
        rows.drop_below(35).expect("it fits");
        assert_eq!(numbers(&rows), (35..100).collect::<Vec<_>>());
        assert_eq!(rows.deleted().iter().collect::<Vec<_>>(), (36..50).step_by(2).collect::<Vec<_>>());
        assert_eq!(rows.chunks().first().map(|chunk| chunk.first_row), Some(35));
        rows.drop_below(100).expect("it fits");
        assert_eq!((rows.live_rows(), rows.next_row()), (0, 100));
    }
}
