//! A database: one directory with a catalogue and segments, open for one process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use varve_files::{Files, Lock, RealFiles};
use varve_types::{ErrorCode, Result, VarveError};
use vortex::VortexSessionDefault;
use vortex::io::runtime::Executor;
use vortex::io::session::RuntimeSessionExt;
use vortex::session::VortexSession;

use crate::catalogue::{self, Catalogue, Loaded, LoadedTable};
use crate::committer::Committer;
use crate::error::{damaged, from_io};
use crate::ids::{SegmentId, TableId};
use crate::segment::{self, Segment};
use crate::transaction::Transaction;
use crate::version::{LiveSegment, TableVersion, Version};

/// The file whose lock keeps other processes out.
const LOCK_FILE: &str = "lock";
/// The SQL schema that is always there.
pub const DEFAULT_SCHEMA: &str = "main";

/// How a database is opened.
#[derive(Clone)]
pub struct Options {
    /// Makes a new database when the directory has none.
    pub create_if_missing: bool,
    /// Refuses a directory that has one.
    pub error_if_exists: bool,
    /// How segments reach the disk. The catalogue is SQLite's and always on the real one.
    pub files: Arc<dyn Files>,
}

impl Default for Options {
    fn default() -> Self {
        Self { create_if_missing: true, error_if_exists: false, files: Arc::new(RealFiles) }
    }
}

/// An open database. Cheap to clone; it closes with its last clone, snapshot and transaction.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// Declared first, so that the last commit is done before the lock goes.
    pub(crate) committer: Committer,
    head: Arc<ArcSwap<Version>>,
    writer: Arc<Mutex<Writer>>,
    next_id: Arc<AtomicU64>,
    pub(crate) segments: PathBuf,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) session: VortexSession,
    /// `session` holds it weakly.
    _executor: Arc<dyn Executor>,
    _lock: Box<dyn Lock>,
}

/// What the one writer knows beyond what readers see: commits that are handed over but not durable yet.
pub(crate) struct Writer {
    pub(crate) version: Arc<Version>,
}

impl Database {
    /// Opens or creates the database in `dir`. Background work and segment writes run on `runtime`.
    ///
    /// # Errors
    /// `STORE_LOCKED`, `STORE_MISSING`, `STORE_EXISTS`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`, `STORE_DAMAGED`, or what the
    /// file system answers.
    /// Cost: reads the whole catalogue and the footers of all segments; blocks.
    pub fn open(dir: &Path, options: &Options, runtime: &Handle) -> Result<Self> {
        let files = Arc::clone(&options.files);
        let exists = dir.join(catalogue::FILE).exists();
        check_presence(dir, exists, options)?;
        let segments = dir.join(segment::FOLDER);
        files.create_dir(&segments).map_err(|error| from_io(error, "creating", &segments))?;
        let lock_path = dir.join(LOCK_FILE);
        let lock = files
            .lock(&lock_path)
            .map_err(|error| from_io(error, "locking", &lock_path))?
            .ok_or_else(|| locked(dir))?;

        let executor: Arc<dyn Executor> = Arc::new(runtime.clone());
        let session = <VortexSession as VortexSessionDefault>::default()
            .with_handle(vortex::io::runtime::Handle::new(Arc::downgrade(&executor)));
        let (catalogue, loaded) = Catalogue::open(files.as_ref(), dir, !exists)?;
        if !exists {
            files.sync_dir(dir).map_err(|error| from_io(error, "syncing", dir))?;
        }
        let state = catalogue.state();
        let version = Opening { files: &files, segments: &segments, session: &session }.version(loaded)?;
        let version = Arc::new(Version { seq: state.seq, ..version });
        let head = Arc::new(ArcSwap::new(Arc::clone(&version)));
        let next_id = Arc::new(AtomicU64::new(state.next_id));
        let committer = Committer::start(catalogue, Arc::clone(&head), Arc::clone(&next_id))?;
        let writer = Arc::new(Mutex::new(Writer { version }));
        let inner = Inner {
            committer,
            head,
            writer,
            next_id,
            segments,
            files,
            session,
            _executor: executor,
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the database holds after the last durable commit. It never changes.
    /// Cost: one atomic load.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Version> {
        self.inner.head.load_full()
    }

    /// Begins a transaction, as soon as the one before has handed its commit over.
    pub async fn begin(&self) -> Transaction {
        let writer = Arc::clone(&self.inner.writer).lock_owned().await;
        Transaction::new(self.clone(), writer)
    }

    /// Vortex's registry of encodings, types and expressions, and its way to threads.
    #[must_use]
    pub fn session(&self) -> &VortexSession {
        &self.inner.session
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl Inner {
    /// A number that nothing else has.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::AcqRel)
    }

    /// A number for a new segment.
    pub(crate) fn next_segment(&self) -> Result<SegmentId> {
        crate::rows::segment_id(self.next_id())
    }
}

fn check_presence(dir: &Path, exists: bool, options: &Options) -> Result<()> {
    let shown = dir.display();
    if exists && options.error_if_exists {
        return Err(VarveError::new(
            ErrorCode::StoreExists,
            format!("{shown} holds a database already"),
            "give another directory, or leave errorIfExists out",
        ));
    }
    if exists {
        return Ok(());
    }
    if !options.create_if_missing {
        return Err(VarveError::new(
            ErrorCode::StoreMissing,
            format!("{shown} holds no database"),
            "check the path, or let it be created",
        ));
    }
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            let stranger = entries.find_map(|entry| {
                let name = entry.ok()?.file_name().to_string_lossy().into_owned();
                (![LOCK_FILE, segment::FOLDER].contains(&name.as_str()) && !name.starts_with('.'))
                    .then_some(name)
            });
            match stranger {
                None => Ok(()),
                Some(name) => Err(VarveError::new(
                    ErrorCode::StoreForeign,
                    format!("{shown} holds no database of tables, but other files, such as {name}"),
                    "give an empty directory",
                )),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(from_io(error, "reading", dir)),
    }
}

fn locked(dir: &Path) -> VarveError {
    VarveError::new(
        ErrorCode::StoreLocked,
        format!("{} is open in another process or object", dir.display()),
        "close it there first",
    )
}

/// Turns what the catalogue holds into a version.
struct Opening<'o> {
    files: &'o Arc<dyn Files>,
    segments: &'o Path,
    session: &'o VortexSession,
}

impl Opening<'_> {
    fn version(&self, loaded: Loaded) -> Result<Version> {
        let mut live = BTreeSet::new();
        let mut version = Version {
            schemas: Arc::new(loaded.schemas),
            views: Arc::new(loaded.views),
            indexes: Arc::new(loaded.indexes),
            ..Version::default()
        };
        for (id, loaded) in loaded.tables {
            live.extend(loaded.segments.iter().map(|meta| meta.id));
            version.tables.insert(id, Arc::new(self.table(loaded)?));
        }
        self.remove_orphans(&live)?;
        Ok(version)
    }

    fn table(&self, loaded: LoadedTable) -> Result<TableVersion> {
        let LoadedTable { table, segments, hot, mut deleted } = loaded;
        let segments = segments.into_iter().map(|meta| {
            let rows = meta.rows;
            let segment = Arc::new(Segment::open(self.files, self.segments, meta, self.session)?);
            segment.keep();
            let positions = deleted.segments.remove(&segment.id()).map(Arc::new);
            if positions.as_ref().and_then(|set| set.max()).is_some_and(|last| u64::from(last) >= rows) {
                return Err(damaged(format!(
                    "rows of segment {} are deleted that it does not have",
                    segment.id()
                )));
            }
            Ok(LiveSegment { segment, deleted: positions })
        });
        Ok(TableVersion { segments: segments.collect::<Result<_>>()?, hot, table: Arc::new(table) })
    }

    /// Removes files of commits that never happened.
    fn remove_orphans(&self, live: &BTreeSet<SegmentId>) -> Result<()> {
        let names =
            self.files.list(self.segments).map_err(|error| from_io(error, "listing", self.segments))?;
        for name in names {
            if segment::id_of_file(&name).is_some_and(|id| !live.contains(&id)) {
                let path = self.segments.join(name);
                self.files.remove(&path).map_err(|error| from_io(error, "removing", &path))?;
            }
        }
        Ok(())
    }
}

/// So that the number of a table can be made before the table.
impl From<u64> for TableId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}
