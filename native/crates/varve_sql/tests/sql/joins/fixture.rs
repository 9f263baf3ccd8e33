//! An engine over a directory that goes with it, and what plans did.

use std::path::PathBuf;

use datafusion::arrow::util::pretty::pretty_format_batches;
use serde_json::Value;
use varve_sql::{Engine, Options, Params, Session};
use varve_types::Result;

pub struct Fixture {
    pub engine: Engine,
    pub session: Session,
    folder: tempfile::TempDir,
}

impl Fixture {
    pub fn new(memory_bytes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let options = Options {
            directory: Some(folder.path().join("db")),
            threads: 2,
            memory_bytes,
            ..Options::default()
        };
        let engine = Engine::open(&options).expect("it opens");
        Self { session: engine.session(), engine, folder }
    }

    pub fn try_run(&self, sql: &str) -> Result<String> {
        let run = async { self.session.execute(sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(run)?;
        Ok(pretty_format_batches(&batches).expect("a table").to_string())
    }

    /// The answer, as a table.
    pub fn run(&self, sql: &str) -> String {
        self.try_run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// What is left of what was spilt.
    pub fn spilled_files(&self) -> Vec<PathBuf> {
        let mut left = vec![self.folder.path().join("db/spill")];
        let mut files = Vec::new();
        while let Some(path) = left.pop() {
            match std::fs::read_dir(&path) {
                Ok(entries) => left.extend(entries.flatten().map(|entry| entry.path())),
                Err(_) if path.exists() => files.push(path),
                Err(_) => {}
            }
        }
        files
    }

    /// The operators of a plan, which runs if `analyze`.
    pub fn explain(&self, sql: &str, analyze: bool) -> Vec<Value> {
        let text = self.engine.handle().block_on(self.session.explain(sql, analyze));
        let text = text.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let tree = serde_json::from_str(&text).expect("JSON");
        let mut all = Vec::new();
        flatten(tree, &mut all);
        all
    }
}

fn flatten(mut tree: Value, all: &mut Vec<Value>) {
    let children = tree["children"].take();
    all.push(tree);
    for child in children.as_array().cloned().unwrap_or_default() {
        flatten(child, all);
    }
}

/// How many rows all joins of a plan gave together.
pub fn joined_rows(operators: &[Value]) -> u64 {
    let is_join = |operator: &&Value| operator["operator"].as_str().is_some_and(|it| it.contains("Join"));
    operators.iter().filter(is_join).filter_map(|join| join["actualRows"].as_u64()).sum()
}
