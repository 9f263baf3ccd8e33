//! What the first rows of a segment tell about its columns.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// Rows that are looked at. A column with fewer values than a quarter of them shows nearly all of its values.
pub(crate) const SAMPLE_ROWS: usize = 1 << 18;

/// Up to so many values Vortex makes dictionaries by itself, from what it sees in a block of 8,192 rows.
const NARROW_VALUES_MAX: usize = 1 << 10;

/// The first rows of a segment, column by column.
pub(crate) struct Sample {
    columns: Vec<ColumnSample>,
}

/// What is known of one column.
#[derive(Clone, Copy, Default)]
pub(crate) struct ColumnSample {
    /// Values that are not NULL.
    values: usize,
    /// How many different ones there are; 0 when they were not counted.
    distinct: usize,
}

impl Sample {
    /// Of the rows of `batches`, which have one schema. Cost: a hash per string.
    pub(crate) fn of(batches: &[RecordBatch]) -> Self {
        let width = batches.first().map_or(0, RecordBatch::num_columns);
        let columns = (0..width).map(|at| ColumnSample::of(batches.iter().map(|batch| batch.column(at))));
        Self { columns: columns.collect() }
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = &ColumnSample> {
        self.columns.iter()
    }
}

impl ColumnSample {
    fn of<'a>(parts: impl Iterator<Item = &'a ArrayRef>) -> Self {
        let mut values = 0;
        let hasher = RandomState::new();
        // Two values with one hash are so rare that they change no decision.
        let mut hashes = HashSet::new();
        for part in parts {
            values += part.len() - part.null_count();
            if *part.data_type() == DataType::Utf8View {
                hashes.extend(part.as_string_view().iter().flatten().map(|value| hasher.hash_one(value)));
            }
        }
        Self { values, distinct: hashes.len() }
    }

    /// Whether one dictionary serves the whole column: more values than Vortex's own dictionaries find, but each of them
    /// at least twice.
    pub(crate) fn has_wide_dictionary(self) -> bool {
        self.distinct > NARROW_VALUES_MAX && self.distinct <= self.values / 2
    }
}
