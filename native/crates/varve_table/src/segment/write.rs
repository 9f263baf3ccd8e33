//! Writing a segment: compress, write, sync, read back, verify.

use std::backtrace::Backtrace;
use std::pin::Pin;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{Stream, StreamExt, stream};
use varve_files::Access;
use varve_types::Result;
use vortex::array::stream::ArrayStreamAdapter;
use vortex::error::VortexError;
use vortex::file::{Footer, WriteOptionsSessionExt};
use vortex::session::VortexSession;
use vortex_arrow::ArrowSessionExt;

use super::file::SegmentFile;
use super::{Segment, SegmentMeta, SegmentStore, Writing, file_name};
use crate::compression::{self, Layout, SAMPLE_ROWS, Sample};
use crate::error::{damaged, from_io, from_vortex};
use crate::ids::SegmentId;

/// Rows to be written, in stored form.
pub(crate) struct SegmentRows {
    /// The schema of every batch: fields by stored name.
    pub schema: SchemaRef,
    /// The rows, in the order in which they shall lie.
    pub batches: Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
    /// How they are laid out; whoever gives the rows has sorted them.
    pub layout: Layout,
}

impl SegmentStore {
    /// Writes `rows` as segment `id` and opens it: durable and verified, but not live before a commit says so.
    ///
    /// # Errors
    /// The first error of `rows`; `STORE_FULL` and its kin of the file; `STORE_DAMAGED` when what is read back is not
    /// what was written. The file is removed again then, or when the database is next opened.
    pub(crate) async fn write_segment(self: &Arc<Self>, id: SegmentId, rows: SegmentRows) -> Result<Segment> {
        let path = self.folder.join(file_name(id));
        let file =
            self.files.open(&path, Access::Create).map_err(|error| from_io(error, "creating", &path))?;
        let layout = rows.layout.clone();
        let written = stream_into(SegmentFile::new(file), rows, &self.session).await;
        let opened = match written {
            Ok((file, footer)) => {
                let settled =
                    Writing::start_blocking(self, move |store| settle(store, (id, layout), file, &footer));
                settled.end().await
            }
            Err(error) => Err(error),
        };
        if opened.is_err() {
            let _unreferenced = self.files.remove(&path);
        }
        opened
    }
}

async fn stream_into(
    mut file: SegmentFile,
    rows: SegmentRows,
    session: &VortexSession,
) -> Result<(SegmentFile, Footer)> {
    let mut batches = rows.batches.fuse();
    let first = first_rows(&mut batches).await?;
    let strategy = compression::strategy(session, &rows.schema, &Sample::of(&first), &rows.layout);
    let arrow = session.arrow();
    let dtype = arrow
        .from_arrow_schema(&rows.schema)
        .map_err(|error| from_vortex(error, "a column of this type cannot be stored"))?;
    let (schema, convert) = (rows.schema, session.clone());
    let batches = stream::iter(first.into_iter().map(Ok)).chain(batches);
    let arrays = batches.map(move |batch| {
        let batch =
            batch.map_err(|error| VortexError::External(Box::new(error), Box::new(Backtrace::disabled())))?;
        convert.arrow().from_arrow_record_batch(batch, &schema)
    });
    let summary = session
        .write_options()
        .with_strategy(strategy)
        .write(&mut file, ArrayStreamAdapter::new(dtype, arrays))
        .await
        .map_err(|error| from_vortex(error, "writing a segment"))?;
    Ok((file, summary.footer().clone()))
}

/// As many rows as a sample needs, or all.
async fn first_rows(
    batches: &mut (impl Stream<Item = Result<RecordBatch>> + Unpin),
) -> Result<Vec<RecordBatch>> {
    let (mut first, mut count) = (Vec::new(), 0);
    while count < SAMPLE_ROWS
        && let Some(batch) = batches.next().await
    {
        let batch = batch?;
        count += batch.num_rows();
        first.push(batch);
    }
    Ok(first)
}

/// Syncs file and name, reads everything back, and opens the segment by what was read.
fn settle(
    store: &Arc<SegmentStore>,
    (id, layout): (SegmentId, Layout),
    file: SegmentFile,
    footer: &Footer,
) -> Result<Segment> {
    let folder = &store.folder;
    let path = folder.join(file_name(id));
    let io = |doing: &'static str| {
        let path = &path;
        move |error| from_io(error, doing, path)
    };
    let (file, bytes, sum) = file.finish().map_err(io("writing"))?;
    store.files.sync_dir(folder).map_err(io("syncing the folder of"))?;

    let length = usize::try_from(bytes).map_err(|_| super::too_large(&path))?;
    let map = file.map(length).map_err(io("reading back"))?;
    if file.len().map_err(io("reading back"))? != bytes || crc32c::crc32c(&map) != sum {
        return Err(damaged(format!("segment {} reads back otherwise than written", path.display())));
    }
    let parts = footer.segment_map();
    let part_sums = parts.iter().map(|part| {
        let range = part.byte_range();
        map.get(range.start as usize..range.end as usize).map(crc32c::crc32c)
    });
    let part_sums = part_sums
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| damaged(format!("segment {} has parts outside of its file", path.display())))?;
    let footer_at = parts.iter().map(|part| part.byte_range().end).max().unwrap_or(0);
    let footer_sum = crc32c::crc32c(&map[footer_at as usize..]);
    let meta = SegmentMeta { id, rows: footer.row_count(), bytes, part_sums, footer_sum, footer_at, layout };
    drop(map);
    Segment::open(store, meta)
}
