//! Single rows by primary key, found at once on the calling thread.
//!
//! A hot row lies in memory. A row of a segment is decoded together with its neighbours, its *stripe*, which is kept: the
//! next read of one of them finds it decoded. What is kept has a bound; the stripes that were decoded first go first, since
//! keeping account of every read would cost more than it saves.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow_array::RecordBatch;
use foldhash::fast::RandomState;
use futures::StreamExt;
use futures::executor::block_on_stream;
use varve_types::Result;

use crate::definition::Table;
use crate::error::{damaged, from_arrow};
use crate::hot;
use crate::ids::{ColumnId, SegmentId};
use crate::key::{KeyRef, PRIMARY};
use crate::rows::Place;
use crate::segment::Segment;
use crate::version::TableVersion;

/// Rows that are decoded together: what Vortex has statistics of, and cuts its chunks into.
const STRIPE_ROWS: u64 = 8192;
/// Bytes of stripes that one reader keeps.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Reads rows of one table, as long as its definition stays.
pub struct PointReader {
    table: Arc<Table>,
    columns: Vec<ColumnId>,
    kept: HashMap<(SegmentId, u32), RecordBatch, RandomState>,
    /// The keys of `kept`, oldest first.
    order: VecDeque<(SegmentId, u32)>,
    bytes: usize,
}

/// A row: the batch that it is in, in stored form, and its place there.
#[derive(Clone, Copy)]
pub struct PointRow<'r> {
    /// The batch; its columns are those of the table, in table order.
    pub batch: &'r RecordBatch,
    /// The place of the row.
    pub at: usize,
}

impl PointReader {
    /// A reader of a table with this definition.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        let columns = table.columns.iter().map(|column| column.id).collect();
        Self { table, columns, kept: HashMap::default(), order: VecDeque::new(), bytes: 0 }
    }

    /// The definition that it reads by.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Whether `version` is of the table as this reader knows it.
    #[must_use]
    pub fn fits(&self, version: &TableVersion) -> bool {
        Arc::ptr_eq(&self.table, &version.table)
    }

    /// The row of `version`, which must fit, with this primary key.
    ///
    /// # Errors
    /// `STORE_DAMAGED` and its kin when a key run or a segment cannot be read.
    /// Cost: a lookup in the hot rows and in one key run per segment; a row whose stripe is not kept reads and decodes that.
    pub fn find<'r>(
        &'r mut self,
        version: &'r TableVersion,
        key: KeyRef<'_>,
    ) -> Result<Option<PointRow<'r>>> {
        match version.find_one(PRIMARY, key)?.map(crate::rows::RowAddress::place) {
            None => Ok(None),
            Some(Place::Hot(row)) => {
                let chunks = version.hot.chunks();
                let chunk = chunks.partition_point(|chunk| chunk.end_row() <= row);
                let chunk = chunks.get(chunk).ok_or_else(|| damaged("a hot row is in no chunk"))?;
                Ok(Some(PointRow { batch: &chunk.batch, at: (row - chunk.first_row) as usize }))
            }
            Some(Place::Segment(segment, position)) => {
                let live = version.segment(segment).ok_or_else(|| damaged("a row is in no segment"))?;
                let position = u64::from(position);
                let batch = self.stripe(version, &live.segment, position / STRIPE_ROWS)?;
                Ok(Some(PointRow { batch, at: (position % STRIPE_ROWS) as usize }))
            }
        }
    }

    fn stripe(&mut self, version: &TableVersion, segment: &Segment, stripe: u64) -> Result<&RecordBatch> {
        let place = (segment.id(), stripe as u32);
        if !self.kept.contains_key(&place) {
            version.workload.read_point();
            let rows = stripe * STRIPE_ROWS..((stripe + 1) * STRIPE_ROWS).min(segment.meta().rows);
            let parts = segment.read_rows(&self.table, &self.columns, rows)?;
            let parts = block_on_stream(parts.boxed()).collect::<Result<Vec<_>>>()?;
            let batch = arrow_select::concat::concat_batches(&self.table.stored_schema(), &parts)
                .and_then(|batch| hot::compact(&batch))
                .map_err(|error| from_arrow(error, "joining rows of a segment"))?;
            self.keep(place, batch);
        }
        self.kept.get(&place).ok_or_else(|| damaged("a stripe that was decoded is not kept"))
    }

    fn keep(&mut self, place: (SegmentId, u32), batch: RecordBatch) {
        self.bytes += batch.get_array_memory_size();
        self.order.push_back(place);
        self.kept.insert(place, batch);
        while self.bytes > KEPT_BYTES_MAX && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|place| self.kept.remove(&place));
            self.bytes -= oldest.map_or(0, |batch| batch.get_array_memory_size());
        }
    }
}
