//! Order: rows are gathered and sorted; where only the first are wanted, the others are dropped on the way.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::{SchemaRef, SortOptions};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use varve_types::Result;

use crate::budget::Charge;
use crate::coerce::canonical;
use crate::error::from_arrow;
use crate::expr::Expr;

/// Rows that are gathered beyond those that are wanted before the others are dropped.
const SPARE_ROWS: usize = 65_536;
/// Sorting takes the rows a second time, and their places.
const SORT_FACTOR: usize = 2;

/// Rows by what they are ordered.
pub(crate) struct Sorter {
    pub schema: SchemaRef,
    pub by: Vec<(Expr, SortOptions)>,
    /// The first rows that are wanted; `None` for all.
    pub first: Option<usize>,
    pub charge: Charge,
    gathered: Vec<RecordBatch>,
    rows: usize,
}

impl Sorter {
    pub(crate) fn new(
        schema: SchemaRef,
        by: Vec<(Expr, SortOptions)>,
        first: Option<usize>,
        charge: Charge,
    ) -> Self {
        Self { schema, by, first, charge, gathered: Vec::new(), rows: 0 }
    }

    /// Takes rows.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.charge.grow(batch.get_array_memory_size() * SORT_FACTOR)?;
        self.rows += batch.num_rows();
        self.gathered.push(batch);
        if self.first.is_some_and(|first| self.rows >= first.saturating_add(SPARE_ROWS)) {
            let kept = compact(&self.sorted()?)?;
            self.charge.set(kept.get_array_memory_size() * SORT_FACTOR)?;
            self.rows = kept.num_rows();
            self.gathered.push(kept);
        }
        Ok(())
    }

    /// The rows in order, the wanted ones.
    pub(crate) fn sorted(&mut self) -> Result<RecordBatch> {
        let rows = concat_batches(&self.schema, &self.gathered).map_err(from_arrow)?;
        self.gathered.clear();
        if rows.num_rows() == 0 {
            return Ok(rows);
        }
        let columns = self.by.iter().map(|(expr, options)| {
            Ok(SortColumn { values: canonical(&expr.array(&rows)?), options: Some(*options) })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let places = lexsort_to_indices(&columns, self.first).map_err(from_arrow)?;
        take_record_batch(&rows, &places).map_err(from_arrow)
    }
}

/// The same rows without the texts of those that were dropped.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    use arrow_array::cast::AsArray;
    use arrow_schema::DataType;
    let columns = batch.columns().iter().map(|values| -> ArrayRef {
        match values.data_type() {
            DataType::Utf8View => std::sync::Arc::new(values.as_string_view().gc()),
            DataType::BinaryView => std::sync::Arc::new(values.as_binary_view().gc()),
            _ => std::sync::Arc::clone(values),
        }
    });
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns.collect(), &options).map_err(from_arrow)
}
