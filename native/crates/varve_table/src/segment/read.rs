//! Reading a segment from its first row to its last: for indexing and rewriting it.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{Field, Schema};
use futures::{Stream, StreamExt};
use varve_types::Result;
use vortex::array::VortexSessionExecute;
use vortex::dtype::{FieldName, FieldNames};
use vortex::expr::{root, select};
use vortex_arrow::ArrowSessionExt;

use super::Segment;
use crate::definition::Table;
use crate::error::from_vortex;
use crate::ids::ColumnId;

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
        let wanted = Arc::new(table.project(columns));
        let stored = self.stored_schema(&wanted);
        let names: FieldNames =
            stored.fields().iter().map(|field| FieldName::from(field.name().as_str())).collect();
        let doing = "reading a segment";
        let projection =
            select(names, root()).bind(self.file.dtype()).map_err(|error| from_vortex(error, doing))?;
        let arrays = self
            .scan()
            .with_projection(projection)
            .with_row_range(rows)
            .into_stream()
            .map_err(|error| from_vortex(error, doing))?;
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
