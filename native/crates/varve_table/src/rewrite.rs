//! Rewriting: rows of hot chunks and segments into new segments, without those that are deleted.
//!
//! The work is done on a snapshot, while others read and write. Only at the end is the writer taken: rows that were deleted
//! meanwhile are deleted in the new segments too, and one commit replaces the old by the new. When the table was redefined
//! meanwhile, nothing is changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use roaring::RoaringBitmap;
use varve_types::Result;

use crate::change::Change;
use crate::compression::Layout;
use crate::database::Database;
use crate::error::from_arrow;
use crate::ids::{ColumnId, SegmentId, TableId};
use crate::load::{Load, LoadedSegment};
use crate::rows::{Place, RowAddress, RowSet};
use crate::segment::Segment;
use crate::sorted::{Part, sorted};
use crate::transaction::Transaction;
use crate::version::{LiveSegment, TableVersion};

/// What is to be rewritten.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// All hot rows that are there when it begins.
    pub hot: bool,
    /// These segments.
    pub segments: BTreeSet<SegmentId>,
    /// How the new segments are laid out; without a sort key the rows stay in the order that they have.
    pub layout: Layout,
    /// The new segments may have so many bytes together; when they have more, nothing is changed.
    pub bytes_max: Option<u64>,
}

/// What came of a rewrite.
pub(crate) enum Rewritten {
    /// The new segments are live.
    Done,
    /// There was nothing to do, or others changed what was to be rewritten.
    Nothing,
    /// The new segments would have had too many bytes.
    TooLarge,
}

impl Database {
    /// Rewrites part of a table; whether it did. It did not when there was nothing to do, when the table or the segments
    /// were changed by others meanwhile, or when the result was larger than it may be.
    ///
    /// # Errors
    /// `STORE_READ_ONLY`; `STORE_DAMAGED` when rows cannot be read, `STORE_FULL` and its kin when they cannot be written;
    /// the table is then as before.
    /// Cost: reads and compresses the rows; sorts them, 256 MiB at a time, when there is a sort key.
    pub async fn rewrite(&self, table: TableId, what: &Rewrite) -> Result<bool> {
        let rewritten = self.rewrite_noting(table, what, |_, _| None).await?;
        Ok(matches!(rewritten, Rewritten::Done))
    }

    /// The same; what `note` makes of the table and its new segments is part of the commit.
    pub(crate) async fn rewrite_noting(
        &self,
        table: TableId,
        what: &Rewrite,
        note: impl FnOnce(&TableVersion, &[Arc<Segment>]) -> Option<Change>,
    ) -> Result<Rewritten> {
        self.refuse_if_read_only()?;
        let snapshot = self.snapshot();
        let Some(before) = snapshot.tables.get(&table) else { return Ok(Rewritten::Nothing) };
        let inputs: Vec<&LiveSegment> =
            before.segments.iter().filter(|live| what.segments.contains(&live.segment.id())).collect();
        let hot_end = if what.hot { before.hot.next_row() } else { 0 };
        if inputs.len() < what.segments.len()
            || (inputs.is_empty() && (!what.hot || before.hot.stored_rows() == 0))
        {
            return Ok(Rewritten::Nothing);
        }
        let layout = what.layout.within(&before.table);
        let parts = read(before, &inputs, what.hot)?;
        let (addresses, loaded) = if layout.order.is_empty() {
            self.write(before, &layout, parts).await?
        } else {
            self.write(before, &layout, sorted(parts, &layout.order)).await?
        };
        let bytes: u64 = loaded.iter().map(|loaded| loaded.segment.meta().bytes).sum();
        if what.bytes_max.is_some_and(|most| bytes > most) {
            return Ok(Rewritten::TooLarge);
        }
        let replaced = Replaced { before: Arc::clone(before), inputs: what.segments.clone(), hot_end };
        let is_done = replaced.commit(self.begin().await, &addresses, loaded, note).await?;
        Ok(if is_done { Rewritten::Done } else { Rewritten::Nothing })
    }

    async fn write(
        &self,
        before: &Arc<TableVersion>,
        layout: &Layout,
        parts: impl Stream<Item = Result<Part>>,
    ) -> Result<(Vec<RowAddress>, Vec<LoadedSegment>)> {
        let mut addresses = Vec::new();
        let rows = parts.map_ok(|part| {
            addresses.extend(part.addresses);
            part.batch
        });
        let mut load =
            Load::new(Arc::clone(self.store()), before.table.stored_schema(), Arc::clone(before.hot.keys()))
                .with_layout(layout.clone());
        let loaded = load.run(rows).await?;
        Ok((addresses, loaded))
    }
}

/// The live rows of `inputs`, then the hot ones.
fn read<'v>(
    version: &'v TableVersion,
    inputs: &[&'v LiveSegment],
    hot: bool,
) -> Result<impl Stream<Item = Result<Part>> + Send + use<'v>> {
    let columns: Vec<ColumnId> = version.table.columns.iter().map(|column| column.id).collect();
    let mut segments = Vec::with_capacity(inputs.len());
    for live in inputs {
        let first = RowAddress::of_segment(live.segment.id());
        let deleted = live.deleted.clone();
        let mut position = 0u64;
        segments.push(live.segment.read(&version.table, &columns)?.map(move |batch| {
            let batch = batch?;
            let start = position;
            position += batch.num_rows() as u64;
            let is_live =
                |row: u64| !deleted.as_ref().is_some_and(|deleted| deleted.contains((start + row) as u32));
            keep(&batch, RowAddress(first.0 + start), is_live)
        }));
    }
    let hot = version.hot.chunks().iter().filter(move |_| hot).map(|chunk| {
        let is_live = |row| !version.hot.deleted().contains(chunk.first_row + row);
        keep(&chunk.batch, RowAddress::of_hot(chunk.first_row), is_live)
    });
    Ok(stream::iter(segments).flatten().chain(stream::iter(hot)))
}

/// The rows of `batch` that are live, with their addresses, which count up from `first`.
fn keep(batch: &RecordBatch, first: RowAddress, is_live: impl Fn(u64) -> bool) -> Result<Part> {
    let rows = batch.num_rows() as u64;
    let mask: BooleanArray = (0..rows).map(|row| Some(is_live(row))).collect();
    let addresses: Vec<RowAddress> =
        (0..rows).filter(|row| mask.value(*row as usize)).map(|row| RowAddress(first.0 + row)).collect();
    let batch = if addresses.len() == batch.num_rows() {
        batch.clone()
    } else {
        arrow_select::filter::filter_record_batch(batch, &mask)
            .map_err(|error| from_arrow(error, "leaving deleted rows out"))?
    };
    Ok(Part { batch, addresses })
}

/// What was rewritten, as it was when that began.
struct Replaced {
    before: Arc<TableVersion>,
    inputs: BTreeSet<SegmentId>,
    hot_end: u64,
}

impl Replaced {
    /// Puts the new segments, whose rows came from `addresses`, in the place of the old rows.
    async fn commit(
        &self,
        mut transaction: Transaction,
        addresses: &[RowAddress],
        loaded: Vec<LoadedSegment>,
        note: impl FnOnce(&TableVersion, &[Arc<Segment>]) -> Option<Change>,
    ) -> Result<bool> {
        let table = self.before.table.id;
        let snapshot = transaction.snapshot();
        let Some(now) = snapshot.tables.get(&table) else { return Ok(false) };
        let is_same = Arc::ptr_eq(&now.table, &self.before.table)
            && Arc::ptr_eq(now.hot.keys(), self.before.hot.keys())
            && self.inputs.iter().all(|id| now.segment(*id).is_some());
        if !is_same {
            return Ok(false);
        }
        for live in now.segments.iter().filter(|live| self.inputs.contains(&live.segment.id())) {
            transaction.retire(live);
            transaction.change(Change::RemoveSegment { table, segment: live.segment.id() })?;
        }
        if self.hot_end > 0 {
            let mut deleted = now.hot.deleted().clone();
            deleted.remove_range(..self.hot_end);
            transaction.change(Change::DropHot { table, end: self.hot_end, deleted })?;
        }
        let segments: Vec<_> = loaded.iter().map(|loaded| Arc::clone(&loaded.segment)).collect();
        if let Some(change) = note(now, &segments) {
            transaction.change(change)?;
        }
        let mut rows = RowSet::default();
        let mut addresses = addresses.iter();
        for LoadedSegment { segment, keys } in loaded {
            let own = addresses.by_ref().take(segment.meta().rows as usize).enumerate();
            let gone: RoaringBitmap =
                own.filter(|(_, from)| is_deleted(now, **from)).map(|(to, _)| to as u32).collect();
            if !gone.is_empty() {
                rows.segments.insert(segment.id(), gone);
            }
            transaction.change(Change::AddSegment { table, segment })?;
            for keys in keys {
                transaction.change(Change::AddKeyRun { table, run: keys.run })?;
            }
        }
        if !rows.is_empty() {
            transaction.change(Change::Delete { table, rows })?;
        }
        transaction.same_contents(table, now.contents);
        transaction.commit().await.map(|_| true)
    }
}

fn is_deleted(version: &TableVersion, row: RowAddress) -> bool {
    match row.place() {
        Place::Hot(row) => version.hot.deleted().contains(row),
        Place::Segment(segment, position) => version
            .segment(segment)
            .and_then(|live| live.deleted.as_ref())
            .is_some_and(|deleted| deleted.contains(position)),
    }
}
