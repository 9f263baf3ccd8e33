//! Reading hot rows: they are in memory, so that only deleted rows and filters have to be taken out.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::{cast, filter_record_batch, take_record_batch};
use datafusion::common::Result;
use datafusion::physical_plan::filter::batch_filter;
use varve_table::{HotChunk, RowAddress, RowSet};

use super::{TableScan, filters};
use crate::failing::in_turn;

/// The rows of a chunk, all or `only` some, that are not deleted and pass all filters, in the form in which they come out.
pub(super) fn read(scan: &TableScan, chunk: &HotChunk, only: Option<&RowSet>) -> Result<RecordBatch> {
    let deleted = scan.version.hot.deleted();
    let (first, end) = (chunk.first_row, chunk.end_row());
    let mut batch = match only {
        Some(only) => {
            let mut wanted = only.hot.iter();
            wanted.advance_to(first);
            let live = wanted.take_while(|row| *row < end).filter(|row| !deleted.contains(*row));
            let places = UInt64Array::from_iter_values(live.map(|row| row - first));
            let rows = take_record_batch(&chunk.batch, &places)?;
            with_addresses(scan, &rows, places.values().iter().map(|place| first + place))?
        }
        None => with_addresses(scan, &chunk.batch, first..end)?,
    };
    if only.is_none() && deleted.range_cardinality(first..end) > 0 {
        let live = (first..end).map(|row| Some(!deleted.contains(row)));
        batch = filter_record_batch(&batch, &live.collect::<BooleanArray>())?;
    }
    for filter in in_turn(&filters::required(&scan.filters), &scan.stored)? {
        batch = batch_filter(&batch, &filter)?;
    }
    // Strings that are grouped by come as dictionaries.
    let columns = scan.columns.iter().zip(scan.schema.fields());
    let columns = columns.map(|(position, field)| match (batch.column(*position), field.data_type()) {
        (values, wanted) if wanted == values.data_type() => Ok(Arc::clone(values)),
        (values, wanted) => cast(values, wanted),
    });
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(&scan.schema), columns, &options)?)
}

/// `rows` with the address of each behind it.
fn with_addresses(
    scan: &TableScan,
    rows: &RecordBatch,
    numbers: impl Iterator<Item = u64>,
) -> Result<RecordBatch> {
    let addresses = UInt64Array::from_iter_values(numbers.map(|row| RowAddress::of_hot(row).0));
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.push(Arc::new(addresses));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(&scan.stored), columns, &options)?)
}
