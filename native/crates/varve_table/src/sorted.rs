//! Sorting rows on their way from old segments into new ones, in runs that fit into memory.

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::SortOptions;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use varve_types::Result;

use crate::error::from_arrow;
use crate::ids::ColumnId;
use crate::rows::RowAddress;
use crate::segment::unfinished;

/// A run has so many bytes of rows in memory at most, unless one batch has more. Zone maps serve a column in a few runs
/// as well as in one.
const RUN_BYTES_MAX: usize = 256 << 20;
/// A run has so many rows at most: those of a segment.
const RUN_ROWS_MAX: usize = 1 << 22;
/// Rows that come out together.
const BATCH_ROWS: usize = 1 << 16;

/// Rows and where they came from.
pub(crate) struct Part {
    pub batch: RecordBatch,
    pub addresses: Vec<RowAddress>,
}

/// The rows of `parts` by `order`, in runs; rows that it does not tell apart stay in the order in which they came.
/// Cost: holds one run in memory, and sorts it on a thread of its own.
pub(crate) fn sorted<'p>(
    parts: impl Stream<Item = Result<Part>> + Send + 'p,
    order: &[ColumnId],
) -> impl Stream<Item = Result<Part>> + Send + 'p {
    let order: Vec<String> = order.iter().map(|id| id.stored_name()).collect();
    runs(parts).and_then(move |run| Run::sort(run, order.clone())).map_ok(stream::iter).try_flatten()
}

/// Parts that are sorted together.
fn runs<'p>(
    parts: impl Stream<Item = Result<Part>> + Send + 'p,
) -> impl Stream<Item = Result<Vec<Part>>> + Send + 'p {
    stream::try_unfold(Box::pin(parts), |mut parts| async move {
        let (mut run, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while rows < RUN_ROWS_MAX
            && bytes < RUN_BYTES_MAX
            && let Some(part) = parts.next().await
        {
            let part: Part = part?;
            rows += part.batch.num_rows();
            bytes += part.batch.get_array_memory_size();
            run.push(part);
        }
        Ok((!run.is_empty()).then_some((run, parts)))
    })
}

/// A sorted run, given out batch by batch.
struct Run {
    parts: Vec<Part>,
    /// The place of the first row of each part.
    starts: Vec<usize>,
    places: UInt32Array,
    next: usize,
}

impl Run {
    async fn sort(parts: Vec<Part>, order: Vec<String>) -> Result<Self> {
        tokio::task::spawn_blocking(move || {
            let places = places(&parts, &order).map_err(|error| from_arrow(error, "sorting rows"))?;
            let starts = parts.iter().scan(0, |next, part| {
                let start = *next;
                *next += part.batch.num_rows();
                Some(start)
            });
            Ok(Self { starts: starts.collect(), parts, places, next: 0 })
        })
        .await
        .unwrap_or_else(|error| Err(unfinished(error)))
    }
}

impl Iterator for Run {
    type Item = Result<Part>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = (self.next + BATCH_ROWS).min(self.places.len());
        let picked: Vec<(usize, usize)> = self.places.values()[self.next..end]
            .iter()
            .map(|place| {
                let part = self.starts.partition_point(|start| *start <= *place as usize) - 1;
                (part, *place as usize - self.starts[part])
            })
            .collect();
        self.next = end;
        if picked.is_empty() {
            return None;
        }
        let batches: Vec<&RecordBatch> = self.parts.iter().map(|part| &part.batch).collect();
        let addresses = picked.iter().map(|(part, row)| self.parts[*part].addresses[*row]).collect();
        let batch = arrow_select::interleave::interleave_record_batch(&batches, &picked)
            .map_err(|error| from_arrow(error, "sorting rows"));
        Some(batch.map(|batch| Part { batch, addresses }))
    }
}

/// The places of the rows in the order of the columns of these stored names.
fn places(parts: &[Part], order: &[String]) -> std::result::Result<UInt32Array, arrow_schema::ArrowError> {
    let options = Some(SortOptions { descending: false, nulls_first: false });
    let column = |name: &String| {
        let values = parts.iter().map(|part| part.batch.column_by_name(name).map(AsRef::as_ref));
        values.collect::<Option<Vec<_>>>()
    };
    let columns = order.iter().filter_map(column).map(|values| arrow_select::concat::concat(&values));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        let rows: usize = parts.iter().map(|part| part.batch.num_rows()).sum();
        return Ok((0..rows as u32).collect());
    }
    let by = |values: &ArrayRef| SortColumn { values: values.clone(), options };
    let places = lexsort_to_indices(&columns.iter().map(by).collect::<Vec<_>>(), None)?;
    // The sort is not stable: equal keys are put into the order in which they came.
    let keys = columns.iter().map(|values| arrow_select::take::take(values, &places, None));
    let ranges =
        arrow_ord::partition::partition(&keys.collect::<std::result::Result<Vec<_>, _>>()?)?.ranges();
    let mut places = places.values().to_vec();
    for range in ranges {
        places[range].sort_unstable();
    }
    Ok(places.into())
}
