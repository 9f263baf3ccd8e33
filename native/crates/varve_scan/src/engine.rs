//! The engine: a thread, a limit of memory, and the database that sessions work on.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use varve_table::{DEFAULT_SCHEMA, Database, TableVersion, Threads, Version};
use varve_types::Result;

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
    /// Declared before its threads, on which it closes.
    database: Database,
    budget: Arc<Budget>,
    threads: Threads,
}

impl Engine {
    /// Opens the engine and the database in its directory.
    ///
    /// # Errors
    /// Those of [`Database::open`]; `STORE_IO` when threads cannot be made.
    /// Cost: blocks; do not call it on a thread of a runtime.
    pub fn open(options: &Options) -> Result<Self> {
        let threads = Threads::start("varve-scan", options.threads)?;
        let database = Database::open(&options.directory, &options.database, threads.handle())?;
        let budget = Budget::new(options.memory_bytes);
        Ok(Self { inner: Arc::new(Inner { database, budget, threads }) })
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

    /// Closes it. When there are no other users, the directory can be opened again afterwards; else when the last one
    /// ends.
    /// Cost: blocks until upkeep has stopped and the last commit is durable; do not call it on a thread of a runtime.
    pub fn close(self) {
        self.handle().block_on(self.inner.database.clone().close());
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
    /// None; the engine of SQL has one.
    pub fn database(&self) -> Result<&Database> {
        Ok(&self.inner.database)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }
}
