//! The second phase: parts become groups, one part after the other.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::piece::{PARTS, Rows};
use super::rows::{Decoder, hash_rows};
use super::shape::Shape;
use super::store::Store;
use super::table::RowTable;

/// Parts with fewer rows are merged together.
const ROWS_MIN: usize = 1 << 14;

/// A table begins with room for so many groups at most: a part may have as many rows of one key as there are rows at all.
const GROUPS_EXPECTED_MAX: usize = 1 << 16;

/// All that was collected, and which parts are still to be merged.
pub(in crate::aggregate) struct Collected {
    shape: Arc<Shape>,
    decoder: Decoder,
    stores: Vec<Store>,
    units: Vec<Range<usize>>,
    next: AtomicUsize,
}

impl Collected {
    pub(in crate::aggregate) fn new(shape: Arc<Shape>, stores: Vec<Store>) -> Self {
        let has_spilled = stores.iter().any(Store::has_spilled);
        let mut units: Vec<Range<usize>> = Vec::new();
        let mut part = 0;
        while part < PARTS {
            let mut unit = part..part + 1;
            if has_spilled {
                unit = Store::beside(part);
            } else {
                while unit.end < PARTS
                    && stores.iter().map(|store| store.len(&unit)).sum::<usize>() < ROWS_MIN
                {
                    unit.end += 1;
                }
            }
            part = unit.end;
            units.push(unit);
        }
        let decoder = shape.layout.decoder();
        Self { shape, decoder, stores, units, next: AtomicUsize::new(0) }
    }

    /// Merges the next parts, if there are any; their groups.
    pub(in crate::aggregate) async fn merge(
        &self,
        schema: &SchemaRef,
        reservation: &MemoryReservation,
    ) -> Result<Option<RecordBatch>> {
        let Some(parts) = self.units.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
            return Ok(None);
        };
        // Where rows have not become groups in the first phase, nearly each is one.
        let rows = self.stores.iter().map(|store| store.len(parts)).sum::<usize>();
        let mut merger = Merger::new(&self.shape, rows.min(GROUPS_EXPECTED_MAX), reservation)?;
        for store in &self.stores {
            for piece in store.pieces().iter().filter(|piece| piece.len(parts) > 0) {
                merger.add(&piece.rows(parts))?;
            }
            store.read(parts, |rows| merger.add(&rows)).await?;
        }
        merger.finish(&self.decoder, schema).map(Some)
    }
}

/// Some parts that are merged.
struct Merger<'m> {
    shape: &'m Shape,
    table: RowTable,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    hashes: Vec<u64>,
    groups: Vec<usize>,
    reservation: &'m MemoryReservation,
}

impl<'m> Merger<'m> {
    fn new(shape: &'m Shape, groups: usize, reservation: &'m MemoryReservation) -> Result<Self> {
        Ok(Self {
            table: RowTable::new(shape.layout.width(), groups),
            accumulators: shape.accumulators()?,
            hashes: Vec::new(),
            groups: Vec::new(),
            shape,
            reservation,
        })
    }

    fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        hash_rows(rows.rows, self.shape.layout.width(), self.shape.seed, &mut self.hashes);
        self.table.number(rows.rows, &self.hashes, &mut self.groups);
        self.shape.add(&mut self.accumulators, rows, &self.groups, self.table.len())?;
        let accumulators = self.accumulators.iter().map(|accumulator| accumulator.size()).sum::<usize>();
        self.reservation.try_resize(accumulators + self.table.size() + 16 * self.hashes.capacity())
    }

    fn finish(mut self, decoder: &Decoder, schema: &SchemaRef) -> Result<RecordBatch> {
        let mut columns = decoder.columns(self.table.rows())?;
        for accumulator in &mut self.accumulators {
            columns.push(accumulator.evaluate(EmitTo::All)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}
