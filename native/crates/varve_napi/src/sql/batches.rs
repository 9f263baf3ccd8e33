//! The batches of one answer on their way to JavaScript: what the engine makes in small pieces crosses in large ones.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};
use varve_types::{ErrorCode, VarveError};

use crate::sql::behind::Output;
use crate::sql::ipc::{Encoder, sliced_bytes};

/// Rows that cross together, unless the caller wants fewer.
const ROWS_MAX: usize = 65_536;
/// Bytes that cross together; a batch of the engine that has more is not divided.
const BYTES_MAX: usize = 4 << 20;
/// How long rows that are there wait for others: an answer that comes slowly is not held back.
const ROWS_WAIT: Duration = Duration::from_millis(20);

/// What is still to come of an answer.
pub struct Batches {
    output: Output,
    encoder: Encoder,
    rows_max: usize,
    /// Rows that were taken and not sent.
    parts: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    /// Nothing comes after `parts` but this.
    end: Option<Result<(), VarveError>>,
}

impl Batches {
    /// The batches of `output`, of at most `rows_max` rows each if the caller gave it.
    pub fn new(output: Output, rows_max: Option<usize>) -> Result<Self, VarveError> {
        let encoder = Encoder::new(&output.schema)?;
        let rows_max = rows_max.unwrap_or(ROWS_MAX).clamp(1, 1 << 20);
        Ok(Self { output, encoder, rows_max, parts: Vec::new(), rows: 0, bytes: 0, end: None })
    }

    /// The schema message.
    pub fn schema(&self) -> Vec<u8> {
        self.encoder.schema()
    }

    /// The messages of the next batch; `None` after the last. Dropped while it waits, it loses nothing.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, VarveError> {
        self.next_batch().await?.map(|batch| self.encode(&batch)).transpose()
    }

    /// The messages of a batch.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, VarveError> {
        self.encoder.encode(batch)
    }

    /// The next batch; `None` after the last. Dropped while it waits, it loses nothing.
    pub async fn next_batch(&mut self) -> Result<Option<RecordBatch>, VarveError> {
        while self.parts.is_empty() && self.end.is_none() {
            self.take().await;
        }
        let until = Instant::now() + ROWS_WAIT;
        while !self.is_full() && self.end.is_none() {
            if timeout_at(until, self.take()).await.is_err() {
                break;
            }
        }
        if self.parts.is_empty() {
            return self.end.take().unwrap_or(Ok(())).map(|()| None);
        }
        self.join().map(Some)
    }

    /// Whether nothing comes any more, once that is known; an error is still to come.
    pub async fn is_end(&mut self) -> bool {
        while self.parts.is_empty() && self.end.is_none() {
            self.take().await;
        }
        self.parts.is_empty() && matches!(self.end, Some(Ok(())))
    }

    fn is_full(&self) -> bool {
        self.rows >= self.rows_max || self.bytes >= BYTES_MAX
    }

    async fn take(&mut self) {
        match self.output.next().await {
            None => self.end = Some(Ok(())),
            Some(Err(error)) => self.end = Some(Err(error)),
            Some(Ok(batch)) if batch.num_rows() == 0 => {}
            Some(Ok(batch)) => self.push(batch),
        }
    }

    fn push(&mut self, batch: RecordBatch) {
        let columns = batch.columns().iter().map(own).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        // The columns have the types and lengths that they had.
        let batch = RecordBatch::try_new_with_options(batch.schema(), columns, &options).unwrap_or(batch);
        self.rows += batch.num_rows();
        self.bytes += batch.columns().iter().map(sliced_bytes).sum::<usize>();
        self.parts.push(batch);
    }

    /// Takes the rows of one batch off the front of `parts`.
    fn join(&mut self) -> Result<RecordBatch, VarveError> {
        let mut taken = Vec::with_capacity(self.parts.len());
        let mut room = self.rows_max;
        for part in std::mem::take(&mut self.parts) {
            let fits = room.min(part.num_rows());
            room -= fits;
            if fits > 0 {
                taken.push(part.slice(0, fits));
            }
            if fits < part.num_rows() {
                self.parts.push(part.slice(fits, part.num_rows() - fits));
            }
        }
        self.rows = self.parts.iter().map(RecordBatch::num_rows).sum();
        self.bytes = self.parts.iter().flat_map(RecordBatch::columns).map(sliced_bytes).sum();
        match taken.as_slice() {
            [only] => Ok(only.clone()),
            several => {
                arrow_select::concat::concat_batches(&self.schema_of(several), several).map_err(|error| {
                    VarveError::new(ErrorCode::EngineDefect, "the parts of an answer do not fit together", "")
                        .caused_by(error)
                })
            }
        }
    }

    fn schema_of(&self, parts: &[RecordBatch]) -> SchemaRef {
        parts.first().map_or_else(|| Arc::clone(&self.output.schema), RecordBatch::schema)
    }
}

/// Texts of views lie in buffers that they share with rows that are not sent: these would cross with every batch.
fn own(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Utf8View => {
            let view = values.as_string_view();
            if is_shared(view.data_buffers(), || view.total_buffer_bytes_used()) {
                return Arc::new(view.gc());
            }
        }
        DataType::BinaryView => {
            let view = values.as_binary_view();
            if is_shared(view.data_buffers(), || view.total_buffer_bytes_used()) {
                return Arc::new(view.gc());
            }
        }
        _ => {}
    }
    Arc::clone(values)
}

/// Whether the buffers have more than twice the bytes that are used.
fn is_shared(buffers: &[arrow_buffer::Buffer], used: impl FnOnce() -> usize) -> bool {
    let held: usize = buffers.iter().map(arrow_buffer::Buffer::len).sum();
    held > 1024 && held / 2 > used()
}
