//! The first phase: rows become pieces. Groups are made at once while that makes less of them; where nearly every row is a
//! group of its own, rows are only divided into parts.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_plan::metrics::Time;
use futures::TryStreamExt;

use super::piece::{Kind, Piece, Rows};
use super::rows::{Encoder, hash_rows};
use super::shape::Shape;
use super::store::Store;
use super::table::RowTable;

/// Groups that are held before they become a piece: as many as a core's caches hold.
const GROUPS_MAX: usize = 1 << 16;
/// Rows that become a piece together.
const ROWS_MAX: usize = 1 << 17;

/// The first phase in one thread.
pub(in crate::aggregate) struct Collector {
    shape: Arc<Shape>,
    encoder: Encoder,
    store: Store,
    grouped: Option<Grouped>,
    /// What waits to become a piece, when nothing is grouped.
    rows: Vec<u32>,
    columns: Vec<Vec<ArrayRef>>,
    hashes: Vec<u64>,
}

/// Groups so far.
struct Grouped {
    table: RowTable,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// Rows that are in them.
    seen: usize,
    groups: Vec<usize>,
}

impl Collector {
    pub(in crate::aggregate) fn new(shape: Arc<Shape>, store: Store) -> Result<Self> {
        Ok(Self {
            encoder: Encoder::new(Arc::clone(&shape.layout)),
            grouped: Some(Grouped {
                table: RowTable::new(shape.layout.width(), 0),
                accumulators: shape.accumulators()?,
                seen: 0,
                groups: Vec::new(),
            }),
            shape,
            store,
            rows: Vec::new(),
            columns: Vec::new(),
            hashes: Vec::new(),
        })
    }

    /// Collects all of `input`; `time` counts what is done beside waiting for it.
    pub(in crate::aggregate) async fn run(
        mut self,
        mut input: SendableRecordBatchStream,
        time: Time,
    ) -> Result<Store> {
        while let Some(batch) = input.try_next().await? {
            let _timer = time.timer();
            self.add(&batch)?;
        }
        let _timer = time.timer();
        match self.grouped.take() {
            Some(grouped) => drop(self.give_groups(grouped)?),
            None => self.give_rows()?,
        }
        self.store.close();
        Ok(self.store)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = self.shape.columns(batch)?;
        self.encoder.encode(&self.shape.keys(batch)?, &mut self.rows)?;
        match self.grouped.take() {
            Some(grouped) => self.group(grouped, columns),
            None => {
                self.columns.push(columns);
                if self.rows.len() >= ROWS_MAX * self.shape.layout.width() {
                    self.give_rows()
                } else {
                    Ok(())
                }
            }
        }
    }

    fn group(&mut self, mut grouped: Grouped, columns: Vec<ArrayRef>) -> Result<()> {
        let width = self.shape.layout.width();
        hash_rows(&self.rows, width, self.shape.seed, &mut self.hashes);
        grouped.table.number(&self.rows, &self.hashes, &mut grouped.groups);
        let rows = Rows { kind: Kind::Arguments, rows: &self.rows, columns };
        self.shape.add(&mut grouped.accumulators, &rows, &grouped.groups, grouped.table.len())?;
        self.rows.clear();
        grouped.seen += grouped.groups.len();
        if grouped.table.len() < GROUPS_MAX {
            self.grouped = Some(grouped);
            return Ok(());
        }
        let is_worth_it = grouped.seen >= 2 * grouped.table.len();
        let grouped = self.give_groups(grouped)?;
        self.grouped = is_worth_it.then_some(grouped);
        Ok(())
    }

    /// Makes a piece of the groups; what they were held in is empty then.
    fn give_groups(&mut self, mut grouped: Grouped) -> Result<Grouped> {
        let mut states = Vec::new();
        for accumulator in &mut grouped.accumulators {
            states.extend(accumulator.state(EmitTo::All)?);
        }
        self.give(Kind::States, grouped.table.rows(), &states, grouped.table.size())?;
        grouped.table.clear();
        grouped.seen = 0;
        Ok(grouped)
    }

    /// Makes a piece of the rows that wait.
    fn give_rows(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.columns);
        let width = waiting.first().map_or(0, Vec::len);
        let columns = (0..width).map(|at| {
            let parts = waiting.iter().map(|columns| columns[at].as_ref()).collect::<Vec<_>>();
            concat(&parts)
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let rows = std::mem::take(&mut self.rows);
        self.give(Kind::Arguments, &rows, &columns, 4 * rows.capacity())?;
        self.rows = rows;
        self.rows.clear();
        Ok(())
    }

    fn give(&mut self, kind: Kind, rows: &[u32], columns: &[ArrayRef], others: usize) -> Result<()> {
        let layout = &self.shape.layout;
        hash_rows(rows, layout.width(), self.shape.seed, &mut self.hashes);
        if self.hashes.is_empty() {
            return Ok(());
        }
        let piece = Piece::new(kind, layout.width(), rows, &self.hashes, columns)?;
        self.store.add(piece, others + layout.size() + 8 * self.hashes.capacity())
    }
}
