//! Segments: immutable files of rows, in the Vortex format.
//!
//! A segment is written, synced, read back and verified before the commit that makes it live; from then on nothing
//! changes it. Rows of it that are deleted stand in the catalogue. Its file is mapped, and each part of it is verified
//! against its checksum when it is first read.

mod encoding;
mod fetch;
mod file;
mod read;
mod reader;
mod single;
mod source;
mod store;
mod write;
mod writing;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use varve_files::Access;
use varve_types::{ErrorCode, Result, VarveError};
use vortex::file::{OpenOptionsSessionExt, VortexFile};
use vortex::layout::scan::scan_builder::ScanBuilder;

use crate::compression::Layout;
use crate::error::{damaged, from_io};
use crate::ids::SegmentId;
use crate::stored_file::StoredFile;
use fetch::Chunks;
use reader::SharedReader;
use source::VerifiedSource;

pub use encoding::Dictionaries;
pub use source::DAMAGE;
pub(crate) use store::SegmentStore;

pub(crate) use write::SegmentRows;
pub(crate) use writing::{Writing, cancelled, unfinished};

/// The folder of a database that holds its segments.
pub(crate) const FOLDER: &str = "segments";

/// What the catalogue knows of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentMeta {
    /// Its number.
    pub id: SegmentId,
    /// Rows in it, deleted ones too.
    pub rows: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// crc32c of each part that its footer lists, in that order.
    pub part_sums: Vec<u32>,
    /// crc32c of everything behind the last part: footer and end mark.
    pub footer_sum: u32,
    /// Where the footer starts.
    pub footer_at: u64,
    /// How it is laid out.
    #[serde(default, skip_serializing_if = "Layout::is_plain")]
    pub layout: Layout,
}

/// A segment. It stays readable as long as somebody holds it; its file goes with the last holder unless a commit names
/// it.
pub struct Segment {
    meta: SegmentMeta,
    file: VortexFile,
    reader: SharedReader,
    chunks: Chunks,
    store: Arc<SegmentStore>,
    stored: Arc<StoredFile>,
    requested: Arc<AtomicU64>,
}

impl Segment {
    /// Opens the file that `meta` describes.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when length, footer or structure are not those that were written; `STORE_IO` and its kin when
    /// the file cannot be opened.
    pub(crate) fn open(store: &Arc<SegmentStore>, meta: SegmentMeta) -> Result<Self> {
        let path = store.folder.join(file_name(meta.id));
        let io = |doing: &'static str| {
            let path = path.clone();
            move |error| from_io(error, doing, &path)
        };
        let file = store.files.open(&path, Access::Read).map_err(io("opening"))?;
        let bytes = file.len().map_err(io("opening"))?;
        if bytes != meta.bytes {
            return Err(damaged(format!(
                "segment {} has {bytes} bytes instead of {}",
                path.display(),
                meta.bytes
            )));
        }
        let length = usize::try_from(bytes).map_err(|_| too_large(&path))?;
        let map = Bytes::from_owner(file.map(length).map_err(io("mapping"))?);
        let footer_at = usize::try_from(meta.footer_at).map_err(|_| too_large(&path))?;
        match map.get(footer_at..) {
            Some(footer) if crc32c::crc32c(footer) == meta.footer_sum => {}
            _ => return Err(damaged(format!("the footer of segment {} fails its checksum", path.display()))),
        }
        let unreadable =
            |error| damaged(format!("segment {} cannot be read", path.display())).caused_by(error);
        let file = store.session.open_options().open_buffer(map.clone()).map_err(unreadable)?;
        let parts = file.footer().segment_map();
        if file.row_count() != meta.rows || parts.len() != meta.part_sums.len() {
            return Err(damaged(format!("segment {} is not the one that was written", path.display())));
        }
        let requested = Arc::default();
        let of = (map, path.display().to_string());
        let source = VerifiedSource::new(of, Arc::clone(parts), &meta.part_sums, &requested);
        let file = file.with_segment_source(Arc::new(source));
        let reader = SharedReader::new(file.layout_reader().map_err(unreadable)?);
        let stored = StoredFile::new(&store.files, path);
        let chunks = Chunks::default();
        Ok(Self { meta, file, reader, chunks, store: Arc::clone(store), stored, requested })
    }

    /// What the catalogue knows of it.
    #[must_use]
    pub fn meta(&self) -> &SegmentMeta {
        &self.meta
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        self.meta.id
    }

    /// The file, for its types and statistics.
    #[must_use]
    pub fn file(&self) -> &VortexFile {
        &self.file
    }

    /// Bytes of its parts that were asked for since it was opened, each as often as it was: what zone maps and indexes
    /// spare is not among them.
    #[must_use]
    pub fn bytes_requested(&self) -> u64 {
        self.requested.load(Ordering::Relaxed)
    }

    /// A scan over all of its rows, deleted ones too; fields are found by stored name.
    #[must_use]
    pub fn scan(&self) -> ScanBuilder<vortex::array::ArrayRef> {
        ScanBuilder::new(self.store.session.clone(), self.reader())
    }

    /// The file that it is in.
    pub(crate) fn stored(&self) -> &Arc<StoredFile> {
        &self.stored
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Segment").field("id", &self.meta.id).field("rows", &self.meta.rows).finish()
    }
}

/// The name of the file of a segment.
pub(crate) fn file_name(id: SegmentId) -> String {
    format!("{:08x}.vortex", id.0)
}

fn too_large(path: &Path) -> VarveError {
    VarveError::new(
        ErrorCode::LimitExceeded,
        format!("segment {} does not fit into the address space", path.display()),
        "use a 64-bit process",
    )
}
