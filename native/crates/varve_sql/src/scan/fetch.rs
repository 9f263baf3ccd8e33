//! Rows of a segment that are known by their positions: an index found them, or a statement that changes them.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use varve_table::{RowAddress, Segment};
use vortex::array::arrays::{PrimitiveArray, StructArray};
use vortex::array::validity::Validity;
use vortex::array::{ArrayRef, IntoArray};
use vortex::buffer::Buffer;
use vortex::dtype::{FieldName, FieldNames};

use super::segment::{Assembly, Needs};
use super::{ROW_ADDRESS, TableScan};
use crate::error::{from_vortex, into_datafusion};

/// Reads rows of one segment for one scan, with the filters as they were when it was made. All of them are left to
/// DataFusion: Vortex would evaluate them for whole chunks.
pub(super) struct Fetcher {
    segment: Arc<Segment>,
    /// What is read from the segment: all of `names` but the row address.
    stored: Vec<FieldName>,
    names: FieldNames,
    assembly: Assembly,
}

impl Fetcher {
    /// For the segment at this place in the table.
    pub(super) fn new(scan: &TableScan, at: usize) -> Result<Self> {
        let Needs { assembly, .. } = Needs::of(scan, at, true)?;
        let names: Vec<FieldName> = assembly.names().map(FieldName::from).collect();
        let stored = names.iter().filter(|name| name.as_ref() != ROW_ADDRESS).cloned().collect();
        let segment = Arc::clone(&scan.version.segments[at].segment);
        Ok(Self { segment, stored, names: FieldNames::from(names), assembly })
    }

    /// The rows at these positions, which ascend, as they come out; those that filters refuse are gone.
    pub(super) async fn read(&self, positions: &[u32]) -> Result<RecordBatch> {
        let fetched = self.segment.fetch(&self.stored, positions).await.map_err(into_datafusion)?;
        let mut fetched = fetched.into_iter();
        let columns = self.names.iter().filter_map(|name| match name.as_ref() {
            ROW_ADDRESS => Some(self.addresses(positions)),
            _ => fetched.next(),
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let rows = StructArray::try_new(self.names.clone(), columns, positions.len(), Validity::NonNullable);
        self.assembly.batch(rows.map_err(|error| into_datafusion(from_vortex(error)))?.into_array())
    }

    fn addresses(&self, positions: &[u32]) -> ArrayRef {
        let first = RowAddress::of_segment(self.segment.id()).0;
        let addresses = Buffer::from_iter(positions.iter().map(|position| first + u64::from(*position)));
        PrimitiveArray::new(addresses, Validity::NonNullable).into_array()
    }
}
