//! Loading: a long stream of rows as segments, one after the other.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use varve_types::{ErrorCode, Result, VarveError};

use crate::database::Database;
use crate::segment::{Segment, SegmentRows, write_segment};

/// A segment that a load writes has so many rows at most: enough to compress well, few enough to rewrite.
const SEGMENT_ROWS_MAX: usize = 1 << 22;
/// Batches that wait for a segment's writer.
const WAITING_BATCHES_MAX: usize = 4;

/// Writes rows into segments that are not live yet.
pub(crate) struct Load {
    database: Database,
    schema: SchemaRef,
    open: Option<OpenSegment>,
    done: Vec<Arc<Segment>>,
}

struct OpenSegment {
    rows: usize,
    batches: mpsc::Sender<Result<RecordBatch>>,
    writing: JoinHandle<Result<Segment>>,
}

impl Load {
    /// `schema` is that of all batches: fields by stored name.
    pub(crate) fn new(database: Database, schema: SchemaRef) -> Self {
        Self { database, schema, open: None, done: Vec::new() }
    }

    /// Writes all `rows`. Segments that nobody commits are removed when they are dropped.
    pub(crate) async fn run(
        &mut self,
        rows: impl Stream<Item = Result<RecordBatch>>,
    ) -> Result<Vec<Arc<Segment>>> {
        let mut rows = std::pin::pin!(rows);
        while let Some(batch) = rows.next().await {
            let mut batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.abandon().await;
                    return Err(error);
                }
            };
            while batch.num_rows() > 0 {
                batch = self.push(batch).await?;
            }
        }
        self.close().await?;
        Ok(std::mem::take(&mut self.done))
    }

    /// Gives what fits to the open segment; what did not fit.
    async fn push(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some(open) = &mut self.open else { return Ok(batch) };
        let fits = batch.num_rows().min(SEGMENT_ROWS_MAX - open.rows);
        open.rows += fits;
        let is_full = open.rows == SEGMENT_ROWS_MAX;
        // A writer that is gone has an error to tell.
        let is_gone = open.batches.send(Ok(batch.slice(0, fits))).await.is_err();
        if is_full || is_gone {
            self.close().await?;
        }
        Ok(batch.slice(fits, batch.num_rows() - fits))
    }

    fn begin(&self) -> Result<OpenSegment> {
        let (batches, waiting) = mpsc::channel(WAITING_BATCHES_MAX);
        let waiting = stream::unfold(waiting, |mut waiting| async move {
            waiting.recv().await.map(|batch| (batch, waiting))
        });
        let rows = SegmentRows { schema: Arc::clone(&self.schema), batches: waiting.boxed() };
        let id = self.database.inner().next_segment()?;
        let database = self.database.clone();
        let writing = tokio::spawn(async move { database.write_segment(id, rows).await });
        Ok(OpenSegment { rows: 0, batches, writing })
    }

    async fn close(&mut self) -> Result<()> {
        if let Some(OpenSegment { batches, writing, .. }) = self.open.take() {
            drop(batches);
            let segment =
                writing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
            self.done.push(Arc::new(segment));
        }
        Ok(())
    }

    /// Ends the open segment and waits until its file is gone. Were this future dropped instead, the segment would be
    /// finished and removed by nobody wanting it.
    async fn abandon(&mut self) {
        if let Some(OpenSegment { batches, writing, .. }) = self.open.take() {
            let stop = VarveError::new(ErrorCode::QueryCancelled, "the load was given up", "");
            let _writer_gone = batches.send(Err(stop)).await;
            drop(batches);
            let _stopped = writing.await;
        }
    }
}

impl Database {
    /// Writes one segment, durable and verified but not live.
    pub(crate) async fn write_segment(
        &self,
        id: crate::ids::SegmentId,
        rows: SegmentRows,
    ) -> Result<Segment> {
        let inner = self.inner();
        let strategy = crate::compression::strategy(&inner.session);
        write_segment(&inner.files, &inner.segments, id, rows, strategy, &inner.session).await
    }
}
