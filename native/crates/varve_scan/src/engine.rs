//! The engine: a thread, a limit of memory, and the database that sessions work on.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::{Handle, Runtime};
use varve_table::{DEFAULT_SCHEMA, Database, TableVersion, Version};
use varve_types::{ErrorCode, Result, VarveError};

use crate::budget::Budget;
use crate::session::{Session, TableShape, unknown_table};

/// How an engine is opened.
#[derive(Clone)]
pub struct Options {
    /// The directory of the database.
    pub directory: PathBuf,
    /// How the database is opened.
    pub database: varve_table::Options,
    /// Bytes that plans may hold together.
    pub memory_bytes: usize,
    /// Threads that everything runs on.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        let database = varve_table::Options::default();
        Self { directory: PathBuf::new(), database, memory_bytes: 256 << 20, threads: 1 }
    }
}

/// An open engine. Cheap to clone; it closes with its last clone and session.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    /// Declared first: it closes while the runtime still runs.
    database: Option<Database>,
    budget: Arc<Budget>,
    runtime: Option<Runtime>,
}

impl Engine {
    /// Opens the engine and the database in its directory.
    ///
    /// # Errors
    /// Those of [`Database::open`]; `STORE_IO` when threads cannot be made.
    /// Cost: blocks; do not call it on a thread of a runtime.
    pub fn open(options: &Options) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("varve-scan")
            .enable_time()
            .build()
            .map_err(|error| {
                VarveError::new(ErrorCode::StoreIo, "threads cannot be started", "").caused_by(error)
            })?;
        let database = Database::open(&options.directory, &options.database, runtime.handle())?;
        let budget = Budget::new(options.memory_bytes);
        Ok(Self { inner: Arc::new(Inner { database: Some(database), budget, runtime: Some(runtime) }) })
    }

    /// A new session.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone(), None)
    }

    /// A session that sees the database as it was.
    #[must_use]
    pub fn session_at(&self, version: Arc<Version>) -> Session {
        Session::new(self.clone(), Some(version))
    }

    /// A table as it is now.
    ///
    /// # Errors
    /// `SQL_NAME` when there is none.
    pub fn table(&self, name: &str) -> Result<(TableShape, Arc<TableVersion>)> {
        let version = self.database()?.snapshot();
        let found = version.table(DEFAULT_SCHEMA, name).ok_or_else(|| unknown_table(&version, name))?;
        Ok((TableShape::of(&found.table), Arc::clone(found)))
    }

    /// Clones of this engine, sessions' and running plans' among them.
    #[must_use]
    pub fn users(&self) -> usize {
        Arc::strong_count(&self.inner)
    }

    /// Plans stop between two batches by themselves when nobody reads them: nothing works for longer.
    pub fn interrupt(&self) {}

    /// Closes it. When there are no other users, the directory can be opened again afterwards; else when the last one ends.
    /// Cost: blocks until upkeep has stopped and the last commit is durable; do not call it on a thread of a runtime.
    pub fn close(self) {
        if let Some(database) = self.inner.database.clone() {
            self.handle().block_on(database.close());
        }
    }

    /// The threads that everything runs on.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.inner.runtime.as_ref().expect("it is there until the engine is dropped").handle()
    }

    /// The database.
    ///
    /// # Errors
    /// `STORE_CLOSED` when it is closed.
    pub fn database(&self) -> Result<&Database> {
        let closed = || VarveError::new(ErrorCode::StoreClosed, "the database is closed", "open it again");
        self.inner.database.as_ref().ok_or_else(closed)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }
}

impl Drop for Inner {
    /// Waiting for its threads is forbidden on a thread of another runtime.
    fn drop(&mut self) {
        self.database = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
