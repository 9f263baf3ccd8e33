//! What one thread has collected: pieces in memory, and on disk what had no room.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SpillFile;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use futures::TryStreamExt;

use super::piece::{Kind, PARTS, Piece, from_batch};

/// Parts that go to disk together, so that files do not become too many and too small.
const SPILLED_PARTS: usize = 4;

/// Some parts of a piece on disk.
struct Spilled {
    kind: Kind,
    parts: Range<usize>,
    manager: SpillManager,
    file: Arc<dyn SpillFile>,
}

/// The pieces of one thread.
pub(in crate::aggregate) struct Store {
    pieces: Vec<Piece>,
    spilled: Vec<Spilled>,
    context: Arc<TaskContext>,
    metrics: SpillMetrics,
    reservation: MemoryReservation,
}

impl Store {
    pub(in crate::aggregate) fn new(
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
    ) -> Self {
        let consumer = MemoryConsumer::new(format!("GroupByRadixExec[{partition}]")).with_can_spill(true);
        Self {
            pieces: Vec::new(),
            spilled: Vec::new(),
            metrics: SpillMetrics::new(metrics, partition),
            reservation: consumer.register(context.memory_pool()),
            context,
        }
    }

    /// Takes a piece; `others` are bytes of the thread beside the pieces. Everything goes to disk when there is no room.
    pub(super) fn add(&mut self, piece: Piece, others: usize) -> Result<()> {
        self.pieces.push(piece);
        let bytes = others + self.size();
        // The second phase needs some room for the part that it works on.
        if self.reservation.try_resize(bytes + bytes / 8).is_err() {
            self.spill()?;
            // What is left is bounded by the size of a piece, and there is no less to do with.
            self.reservation.resize(others);
        }
        Ok(())
    }

    /// No piece is added any more.
    pub(super) fn close(&mut self) {
        self.reservation.resize(self.size());
    }

    /// How many rows some parts have in memory.
    pub(super) fn len(&self, parts: &Range<usize>) -> usize {
        self.pieces.iter().map(|piece| piece.len(parts)).sum()
    }

    /// The pieces in memory.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(super) fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// The parts that are on disk together with `part`.
    pub(super) fn beside(part: usize) -> Range<usize> {
        let start = part / SPILLED_PARTS * SPILLED_PARTS;
        start..start + SPILLED_PARTS
    }

    /// Calls `take` with the rows of some parts that are on disk.
    pub(super) async fn read(
        &self,
        parts: &Range<usize>,
        mut take: impl FnMut(super::piece::Rows<'_>) -> Result<()>,
    ) -> Result<()> {
        for spilled in self.spilled.iter().filter(|spilled| spilled.parts == *parts) {
            let mut batches = spilled.manager.read_spill_as_stream(Arc::clone(&spilled.file), None)?;
            while let Some(batch) = batches.try_next().await? {
                let (rows, columns) = from_batch(&batch);
                take(super::piece::Rows { kind: spilled.kind, rows: &rows, columns })?;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.pieces.iter().map(Piece::size).sum()
    }

    fn spill(&mut self) -> Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        for kind in [Kind::Arguments, Kind::States] {
            let pieces = pieces.iter().filter(|piece| piece.kind == kind).collect::<Vec<_>>();
            let Some(first) = pieces.first() else { continue };
            let schema = first.batch(&(0..0))?.schema();
            let environment = self.context.runtime_env();
            let manager = SpillManager::new(environment, self.metrics.clone(), schema);
            for start in (0..PARTS).step_by(SPILLED_PARTS) {
                let parts = Self::beside(start);
                let batches = pieces.iter().filter(|piece| piece.len(&parts) > 0);
                let batches = batches.map(|piece| piece.batch(&parts)).collect::<Result<Vec<_>>>()?;
                if let Some(file) = manager.spill_record_batch_and_finish(&batches, "GroupByRadixExec")? {
                    self.spilled.push(Spilled { kind, parts, manager: manager.clone(), file });
                }
            }
        }
        Ok(())
    }
}
