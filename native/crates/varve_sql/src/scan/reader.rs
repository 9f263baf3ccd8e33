//! One partition of a scan: takes pieces and gives their rows until none is left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, MetricBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::fetch::Fetcher;
use super::piece::{Next, Piece, Work};
use super::segment::{Assembly, PreparedReader, SegmentReader, SegmentRows};
use super::{TableScan, filters, hot};

use crate::Progress;
use crate::error::{from_vortex, into_datafusion};

/// A reader gives way to other tasks after so long.
const BUSY_MAX: Duration = Duration::from_millis(10);

/// The rows of one partition.
pub(super) fn stream(
    scan: TableScan,
    work: Arc<Work>,
    partition: usize,
    context: &TaskContext,
) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(&scan.schema);
    let reader = Reader {
        baseline: BaselineMetrics::new(&scan.metrics, partition),
        rows_scanned: MetricBuilder::new(&scan.metrics).counter("rows_scanned", partition),
        bytes_scanned: MetricBuilder::new(&scan.metrics).counter("bytes_scanned", partition),
        progress: context.session_config().get_extension::<Progress>(),
        batch_rows: context.session_config().batch_size().max(1),
        ready: None,
        gave_way: None,
        segment: None,
        fetcher: None,
        pending: VecDeque::new(),
        piece_rows: 0,
        unit: work.first_unit(&scan, partition),
        scan,
        work,
    };
    let batches = futures::stream::try_unfold(reader, async move |mut reader| {
        Ok(reader.next_part().await?.map(|batch| (batch, reader)))
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, Box::pin(batches))))
}

/// What reads the segment that pieces came from last, and which state of the filters it knows.
struct Current<R> {
    at: usize,
    generation: u64,
    reader: R,
}

/// What reads this segment and knows the filters as they are now; what was there before if it still does.
fn current<'c, R>(
    last: &'c mut Option<Current<R>>,
    scan: &TableScan,
    at: usize,
    make: impl FnOnce() -> Result<R>,
) -> Result<&'c R> {
    let generation = filters::generation(&scan.filters);
    let current = match last.take() {
        Some(current) if current.at == at && current.generation == generation => current,
        _ => Current { at, generation, reader: make()? },
    };
    Ok(&last.insert(current).reader)
}

struct Reader {
    scan: TableScan,
    work: Arc<Work>,
    /// The unit that it takes pieces of.
    unit: usize,
    /// Rows that come out together at most.
    batch_rows: usize,
    /// Rows that were read and did not come out yet.
    ready: Option<RecordBatch>,
    /// When it last let other tasks run; `None` before it begins.
    gave_way: Option<Instant>,
    segment: Option<Current<PreparedReader>>,
    fetcher: Option<Current<Fetcher>>,
    /// Parts of the piece that is being read.
    pending: VecDeque<(SegmentRows, Arc<Assembly>)>,
    piece_rows: u64,
    baseline: BaselineMetrics,
    rows_scanned: Count,
    /// In memory form.
    bytes_scanned: Count,
    progress: Option<Arc<Progress>>,
}

impl Reader {
    /// The next rows, in the size that operators work with.
    async fn next_part(&mut self) -> Result<Option<RecordBatch>> {
        self.give_way().await;
        let batch = match self.ready.take() {
            Some(batch) => batch,
            None => match self.next().await? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        if batch.num_rows() <= self.batch_rows {
            return Ok(Some(batch));
        }
        self.ready = Some(batch.slice(self.batch_rows, batch.num_rows() - self.batch_rows));
        Ok(Some(batch.slice(0, self.batch_rows)))
    }

    /// Lets other tasks run when whoever reads worked for long, so that a query can be cancelled though its operators never
    /// wait: a nested-loop join without matches asks for batch after batch within one poll.
    async fn give_way(&mut self) {
        match self.gave_way {
            Some(last) if last.elapsed() <= BUSY_MAX => return,
            Some(_) => tokio::task::yield_now().await,
            // Threads that were woken for the other partitions may have been put behind this one; they move when they begin.
            None if self.scan.partitions > 1 => std::thread::yield_now(),
            None => {}
        }
        self.gave_way = Some(Instant::now());
    }

    /// The next batch that is not empty.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let batch = if let Some((rows, assembly)) = self.pending.pop_front() {
                let started = Instant::now();
                let rows = rows.await.map_err(|error| into_datafusion(from_vortex(error)))?;
                let batch = rows.map(|rows| assembly.batch(rows)).transpose()?;
                self.took(started, batch.as_ref().map_or(0, RecordBatch::num_rows));
                if self.pending.is_empty() {
                    self.scanned(batch.as_ref());
                }
                batch
            } else {
                let work = Arc::clone(&self.work);
                let piece = match work.take(&self.scan, &mut self.unit, self.progress.as_deref())? {
                    Next::Piece(piece) => piece,
                    Next::Soon => {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    Next::End => return Ok(None),
                };
                self.piece_rows = piece.count();
                match piece {
                    Piece::Hot { at, .. } => {
                        let chunk = &self.scan.version.hot.chunks()[*at];
                        let batch = hot::read(&self.scan, chunk, work.only())?;
                        self.scanned(Some(&batch));
                        Some(batch)
                    }
                    Piece::Rows { at, positions } => {
                        self.work.observer.took(self.piece_rows);
                        let started = Instant::now();
                        let fetcher =
                            current(&mut self.fetcher, &self.scan, *at, || Fetcher::new(&self.scan, *at))?;
                        let batch = fetcher.read(positions).await?;
                        self.took(started, batch.num_rows());
                        self.scanned(Some(&batch));
                        Some(batch)
                    }
                    Piece::Segment { at, rows } => {
                        self.work.observer.took(self.piece_rows);
                        let reader = current(&mut self.segment, &self.scan, *at, || {
                            SegmentReader::new(&self.scan, *at)?.prepare()
                        })?;
                        let assembly = Arc::clone(reader.assembly());
                        let parts = reader.read(rows.clone())?;
                        self.pending.extend(parts.into_iter().map(|part| (part, Arc::clone(&assembly))));
                        if self.pending.is_empty() {
                            self.scanned(None);
                        }
                        None
                    }
                }
            };
            let Some(batch) = batch.filter(|batch| batch.num_rows() > 0) else { continue };
            let granted = self.work.grant(batch.num_rows());
            if granted == 0 {
                return Ok(None);
            }
            self.baseline.record_output(granted);
            return Ok(Some(if granted < batch.num_rows() { batch.slice(0, granted) } else { batch }));
        }
    }

    /// Rows were read since `started`; so many passed.
    fn took(&self, started: Instant, kept: usize) {
        let took = started.elapsed();
        self.baseline.elapsed_compute().add_duration(took);
        self.work.observer.read(kept, took);
    }

    fn scanned(&self, batch: Option<&RecordBatch>) {
        self.rows_scanned.add(usize::try_from(self.piece_rows).unwrap_or(usize::MAX));
        let bytes = batch.map_or(0, RecordBatch::get_array_memory_size);
        self.bytes_scanned.add(bytes);
        if let Some(progress) = &self.progress {
            progress.scanned(self.piece_rows, bytes as u64);
        }
    }
}
