//! An engine over a folder of its own, and rows as text.

use std::path::{Path, PathBuf};

use varve_sql::{Engine, Options, Params};
use varve_types::Result;

use crate::rows::shown;

/// An engine with a database, and a folder `allowed` beside it that SQL may use.
pub struct Fixture {
    pub engine: Engine,
    pub root: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with_memory(1 << 30)
    }

    pub fn with_memory(memory_bytes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let root = folder.path().canonicalize().expect("it is there");
        for name in ["allowed", "outside"] {
            std::fs::create_dir(root.join(name)).expect("a folder");
        }
        let options = Options {
            directory: Some(root.join("allowed/db")),
            threads: 2,
            memory_bytes,
            allowed_folders: vec![root.join("allowed")],
            ..Options::default()
        };
        Self { engine: Engine::open(&options).expect("it opens"), root, _folder: folder }
    }

    /// A file in the allowed folder.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(&path, bytes).expect("it can be written");
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join("allowed").join(name)
    }

    /// Runs statements in which `@` stands for the allowed folder and `!` for the one outside.
    pub fn run(&self, sql: &str) -> Result<Vec<String>> {
        let folder = |name| self.root.join(name).display().to_string();
        let sql = sql.replace('@', &folder("allowed")).replace('!', &folder("outside"));
        let session = self.engine.session();
        let run = async { session.execute(&sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(run)?;
        Ok(shown(&batches))
    }

    /// Rows that a query must give.
    pub fn check(&self, sql: &str, rows: &[&str]) {
        assert_eq!(self.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}")), rows, "{sql}");
    }

    /// The code that a statement must fail with; afterwards the engine still works.
    pub fn refuses(&self, sql: &str, code: &str) {
        let error = self.run(sql).expect_err(sql);
        assert_eq!(error.code().as_str(), code, "{sql}: {error}");
        self.check("SELECT 1 + 1", &["2"]);
    }
}

/// The folder of shared test data; `None` when it is not there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("VARVE_CORPORA").map(PathBuf::from);
    let folder =
        given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpora"));
    Some(folder.join(name)).filter(|folder| folder.is_dir())
}
