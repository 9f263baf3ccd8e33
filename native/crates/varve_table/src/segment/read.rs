//! Reading a segment in the order of its rows: all of them, for indexing and rewriting it, or those that a plan wants.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{Field, Schema};
use futures::{Stream, StreamExt};
use varve_types::Result;
use vortex::array::ArrayRef;
use vortex::array::VortexSessionExecute;
use vortex::buffer::Buffer;
use vortex::dtype::{FieldName, FieldNames};
use vortex::error::VortexResult;
use vortex::expr::{Expression, and_collect, root, select};
use vortex::layout::scan::scan_builder::ScanBuilder;
use vortex::scan::selection::Selection;
use vortex::scan::strict_sorted_buffer::StrictSortedBuffer;
use vortex_arrow::ArrowSessionExt;

use super::Segment;
use crate::definition::Table;
use crate::error::from_vortex;
use crate::ids::ColumnId;
use crate::version::LiveSegment;

type Scan = ScanBuilder<ArrayRef>;

impl Segment {
    /// All rows, deleted ones too, in the order in which they lie: `columns` of `table`, fields by stored name. Columns
    /// that are younger than the segment have their missing value.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a part fails its checksum, here or in the stream.
    pub fn read(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
        self.read_rows(table, columns, 0..self.meta.rows)
    }

    /// The same of the rows at these positions.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_rows(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        rows: Range<u64>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
        self.read_scan(table, columns, self.scan().with_row_range(rows))
    }

    /// The rows of a scan.
    fn read_scan(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        scan: Scan,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
        let wanted = Arc::new(table.project(columns));
        let stored = self.stored_schema(&wanted);
        let names: FieldNames =
            stored.fields().iter().map(|field| FieldName::from(field.name().as_str())).collect();
        let doing = "reading a segment";
        let projection =
            select(names, root()).bind(self.file.dtype()).map_err(|error| from_vortex(error, doing))?;
        let arrays =
            scan.with_projection(projection).into_stream().map_err(|error| from_vortex(error, doing))?;
        let target = Arc::new(Field::new_struct("", stored.fields().clone(), false));
        let session = self.store.session.clone();
        Ok(arrays.map(move |array| {
            let mut context = session.create_execution_ctx();
            let arrow = array
                .and_then(|array| session.arrow().execute_arrow(array, Some(&target), &mut context))
                .map_err(|error| from_vortex(error, doing))?;
            wanted.adapt_stored(&RecordBatch::from(arrow.as_struct()))
        }))
    }

    /// The fields of `table` that the segment has; the first of its own when it has none of them, for the count of rows.
    fn stored_schema(&self, table: &Table) -> Schema {
        let own = self.file.dtype().as_struct_fields_opt();
        let has = |name: &str| own.is_some_and(|own| own.names().iter().any(|field| field.as_ref() == name));
        let schema = table.stored_schema();
        let fields = schema.fields().iter().filter(|field| has(field.name())).cloned();
        let fields: Vec<_> = fields.collect();
        if !fields.is_empty() {
            return Schema::new(fields);
        }
        let whole = self.store.session.arrow().to_arrow_schema(self.file.dtype());
        Schema::new(whole.map(|schema| schema.fields()[..1].to_vec()).unwrap_or_default())
    }
}

impl LiveSegment {
    /// Rows that are not deleted, in the order in which they lie: `columns` of `table`, fields by stored name. Rows that
    /// one of `filters` refuses may be left out: a filter that the segment cannot evaluate is ignored.
    ///
    /// # Errors
    /// As [`Segment::read`].
    pub fn read(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        filters: &[Expression],
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
        let dtype = self.segment.file().dtype();
        let sayable = filters.iter().filter(|filter| filter.bind(dtype).is_ok()).cloned();
        let filter = and_collect(sayable);
        let filter = filter.map(|filter| filter.bind(dtype)?.optimize_recursive()).transpose();
        let filter = filter.map_err(|error| from_vortex(error, "preparing a filter"))?;
        let selection = self.selection().map_err(|error| from_vortex(error, "leaving deleted rows out"))?;
        let scan = self.segment.scan().with_some_filter(filter).with_selection(selection);
        self.segment.read_scan(table, columns, scan)
    }

    fn selection(&self) -> VortexResult<Selection> {
        let Some(deleted) = &self.deleted else { return Ok(Selection::All) };
        let positions = Buffer::from_iter(deleted.iter().map(u64::from));
        StrictSortedBuffer::try_new(positions).map(Selection::ExcludeByIndex)
    }
}
