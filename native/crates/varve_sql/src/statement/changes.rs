//! What a statement does to the rows of one table, held until all of it is known: a statement that fails changes nothing.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::stream;
use varve_table::{RowAddress, RowSet, Table, Transaction};
use varve_types::Result;

use super::returning::Returning;
use super::rows;
use crate::error::from_datafusion;
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;

/// Rows in memory that count against what queries may hold together.
pub(super) struct Held {
    batches: Vec<RecordBatch>,
    counter: RecordBatchMemoryCounter,
    reservation: MemoryReservation,
}

impl Held {
    /// None yet; `statement` is what an error of memory calls them.
    pub(super) fn new(run: &Run<'_>, statement: &str) -> Self {
        let pool = &run.states.usual.runtime_env().memory_pool;
        Self {
            batches: Vec::new(),
            counter: RecordBatchMemoryCounter::new(),
            reservation: MemoryConsumer::new(statement).register(pool),
        }
    }

    /// Keeps rows.
    ///
    /// # Errors
    /// `MEMORY_EXCEEDED`.
    pub(super) fn push(&mut self, rows: RecordBatch) -> Result<()> {
        if rows.num_rows() > 0 {
            self.count(&rows)?;
            self.batches.push(rows);
        }
        Ok(())
    }

    /// Counts rows that are kept elsewhere.
    fn count(&mut self, rows: &RecordBatch) -> Result<()> {
        let bytes = self.counter.count_batch(rows);
        self.reserve(bytes)
    }

    /// Counts bytes that are kept beside the rows.
    ///
    /// # Errors
    /// `MEMORY_EXCEEDED`.
    pub(super) fn reserve(&self, bytes: usize) -> Result<()> {
        self.reservation.try_grow(bytes).map_err(from_datafusion)
    }

    pub(super) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }
}

/// Rows that go and rows that come.
pub(super) struct Changes {
    table: Arc<Table>,
    gone: RowSet,
    gone_bytes: usize,
    come: Held,
    /// Old rows that RETURNING shows.
    shown: Vec<RecordBatch>,
}

impl Changes {
    pub(super) fn new(run: &Run<'_>, table: &Arc<Table>, statement: &str) -> Self {
        Self {
            table: Arc::clone(table),
            gone: RowSet::default(),
            gone_bytes: 0,
            come: Held::new(run, statement),
            shown: Vec::new(),
        }
    }

    /// A row goes; whether it did not before.
    pub(super) fn go(&mut self, row: RowAddress) -> bool {
        self.gone.insert(row)
    }

    /// Rows come, in the types and order of the table's columns.
    ///
    /// # Errors
    /// `MEMORY_EXCEEDED`, also for the rows that went so far; `CONSTRAINT_VIOLATED` for NULL where it may not be.
    pub(super) fn come(&mut self, rows: &RecordBatch) -> Result<()> {
        self.come.push(rows::of_table(&self.table, rows)?)?;
        self.count_gone()
    }

    /// Rows that went are shown by RETURNING.
    ///
    /// # Errors
    /// `MEMORY_EXCEEDED`.
    pub(super) fn show(&mut self, rows: &RecordBatch) -> Result<()> {
        let rows = rows::of_table(&self.table, rows)?;
        self.come.count(&rows)?;
        self.shown.push(rows);
        Ok(())
    }

    /// Counts the memory of the rows that went.
    ///
    /// # Errors
    /// `MEMORY_EXCEEDED`.
    pub(super) fn count_gone(&mut self) -> Result<()> {
        let bytes = self.gone.bytes();
        self.come.reserve(bytes.saturating_sub(self.gone_bytes))?;
        self.gone_bytes = self.gone_bytes.max(bytes);
        Ok(())
    }

    /// Makes the changes, and answers with how many there were and with what RETURNING asks. Its subqueries see the table
    /// as it was before.
    ///
    /// # Errors
    /// `CONSTRAINT_VIOLATED` and those of RETURNING.
    pub(super) async fn apply(
        self,
        run: &Run<'_>,
        planner: &mut Planner,
        transaction: &mut Transaction,
        (count, returning): (u64, Option<&Returning>),
    ) -> Result<Output> {
        let answer = match returning {
            Some(returning) => {
                let written = self.come.batches.iter().chain(&self.shown).cloned().collect();
                Some(returning.answer(run, planner, &self.table, written).await?)
            }
            None => None,
        };
        transaction.delete(self.table.id, self.gone)?;
        transaction.append(self.table.id, stream::iter(self.come.batches.into_iter().map(Ok))).await?;
        Ok(match answer {
            Some((schema, rows)) => Output::of_rows(schema, rows, count),
            None => Output::done(Some(count)),
        })
    }
}
