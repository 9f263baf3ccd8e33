//! Reading hot rows: they are in memory, so that only deleted rows and filters have to be taken out.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::common::Result;
use datafusion::physical_plan::filter::batch_filter;
use varve_table::{HotChunk, RowAddress};

use super::{TableScan, filters};

/// The rows of a chunk that are not deleted and pass all filters, in the form in which they come out.
pub(super) fn read(scan: &TableScan, chunk: &HotChunk) -> Result<RecordBatch> {
    let rows = chunk.batch.num_rows();
    let columns = chunk.batch.columns().iter().zip(scan.stored.fields());
    // Strings that are grouped by come as dictionaries.
    let columns = columns.map(|(values, field)| match field.data_type() {
        wanted if wanted == values.data_type() => Ok(Arc::clone(values)),
        wanted => cast(values, wanted),
    });
    let mut columns: Vec<ArrayRef> = columns.collect::<std::result::Result<_, _>>()?;
    let addresses = chunk.first_row..chunk.end_row();
    columns.push(Arc::new(UInt64Array::from_iter_values(addresses.map(|row| RowAddress::of_hot(row).0))));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let mut batch = RecordBatch::try_new_with_options(Arc::clone(&scan.stored), columns, &options)?;

    let deleted = scan.version.hot.deleted();
    if deleted.range_cardinality(chunk.first_row..chunk.end_row()) > 0 {
        let live = (chunk.first_row..chunk.end_row()).map(|row| Some(!deleted.contains(row)));
        batch = filter_record_batch(&batch, &live.collect::<BooleanArray>())?;
    }
    if let Some(filter) = filters::required(&scan.filters) {
        batch = batch_filter(&batch, &filter)?;
    }
    let columns = scan.columns.iter().map(|position| Arc::clone(batch.column(*position))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(&scan.schema), columns, &options)?)
}
