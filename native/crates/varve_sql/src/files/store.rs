//! Allowed files as DataFusion's object store: reading and nothing else, for writing goes through drafts.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use url::Url;
use varve_types::{ErrorCode, VarveError};

use super::confined::Confinement;

const STORE: &str = "files";
/// After so long, another change of a file shows another time on every file system.
const SETTLED: Duration = Duration::from_secs(3);

/// Knows files and no other scheme, whatever is registered.
#[derive(Debug)]
pub(crate) struct OnlyFiles {
    store: Arc<dyn ObjectStore>,
}

impl OnlyFiles {
    pub(crate) fn new(confinement: Arc<Confinement>) -> Self {
        Self { store: Arc::new(ConfinedStore { confinement }) }
    }
}

impl ObjectStoreRegistry for OnlyFiles {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::common::Result<Arc<dyn ObjectStore>> {
        if url.scheme() == "file" && url.host().is_none() {
            return Ok(Arc::clone(&self.store));
        }
        Err(crate::error::into_datafusion(scheme_forbidden(url.scheme())))
    }
}

/// Another scheme than that of files.
pub(super) fn scheme_forbidden(scheme: &str) -> VarveError {
    let message = format!("files are read by path, not by {scheme}:");
    VarveError::new(ErrorCode::FileForbidden, message, "copy the file into an allowed folder first")
}

/// The files that a confinement allows.
#[derive(Debug)]
struct ConfinedStore {
    confinement: Arc<Confinement>,
}

impl fmt::Display for ConfinedStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(STORE)
    }
}

impl ConfinedStore {
    fn open(&self, location: &Path) -> Result<(File, ObjectMeta)> {
        let file = self.confinement.open(&PathBuf::from(format!("/{location}"))).map_err(refused)?;
        let metadata = file.metadata().map_err(io)?;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: changed(&metadata).map_err(io)?.into(),
            size: metadata.len(),
            e_tag: None,
            version: None,
        };
        Ok((file, meta))
    }
}

/// When a file changed, which tells caches whether what they know of it still holds.
///
/// The clock of a file system ticks a few times in a second, or once in two: what changed just now may change again, and show
/// the same time. Such a file has a time of its own whenever one asks, and is not taken from a cache.
fn changed(metadata: &Metadata) -> std::io::Result<SystemTime> {
    /// How often a file was asked for that had not settled.
    static ASKED: AtomicU64 = AtomicU64::new(1);

    let modified = metadata.modified()?;
    // A file that takes the place of another may have been written long ago.
    #[cfg(unix)]
    let modified = modified.max(replaced(metadata));
    if modified.elapsed().is_ok_and(|age| age >= SETTLED) {
        return Ok(modified);
    }
    Ok(SystemTime::UNIX_EPOCH - Duration::from_micros(ASKED.fetch_add(1, Ordering::Relaxed)))
}

#[cfg(unix)]
fn replaced(metadata: &Metadata) -> SystemTime {
    use std::os::unix::fs::MetadataExt;

    let seconds = Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
    SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(metadata.ctime_nsec().try_into().unwrap_or(0))
}

#[async_trait]
impl ObjectStore for ConfinedStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (mut file, meta) = self.open(location)?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range
                .as_range(meta.size)
                .map_err(|error| Error::Generic { store: STORE, source: Box::new(error) })?,
            None => 0..meta.size,
        };
        file.seek(SeekFrom::Start(range.start)).map_err(io)?;
        let payload = GetResultPayload::File(file, PathBuf::from(format!("/{location}")));
        Ok(GetResult { payload, meta, range, attributes: Attributes::new() })
    }

    /// Ranges of one opening, so that they are of one file even when it is replaced meanwhile.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        let (mut file, meta) = self.open(location)?;
        let read = |range: &Range<u64>| {
            let size = range.end.min(meta.size).saturating_sub(range.start);
            if size < range.end.saturating_sub(range.start) {
                let message = format!("/{location} ends before byte {}", range.end);
                return Err(refused(VarveError::new(ErrorCode::FileMalformed, message, "")));
            }
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
            file.seek(SeekFrom::Start(range.start)).map_err(io)?;
            file.read_exact(&mut bytes).map_err(io)?;
            Ok(bytes.into())
        };
        ranges.iter().map(read).collect()
    }

    fn list(&self, _prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        // Patterns are expanded before a plan is made: a plan names files.
        stream::empty().boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Ok(ListResult { common_prefixes: Vec::new(), objects: Vec::new() })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(only_reads())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(only_reads())
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.and_then(|_| async { Err(only_reads()) }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(only_reads())
    }
}

fn only_reads() -> Error {
    refused(VarveError::new(ErrorCode::FileForbidden, "this way files are only read", "use COPY ... TO"))
}

/// An error of ours on its way through an object store.
pub(super) fn refused(error: VarveError) -> Error {
    Error::Generic { store: STORE, source: Box::new(error) }
}

fn io(error: std::io::Error) -> Error {
    let code = if error.kind() == std::io::ErrorKind::UnexpectedEof {
        ErrorCode::FileMalformed
    } else {
        ErrorCode::StoreIo
    };
    refused(VarveError::new(code, "a file cannot be read", "see the cause").caused_by(error))
}
