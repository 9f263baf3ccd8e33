//! Loading: a long stream of rows as segments, one after the other.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use varve_types::Result;

use crate::compression::Layout;
use crate::ids::{IndexId, SegmentId};
use crate::key::{KeyColumns, KeyRun, Keys, SortedKeys, write_run};
use crate::segment::{Segment, SegmentRows, SegmentStore, Writing, cancelled};

/// A segment that a load writes has so many rows at most: enough to compress well, few enough to rewrite.
const SEGMENT_ROWS_MAX: usize = 1 << 22;
/// Batches that wait for a segment's writer.
const WAITING_BATCHES_MAX: usize = 4;

/// Writes rows into segments that are not live yet.
pub(crate) struct Load {
    store: Arc<SegmentStore>,
    schema: SchemaRef,
    keys: Arc<[KeyColumns]>,
    layout: Layout,
    open: Option<OpenSegment>,
    done: Vec<LoadedSegment>,
}

/// A segment that is written, with its key runs.
pub(crate) struct LoadedSegment {
    pub segment: Arc<Segment>,
    pub keys: Vec<LoadedKeys>,
}

/// The keys of a segment, in memory and as a file.
pub(crate) struct LoadedKeys {
    pub sorted: SortedKeys,
    pub run: Arc<KeyRun>,
}

struct OpenSegment {
    id: SegmentId,
    rows: usize,
    /// For each key of the table, those of the rows so far.
    keys: Vec<Vec<Keys>>,
    batches: mpsc::Sender<Piece>,
    writing: Writing<Segment>,
}

/// What a segment's writer is given. When nothing comes any more before the end, the segment was given up.
enum Piece {
    Rows(RecordBatch),
    End,
}

impl Load {
    /// `schema` is that of all batches: fields by stored name; `keys` are those of the table.
    pub(crate) fn new(store: Arc<SegmentStore>, schema: SchemaRef, keys: Arc<[KeyColumns]>) -> Self {
        Self { store, schema, keys, layout: Layout::default(), open: None, done: Vec::new() }
    }

    /// The same with segments of this layout; whoever gives the rows has sorted them.
    pub(crate) fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Writes all `rows`. Segments that nobody commits are removed when they are dropped.
    pub(crate) async fn run(
        &mut self,
        rows: impl Stream<Item = Result<RecordBatch>>,
    ) -> Result<Vec<LoadedSegment>> {
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
        let part = batch.slice(0, fits);
        for (columns, keys) in self.keys.iter().zip(&mut open.keys) {
            keys.push(columns.keys(&part)?);
        }
        open.rows += fits;
        let is_full = open.rows == SEGMENT_ROWS_MAX;
        // A writer that is gone has an error to tell.
        let is_gone = open.batches.send(Piece::Rows(part)).await.is_err();
        if is_full || is_gone {
            self.close().await?;
        }
        Ok(batch.slice(fits, batch.num_rows() - fits))
    }

    fn begin(&self) -> Result<OpenSegment> {
        let (batches, waiting) = mpsc::channel(WAITING_BATCHES_MAX);
        let waiting = stream::unfold(waiting, |mut waiting| async move {
            match waiting.recv().await {
                Some(Piece::Rows(batch)) => Some((Ok(batch), waiting)),
                Some(Piece::End) => None,
                None => Some((Err(cancelled()), waiting)),
            }
        });
        let rows = SegmentRows {
            schema: Arc::clone(&self.schema),
            batches: waiting.boxed(),
            layout: self.layout.clone(),
        };
        let id = self.store.next_segment()?;
        let store = Arc::clone(&self.store);
        let writing = Writing::start(&self.store, async move { store.write_segment(id, rows).await });
        let keys = self.keys.iter().map(|_| Vec::new()).collect();
        Ok(OpenSegment { id, rows: 0, keys, batches, writing })
    }

    async fn close(&mut self) -> Result<()> {
        let Some(OpenSegment { id, keys, batches, writing, .. }) = self.open.take() else { return Ok(()) };
        // A writer that is gone has an error to tell.
        let _writer_gone = batches.send(Piece::End).await;
        let segment = Arc::new(writing.end().await?);
        let mut runs = Vec::with_capacity(keys.len());
        for (columns, keys) in self.keys.iter().zip(keys) {
            runs.push(self.store.write_keys(id, columns.index, keys).await?);
        }
        self.done.push(LoadedSegment { segment, keys: runs });
        Ok(())
    }

    /// Gives the open segment up and waits until its file is gone.
    async fn abandon(&mut self) {
        if let Some(OpenSegment { batches, writing, .. }) = self.open.take() {
            drop(batches);
            let _cancelled = writing.end().await;
        }
    }
}

impl SegmentStore {
    /// Sorts and writes the keys of a segment, durable and verified but not live.
    pub(crate) async fn write_keys(
        self: &Arc<Self>,
        segment: SegmentId,
        index: IndexId,
        keys: Vec<Keys>,
    ) -> Result<LoadedKeys> {
        let writing = Writing::start_blocking(self, move |store| {
            let sorted = SortedKeys::sort(&keys);
            let meta = write_run(store.files.as_ref(), &store.folder, (segment, index), &sorted)?;
            Ok(LoadedKeys { sorted, run: Arc::new(KeyRun::new(&store.files, &store.folder, meta)) })
        });
        writing.end().await
    }
}
