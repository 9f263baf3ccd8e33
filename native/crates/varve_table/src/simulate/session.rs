//! One database in a real folder, with the model beside it.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use varve_files::{Files, RealFiles};
use varve_types::Result;

use super::drive::{self, Outcome, Wrong};
use super::model::Model;
use crate::{Database, Options};

/// A database under torture.
pub(super) struct Session {
    pub dir: TempDir,
    pub runtime: Runtime,
    pub files: Arc<dyn Files>,
    pub seed: u64,
    pub model: Model,
    /// Steps that are done.
    pub steps: u64,
}

impl Session {
    pub(super) fn new(seed: u64, files: Arc<dyn Files>) -> Self {
        let dir = TempDir::new().expect("a folder");
        Self { dir, runtime: runtime(), files, seed, model: Model::new(), steps: 0 }
    }

    /// On the real disk, with its tables.
    pub(super) fn real(seed: u64) -> (Self, Database) {
        let session = Self::new(seed, Arc::new(RealFiles));
        let database = session.open().expect("a healthy disk");
        session.runtime.block_on(drive::define(&database)).expect("a healthy disk");
        (session, database)
    }

    pub(super) fn open(&self) -> Result<Database> {
        // What a power cut leaves is known before the database is closed: closing must not commit.
        let options =
            Options { upkeep: false, adapt: false, files: Arc::clone(&self.files), ..Options::default() };
        Database::open(self.dir.path(), &options, self.runtime.handle())
    }

    pub(super) fn close(&self, database: Database) {
        self.runtime.block_on(database.close());
    }

    /// Does the next step; the model after it. The model stays: whoever calls knows what was acknowledged.
    pub(super) fn step(&mut self, database: &Database) -> (Outcome, Model) {
        let step = self.model.step(self.seed, self.steps);
        self.steps += 1;
        let outcome = self.runtime.block_on(drive::act(database, &step));
        let mut after = self.model.clone();
        after.apply(&step);
        (outcome, after)
    }

    /// Does `count` steps on a healthy disk.
    pub(super) fn steps(&mut self, database: &Database, count: u64) -> std::result::Result<(), String> {
        for _ in 0..count {
            match self.step(database) {
                (Outcome::Done, after) => self.model = after,
                (Outcome::Refused(error) | Outcome::InDoubt(error), _) => {
                    return Err(format!("step {} on a healthy disk: {error}", self.steps - 1));
                }
            }
        }
        Ok(())
    }

    pub(super) fn compare(&self, database: &Database) -> std::result::Result<(), Wrong> {
        self.runtime.block_on(drive::compare(&database.snapshot(), &self.model))
    }

    /// Takes over the model that the database shows, which is `self.model` or `other`.
    pub(super) fn settle(
        &mut self,
        database: &Database,
        other: Option<Model>,
    ) -> std::result::Result<(), String> {
        let Err(first) = self.compare(database) else { return Ok(()) };
        let Some(other) = other else { return Err(format!("{first:?}")) };
        self.model = other;
        self.compare(database).map_err(|second| format!("neither before: {first:?}, nor after: {second:?}"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .worker_threads(2)
        .build()
        .expect("threads for a runtime")
}
