//! The engine: threads, memory, a place to spill, and the database that sessions work on.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::optimizer::Analyzer;
use datafusion::prelude::SessionConfig;
use tokio::runtime::Handle;
use varve_table::{DEFAULT_SCHEMA, Database, Threads};
use varve_types::{ErrorCode, Result, VarveError};

use crate::bounded::{BoundedConcat, bounded};
use crate::cardinality::{self, Learned};
use crate::error::from_datafusion;
use crate::files::{Confinement, FileRelations, Files, OnlyFiles};
use crate::interrupt::Closing;
use crate::membership::Equalities;
use crate::percentile::percentile_cont;
use crate::plans::Plans;
use crate::rules;
use crate::session::Session;
use crate::statement::prepared::PreparedStatements;
use crate::system::{self, TableAdaptation};
use crate::types::VarveTypes;

/// The catalogue that names without one are in.
pub(crate) const CATALOGUE: &str = "varve";
/// The folder of a database that queries spill in.
const SPILL_FOLDER: &str = "spill";
/// Sorts that a spilling query is expected to have at once, each with something set aside.
const SORTS_AT_ONCE: usize = 64;
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
    /// What every statement begins with: functions, rules and settings.
    state: SessionState,
    /// The same for one that ran out of memory.
    spilling: Arc<SessionState>,
    files: Arc<Files>,
    plans: Plans,
    prepared: PreparedStatements,
    learned: Arc<Learned>,
    closing: Closing,
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
        let state = state((options, threads), environment, &closing, &learned);
        let (state, files) = with_files(state, confinement, running.handle());
        let spilling = Arc::new(spilling(&state, options, &closing, &learned));
        let plans = Plans::new(state.config_options());
        let inner = Inner {
            database,
            state,
            spilling,
            files,
            plans,
            prepared: PreparedStatements::default(),
            learned,
            closing,
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

    pub(crate) fn state(&self) -> &SessionState {
        &self.inner.state
    }

    pub(crate) fn spilling(&self) -> &Arc<SessionState> {
        &self.inner.spilling
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
        &self.inner.learned
    }

    pub(crate) fn threads(&self) -> usize {
        self.inner.state.config().target_partitions()
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

fn state(
    (options, threads): (&Options, usize),
    environment: Arc<RuntimeEnv>,
    closing: &Closing,
    learned: &Arc<Learned>,
) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOGUE, DEFAULT_SCHEMA)
        .with_information_schema(true);
    let settings = config.options_mut();
    settings.sql_parser.map_string_types_to_utf8view = true;
    settings.execution.parquet.pushdown_filters = true;
    // Each thread's sort sets so much aside to merge what it spilt: all of them together must not be most of a small
    // pool.
    let aside = settings.execution.sort_spill_reservation_bytes;
    settings.execution.sort_spill_reservation_bytes = aside.min(options.memory_bytes / (8 * threads));
    // Repartitioned rows that are spilt lie in a file per batch. With more in one, DataFusion 55.2 may wait for ever: a
    // reader waits for the file that it is at while its batch is in the next (apache/datafusion#24883).
    settings.execution.max_spill_file_size_bytes = ConfigNonZeroUsize::try_new(1).expect("one is not zero");
    // One table that all threads look up in needs no repartitioning of the rows that look; only large ones are worth
    // that.
    settings.optimizer.hash_join_single_partition_threshold = (128 << 20).min(options.memory_bytes / 8);
    settings.optimizer.hash_join_single_partition_threshold_rows = 1 << 20;
    // Keys of a small span are looked up by place, in a table that stays in the cache of a core: 4 bytes for each key that
    // there may be.
    settings.execution.perfect_hash_join_small_build_threshold = 1 << 18;
    settings.optimizer.use_statistics_registry = true;
    let mut builder = SessionStateBuilder::new().with_default_features();
    for function in builder.scalar_functions().iter_mut().flatten() {
        *function = bounded(function);
    }
    for function in builder.aggregate_functions().iter_mut().flatten() {
        if function.name() == "percentile_cont" {
            *function = percentile_cont();
        }
    }
    let mut analyzer = Analyzer::new();
    analyzer.add_function_rewrite(Arc::new(BoundedConcat));
    analyzer.rules.push(Arc::new(Equalities));
    *builder.analyzer() = Some(analyzer);
    builder
        .with_statistics_registry(cardinality::registry(Arc::clone(learned)))
        .with_config(config)
        .with_runtime_env(environment)
        .with_type_planner(Arc::new(VarveTypes))
        .with_optimizer_rule(Arc::new(crate::zeros::BothZeros))
        .with_physical_optimizer_rules(rules::physical(learned, closing, options.memory_bytes))
        .build()
}

/// The same state for a query that ran out of memory: without hash joins, on one thread, with many sorts.
fn spilling(
    state: &SessionState,
    options: &Options,
    closing: &Closing,
    learned: &Arc<Learned>,
) -> SessionState {
    // Each partition has its own sorts, and each of them its share of the memory.
    let mut config = state.config().clone().with_target_partitions(1);
    let aside = options.memory_bytes / SORTS_AT_ONCE;
    config.options_mut().execution.sort_spill_reservation_bytes = aside;
    SessionStateBuilder::from(state.clone())
        .with_config(config)
        .with_physical_optimizer_rules(rules::physical(learned, closing, 0))
        .build()
}

/// The state with files in the place of tables.
fn with_files(
    state: SessionState,
    confinement: Arc<Confinement>,
    handle: &Handle,
) -> (SessionState, Arc<Files>) {
    let files = Arc::new(Files::new(confinement, state.clone(), handle.clone()));
    let relations = Arc::new(FileRelations::new(Arc::clone(&files)));
    let state = SessionStateBuilder::from(state).with_relation_planners(vec![relations]).build();
    (state, files)
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
