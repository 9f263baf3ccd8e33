//! The engine: threads, memory, a place to spill, and the database that sessions work on.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use tokio::runtime::Handle;
use varve_table::{Database, Threads};
use varve_types::{ErrorCode, Result, VarveError};

use crate::cardinality::Learned;
use crate::error::from_datafusion;
use crate::files::{Confinement, Files, OnlyFiles};
use crate::interrupt::Closing;
use crate::planning::Planners;
use crate::plans::Plans;
use crate::session::Session;
use crate::settings::Settings;
use crate::statement::prepared::PreparedStatements;
use crate::states::{self, Maker, States};
use crate::system::{self, TableAdaptation};

/// The folder of a database that queries spill in.
const SPILL_FOLDER: &str = "spill";
/// Consumers of memory that an error names.
const CONSUMERS_SHOWN: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

/// How an engine is opened.
#[derive(Clone)]
pub struct Options {
    /// The directory of the database; `None` for queries over files only.
    pub directory: Option<PathBuf>,
    /// How the database is opened.
    pub database: varve_table::Options,
    /// Bytes that queries may hold together; operators that can spill do so before.
    pub memory_bytes: usize,
    /// Threads that queries run on, and streams that a scan is divided into.
    pub threads: usize,
    /// Where operators spill; when `None`, the folder `spill` of the database, or the system's for temporary files when
    /// there is no database, or one that is only read.
    pub spill_folder: Option<PathBuf>,
    /// Folders that SQL may read and write files in, with everything below them. They must be there; the directory of
    /// the database is never among them, wherever it lies.
    pub allowed_folders: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            directory: None,
            database: varve_table::Options::default(),
            memory_bytes: 1 << 30,
            threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            spill_folder: None,
            allowed_folders: Vec::new(),
        }
    }
}

/// An open engine. Cheap to clone; it closes with its last clone and session.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// Declared before its threads, on which it closes.
    database: Option<Database>,
    settings: Settings,
    files: Arc<Files>,
    plans: Plans,
    prepared: PreparedStatements,
    closing: Closing,
    planners: Planners,
    threads: Threads,
    /// Declared last: what spills is gone when it goes.
    _spill: Spill,
}

impl Engine {
    /// Opens the engine and, if there is a directory, the database in it.
    ///
    /// # Errors
    /// Those of [`Database::open`]; `STORE_IO` when threads or the spill folder cannot be made.
    /// Cost: blocks; do not call it on a thread of a runtime.
    pub fn open(options: &Options) -> Result<Self> {
        let threads = options.threads.max(1);
        let running = Threads::start("varve-sql", threads)?;
        let database = options.directory.as_ref();
        let database =
            database.map(|dir| Database::open(dir, &options.database, running.handle())).transpose()?;
        let spill = Spill::new(options)?;
        let confinement = Arc::new(Confinement::new(&options.allowed_folders, options.directory.as_deref())?);
        let environment = runtime_env(options, &spill, Arc::clone(&confinement))?;
        let closing = Closing::default();
        let learned = Arc::new(Learned::default());
        let maker = Maker { memory_bytes: options.memory_bytes, threads, closing: closing.clone(), learned };
        let state = maker.opening(environment);
        let files = Arc::new(Files::new(confinement, state.clone(), running.handle().clone()));
        let settings = Settings::new(maker, states::with_files(state, &files));
        let inner = Inner {
            database,
            settings,
            files,
            plans: Plans::default(),
            prepared: PreparedStatements::default(),
            closing,
            planners: Planners::new(running.handle(), threads),
            threads: running,
            _spill: spill,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A new session: a connection of one user.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// A session that sees the database as it was.
    #[must_use]
    pub fn session_at(&self, version: Arc<varve_table::Version>) -> Session {
        Session::pinned(self.clone(), version)
    }

    /// Clones of this engine, sessions' and running statements' among them.
    #[must_use]
    pub fn users(&self) -> usize {
        Arc::strong_count(&self.inner)
    }

    /// Stops what works for long without waiting for anything; such statements end with `STORE_CLOSED`. The others run
    /// on.
    pub fn interrupt(&self) {
        self.inner.closing.set();
    }

    /// Closes it. When there are no other users, the directory can be opened again afterwards; else when the last one
    /// ends.
    /// Cost: blocks until upkeep has stopped and the last commit is durable; do not call it on a thread of a runtime.
    pub fn close(self) {
        if let Some(database) = self.inner.database.clone() {
            self.handle().block_on(database.close());
        }
        if self.users() == 1 {
            self.inner.threads.settle();
        }
    }

    /// The threads that everything runs on.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.inner.threads.handle()
    }

    /// The database.
    ///
    /// # Errors
    /// `SQL_UNSUPPORTED` when the engine has none.
    pub fn database(&self) -> Result<&Database> {
        self.inner.database.as_ref().ok_or_else(|| {
            VarveError::new(
                ErrorCode::SqlUnsupported,
                "this engine has no database, it only queries files",
                "open it on a directory",
            )
        })
    }

    /// Lays tables out for what was asked of them, as far as that pays, and waits for it; what was done.
    ///
    /// # Errors
    /// `SQL_UNSUPPORTED` when the engine has no database; those of [`Database::adapt`].
    /// Cost: rewrites segments; others read and write meanwhile.
    pub async fn adapt(&self) -> Result<Vec<TableAdaptation>> {
        system::adapt(self.database()?).await
    }

    pub(crate) fn planners(&self) -> &Planners {
        &self.inner.planners
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What a statement that comes now begins with.
    pub(crate) fn states(&self) -> Arc<States> {
        self.inner.settings.now()
    }

    pub(crate) fn files(&self) -> &Files {
        &self.inner.files
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.inner.plans
    }

    pub(crate) fn prepared(&self) -> &PreparedStatements {
        &self.inner.prepared
    }

    /// What finished queries taught.
    pub(crate) fn learned(&self) -> &Arc<Learned> {
        self.inner.settings.learned()
    }
}

/// Where operators spill.
struct Spill {
    /// The database's own folder for it, which goes when the engine closes.
    own: Option<PathBuf>,
}

impl Spill {
    /// Removes what a process that was killed left. The database is open, so nobody else uses its folder.
    fn new(options: &Options) -> Result<Self> {
        let is_own = options.spill_folder.is_none() && !options.database.read_only;
        let own = options.directory.as_ref().filter(|_| is_own).map(|dir| dir.join(SPILL_FOLDER));
        if let Some(folder) = &own {
            match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let message = format!("cannot empty {}", folder.display());
                    return Err(
                        VarveError::new(ErrorCode::StoreIo, message, "see the cause").caused_by(error)
                    );
                }
                _ => {}
            }
        }
        Ok(Self { own })
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(folder) = &self.own {
            // When a task still spills, the next one to open the database does it.
            let _in_use = std::fs::remove_dir_all(folder);
        }
    }
}

fn runtime_env(options: &Options, spill: &Spill, confinement: Arc<Confinement>) -> Result<Arc<RuntimeEnv>> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory_bytes), CONSUMERS_SHOWN);
    let spill = match options.spill_folder.as_ref().or(spill.own.as_ref()) {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_object_store_registry(Arc::new(OnlyFiles::new(confinement)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
        .build_arc()
        .map_err(from_datafusion)
}
