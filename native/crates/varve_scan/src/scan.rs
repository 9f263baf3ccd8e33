//! The rows of a table: its segments without what is deleted, then its hot rows.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use futures::{StreamExt, TryStreamExt, stream};
use varve_table::{ColumnId, HotChunk, TableVersion};
use varve_types::Result;
use vortex::session::VortexSession;

use crate::Progress;
use crate::error::from_arrow;
use crate::expr::Expr;
use crate::pipeline::Batches;
use crate::pushdown::Pushdown;

/// A scan of some columns of one version of a table.
pub(crate) struct Scan {
    version: Arc<TableVersion>,
    /// Positions in the table, in the order in which they come out.
    positions: Vec<usize>,
    pub schema: SchemaRef,
}

impl Scan {
    /// Of the columns for which `is_wanted` holds.
    pub(crate) fn new(version: &Arc<TableVersion>, is_wanted: impl Fn(&str) -> bool) -> Self {
        let columns = version.table.columns.iter().enumerate();
        let positions: Vec<usize> =
            columns.filter(|(_, column)| is_wanted(&column.name)).map(|(at, _)| at).collect();
        let all = version.table.arrow_schema();
        let fields = positions.iter().map(|at| all.field(*at).clone()).collect::<Vec<_>>();
        Self { version: Arc::clone(version), positions, schema: Arc::new(Schema::new(fields)) }
    }

    /// The rows; those that one of `conditions` refuses may be left out.
    pub(crate) fn rows(
        self,
        session: &VortexSession,
        conditions: &[Expr],
        progress: &Arc<Progress>,
    ) -> Result<Batches> {
        let Self { version, positions, schema } = self;
        let pushdown = Pushdown { session, table: &version.table, positions: &positions };
        let filters = pushdown.filters(conditions);
        let ids: Arc<[ColumnId]> = positions.iter().map(|at| version.table.columns[*at].id).collect();
        progress.expect_rows(version.live_rows());

        let segments = stream::iter(version.segments.clone());
        let (table, seen, named) = (Arc::clone(&version.table), Arc::clone(progress), Arc::clone(&schema));
        let stored = segments.map(move |live| {
            let counted = Counted { progress: Arc::clone(&seen), left: live.live_rows() };
            let (rows, named) = (live.read(&table, &ids, &filters)?, Arc::clone(&named));
            Ok(stream::try_unfold((rows.boxed(), counted), move |(mut rows, mut counted)| {
                let named = Arc::clone(&named);
                async move {
                    let Some(batch) = rows.try_next().await? else {
                        counted.rest();
                        return Ok(None);
                    };
                    counted.batch(&batch);
                    let batch = renamed(&named, &batch)?;
                    Ok(Some((batch, (rows, counted))))
                }
            }))
        });
        let chunks = stream::iter(version.hot.chunks().to_vec());
        let (seen, hot_version) = (Arc::clone(progress), version);
        let hot = chunks.map(move |chunk| {
            let batch = hot_rows(&hot_version, &chunk, &positions, &schema)?;
            seen.scanned(batch.num_rows() as u64, batch.get_array_memory_size() as u64);
            Ok(batch)
        });
        Ok(stored.try_flatten().chain(hot).boxed())
    }
}

/// Progress of the rows of a segment, of which filters leave some out.
struct Counted {
    progress: Arc<Progress>,
    left: u64,
}

impl Counted {
    fn batch(&mut self, batch: &RecordBatch) {
        let rows = (batch.num_rows() as u64).min(self.left);
        self.left -= rows;
        self.progress.scanned(rows, batch.get_array_memory_size() as u64);
    }

    fn rest(&mut self) {
        self.progress.scanned(std::mem::take(&mut self.left), 0);
    }
}

/// The same columns under the names that users see.
fn renamed(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)
        .map_err(from_arrow)
}

fn hot_rows(
    version: &TableVersion,
    chunk: &HotChunk,
    positions: &[usize],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let columns = chunk.batch.project(positions).map_err(from_arrow)?;
    let batch = renamed(schema, &columns)?;
    let (deleted, rows) = (version.hot.deleted(), chunk.first_row..chunk.end_row());
    if deleted.range_cardinality(rows.clone()) == 0 {
        return Ok(batch);
    }
    let live: BooleanArray = rows.map(|row| Some(!deleted.contains(row))).collect();
    filter_record_batch(&batch, &live).map_err(from_arrow)
}
