//! A database: one directory with a catalogue and segments, open for one process.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use varve_files::{Files, Lock, RealFiles};
use varve_types::{ErrorCode, Result, VarveError};
use vortex::session::VortexSession;

use crate::adapt::Workload;
use crate::catalogue::{self, Catalogue, Loaded, LoadedTable};
use crate::committer::Committer;
use crate::error::{damaged, from_io};
use crate::key::{self, KeyRun};
use crate::segment::{self, Segment, SegmentStore};
use crate::transaction::Transaction;
use crate::upkeep::Upkeep;
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
    /// Refuses transactions that change anything; there is no upkeep then.
    pub read_only: bool,
    /// How long a transaction waits for its turn to change something, before it is told `TRANSACTION_CONFLICT`.
    pub writer_wait: Duration,
    /// Rewrites tables in the background after commits, as they need it.
    pub upkeep: bool,
    /// Lays tables out anew in the background, for what is asked of them, when that pays, and writes down what was
    /// asked. In the background there must be upkeep.
    pub adapt: bool,
    /// How segments reach the disk. The catalogue is SQLite's and always on the real one.
    pub files: Arc<dyn Files>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create_if_missing: true,
            error_if_exists: false,
            read_only: false,
            writer_wait: Duration::from_secs(10),
            upkeep: true,
            adapt: true,
            files: Arc::new(RealFiles),
        }
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
    store: Arc<SegmentStore>,
    pub(crate) upkeep: Upkeep,
    /// Held by who adapts: one rewrite at a time.
    pub(crate) adapting: Mutex<()>,
    /// Whether it adapts by itself.
    pub(crate) adapts: bool,
    read_only: bool,
    writer_wait: Duration,
    /// Shared with what still writes when the last clone goes.
    _lock: Arc<dyn Lock>,
}

/// What the one writer knows beyond what readers see: commits that are handed over but not durable yet.
pub(crate) struct Writer {
    pub(crate) version: Arc<Version>,
}

impl Database {
    /// Opens or creates the database in `dir`. Background work and segment writes run on `runtime`.
    ///
    /// # Errors
    /// `STORE_LOCKED`, `STORE_MISSING`, `STORE_EXISTS`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`, `STORE_DAMAGED`, or what
    /// the file system answers.
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
        let lock: Arc<dyn Lock> = Arc::from(lock);

        let (catalogue, loaded) = Catalogue::open(files.as_ref(), dir, !exists)?;
        if !exists {
            files.sync_dir(dir).map_err(|error| from_io(error, "syncing", dir))?;
        }
        let state = catalogue.state();
        let store = SegmentStore::new(segments, (files, &lock), runtime, state.next_id);
        let version = Opening(&store).version(loaded)?;
        let version = Arc::new(Version { seq: state.seq, ..version });
        let head = Arc::new(ArcSwap::new(Arc::clone(&version)));
        let committer = Committer::start(catalogue, Arc::clone(&head), Arc::clone(&store.next_id))?;
        let writer = Arc::new(Mutex::new(Writer { version }));
        let inner = Arc::new(Inner {
            committer,
            head,
            writer,
            store,
            upkeep: Upkeep::new(),
            adapting: Mutex::default(),
            adapts: options.adapt,
            read_only: options.read_only,
            writer_wait: options.writer_wait,
            _lock: lock,
        });
        if options.upkeep && !options.read_only {
            inner.upkeep.start(Arc::downgrade(&inner), runtime);
            for table in inner.head.load().tables.values() {
                table.workload.tell(inner.upkeep.waker());
            }
        }
        Ok(Self { inner })
    }

    /// What the database holds after the last durable commit. It never changes.
    /// Cost: one atomic load.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Version> {
        self.inner.head.load_full()
    }

    /// Begins a transaction that may change things, as soon as the one before has handed its commit over, however long
    /// that takes.
    pub async fn begin(&self) -> Transaction {
        let writer = Arc::clone(&self.inner.writer).lock_owned().await;
        Transaction::new(self.clone(), writer)
    }

    /// The same, within [`Options::writer_wait`].
    ///
    /// # Errors
    /// `STORE_READ_ONLY`; `TRANSACTION_CONFLICT` when another transaction held the writer all the time.
    pub async fn begin_changing(&self) -> Result<Transaction> {
        Ok(Transaction::new(self.clone(), self.writer().await?))
    }

    /// The same at once; `None` when another transaction holds the writer.
    #[must_use]
    pub fn try_begin(&self) -> Option<Transaction> {
        let writer = Arc::clone(&self.inner.writer).try_lock_owned().ok()?;
        Some(Transaction::new(self.clone(), writer))
    }

    /// Begins a transaction that reads what the database holds now, and takes the writer at its first change
    /// ([`Transaction::claim`]). It never waits.
    #[must_use]
    pub fn begin_reading(&self) -> Transaction {
        Transaction::reading(self.clone(), self.snapshot())
    }

    /// The one writer.
    pub(crate) async fn writer(&self) -> Result<OwnedMutexGuard<Writer>> {
        self.refuse_if_read_only()?;
        let wait = self.inner.writer_wait;
        tokio::time::timeout(wait, Arc::clone(&self.inner.writer).lock_owned()).await.map_err(|_| {
            VarveError::new(
                ErrorCode::TransactionConflict,
                format!("another transaction has been changing the database for {} ms", wait.as_millis()),
                "end that transaction first; within it, run statements on the transaction and not on the database",
            )
        })
    }

    /// Fails when the database was opened for reading only.
    pub(crate) fn refuse_if_read_only(&self) -> Result<()> {
        if !self.inner.read_only {
            return Ok(());
        }
        Err(VarveError::new(
            ErrorCode::StoreReadOnly,
            "the database is open for reading only",
            "open it without readOnly",
        ))
    }

    /// Vortex's registry of encodings, types and expressions, and its way to threads.
    #[must_use]
    pub fn session(&self) -> &VortexSession {
        &self.inner.store.session
    }

    /// Why the last upkeep in the background failed; `None` when it did not. Nothing is lost by it.
    #[must_use]
    pub fn upkeep_failure(&self) -> Option<Arc<VarveError>> {
        self.inner.upkeep.failure()
    }

    /// Closes the database and waits until background work has let go of it: then it can be opened again, unless
    /// another clone, or a transaction, is still held.
    pub async fn close(self) {
        self.inner.upkeep.stop().await;
        // What was seen and not written down is only missed.
        let _unwritten = self.fold_all().await;
        self.inner.store.settle().await;
        let _last = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    pub(crate) fn store(&self) -> &Arc<SegmentStore> {
        &self.inner.store
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl From<Arc<Inner>> for Database {
    fn from(inner: Arc<Inner>) -> Self {
        Self { inner }
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
    if !options.create_if_missing || options.read_only {
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
struct Opening<'o>(&'o Arc<SegmentStore>);

impl Opening<'_> {
    fn version(&self, loaded: Loaded) -> Result<Version> {
        let mut live = HashSet::new();
        let mut version = Version {
            schemas: Arc::new(loaded.schemas),
            views: Arc::new(loaded.views),
            indexes: Arc::new(loaded.indexes),
            ..Version::default()
        };
        for (id, loaded) in loaded.tables {
            live.extend(loaded.segments.iter().map(|meta| segment::file_name(meta.id)));
            live.extend(loaded.key_runs.iter().map(|meta| key::file_name(meta.segment, meta.index)));
            version.tables.insert(id, Arc::new(self.table(loaded)?));
        }
        self.remove_orphans(&live)?;
        Ok(version)
    }

    fn table(&self, loaded: LoadedTable) -> Result<TableVersion> {
        let LoadedTable { table, segments, key_runs, hot, mut deleted, statistics, adaptive } = loaded;
        let segments = segments.into_iter().map(|meta| {
            let rows = meta.rows;
            let segment = Arc::new(Segment::open(self.0, meta)?);
            let positions = deleted.segments.remove(&segment.id()).map(Arc::new);
            if positions.as_ref().and_then(|set| set.max()).is_some_and(|last| u64::from(last) >= rows) {
                return Err(damaged(format!(
                    "rows of segment {} are deleted that it does not have",
                    segment.id()
                )));
            }
            let runs = key_runs.iter().filter(|run| run.segment == segment.id());
            let keys =
                runs.map(|meta| Arc::new(KeyRun::new(&self.0.files, &self.0.folder, meta.clone()))).collect();
            let live = LiveSegment { segment, deleted: positions, keys };
            live.stored().for_each(|file| file.keep());
            let is_keyed = hot.keys().iter().all(|key| live.key_run(key.index).is_some());
            if is_keyed {
                return Ok(live);
            }
            Err(damaged(format!("segment {} lacks a key run of table {}", live.segment.id(), table.name)))
        });
        let segments = segments.collect::<Result<_>>()?;
        let statistics = statistics.map(Arc::new);
        let observed = adaptive.as_ref().map(|adaptive| adaptive.observed.clone()).unwrap_or_default();
        Ok(TableVersion {
            segments,
            hot,
            table: Arc::new(table),
            statistics,
            adaptive: adaptive.map(Arc::new),
            workload: Workload::from(observed),
            contents: 0,
        })
    }

    /// Removes files of commits that never happened.
    fn remove_orphans(&self, live: &HashSet<String>) -> Result<()> {
        let SegmentStore { files, folder, .. } = self.0.as_ref();
        let names = files.list(folder).map_err(|error| from_io(error, "listing", folder))?;
        for name in names.iter().filter(|name| !live.contains(*name)) {
            let path = folder.join(name);
            files.remove(&path).map_err(|error| from_io(error, "removing", &path))?;
        }
        Ok(())
    }
}
