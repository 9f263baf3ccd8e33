//! What a statement answers.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use varve_types::Result;

use crate::Progress;
use crate::error::{defect, from_datafusion};

/// Batches that wait for a reader.
const WAITING_BATCHES_MAX: usize = 2;

/// The answer to a statement: a stream of record batches. Dropped, the statement stops.
pub struct Output {
    /// The columns of all batches; none for a statement that only changes things.
    pub schema: SchemaRef,
    /// Rows that the statement inserted, updated or deleted; `None` for one that only reads or defines.
    pub rows_affected: Option<u64>,
    /// How far it has come.
    pub progress: Arc<Progress>,
    batches: Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
}

impl Output {
    /// An answer without rows.
    pub(crate) fn done(rows_affected: Option<u64>) -> Self {
        Self {
            schema: Arc::new(Schema::empty()),
            rows_affected,
            progress: Arc::default(),
            batches: stream::empty().boxed(),
        }
    }

    /// Rows that a statement which changed `rows_affected` rows answers with.
    pub(crate) fn of_rows(schema: SchemaRef, rows: Vec<RecordBatch>, rows_affected: u64) -> Self {
        let batches = stream::iter(rows.into_iter().map(Ok)).boxed();
        Self { schema, batches, ..Self::done(Some(rows_affected)) }
    }

    /// Rows that are made while they are read.
    pub(crate) fn of_batches(schema: SchemaRef, batches: BoxStream<'static, Result<RecordBatch>>) -> Self {
        Self { schema, batches, ..Self::done(None) }
    }

    /// One batch that is there already.
    pub(crate) fn of_batch(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        Self { schema, batches: stream::iter([Ok(batch)]).boxed(), ..Self::done(None) }
    }

    /// The rows of a plan, which runs on the engine's threads, a few batches ahead of the reader. `ended` is called when
    /// all of them have come.
    pub(crate) fn of_stream(
        mut rows: SendableRecordBatchStream,
        progress: Arc<Progress>,
        handle: &Handle,
        ended: impl FnOnce() + Send + 'static,
    ) -> Self {
        let schema = rows.schema();
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES_MAX);
        let forwarded = sender.clone();
        let forward = async move {
            while let Some(batch) = rows.next().await {
                let failed = batch.is_err();
                if forwarded.send(batch.map_err(from_datafusion)).await.is_err() || failed {
                    return;
                }
            }
            // Before the reader hears of the end: it may end this task then.
            ended();
        };
        let task = handle.spawn(async move {
            // A stream that ends early must not look like one that is complete.
            if AssertUnwindSafe(forward).catch_unwind().await.is_err() {
                let _reader_gone = sender.send(Err(defect("a query panicked".into()))).await;
            }
        });
        let batches = Batches { receiver, _task: AbortOnDrop(task.abort_handle()) };
        Self { schema, rows_affected: None, progress, batches: batches.boxed() }
    }

    /// All batches that are left.
    ///
    /// # Errors
    /// The first error of the statement.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.batches.try_collect().await
    }
}

impl Stream for Output {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(context)
    }
}

/// Batches that a task of the engine makes.
struct Batches {
    receiver: mpsc::Receiver<Result<RecordBatch>>,
    _task: AbortOnDrop,
}

impl Stream for Batches {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

/// Ends a task when nobody wants its answer any more.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
