//! A database of ours beside one of SQLite's, to which the same is said.

use std::ops::Range;

use rusqlite::types::Value;
use tempfile::TempDir;
use varve_sql::{Engine, Options, Params, Session};
use varve_table::Rewrite;

use crate::rows::shown;

pub struct Beside {
    /// The state of SplitMix64.
    random: u64,
    engine: Engine,
    session: Session,
    sqlite: rusqlite::Connection,
    _directory: TempDir,
}

/// Rows as text, sorted; or that it failed.
pub type Answer = Result<Vec<String>, String>;

/// The seeds of a test, unless one is asked for.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let seed = std::env::var("VARVE_SEED").ok().and_then(|seed| seed.parse().ok());
    seed.map_or(usual, |seed: u64| seed..seed + 1)
}

impl Beside {
    pub fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = Some(directory.path().join("db"));
        let mut options = Options { directory: at, threads: 2, ..Options::default() };
        options.database.upkeep = false;
        let engine = Engine::open(&options).expect("it opens");
        let session = engine.session();
        let sqlite = rusqlite::Connection::open_in_memory().expect("it opens");
        Self { random: seed, engine, session, sqlite, _directory: directory }
    }

    pub fn ours(&self, sql: &str) -> Answer {
        // Shown when the test fails.
        println!("{sql};");
        let run = async { self.session.execute(sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(run).map_err(|error| error.to_string())?;
        let mut rows: Vec<String> = shown(&batches);
        rows.sort();
        Ok(rows)
    }

    pub fn theirs(&self, sql: &str) -> Answer {
        let run = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.sqlite.prepare(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let values: rusqlite::Result<Vec<String>> =
                    (0..columns).map(|at| text(row.get(at)?)).collect();
                all.push(values?.join(" "));
            }
            all.sort();
            Ok(all)
        };
        run().map_err(|error| error.to_string())
    }

    /// Both answer alike, or both refuse.
    pub fn check(&self, sql: &str) {
        self.check_both(sql, sql);
    }

    /// The same of what is written differently.
    pub fn check_both(&self, sql: &str, for_sqlite: &str) {
        match (self.ours(sql), self.theirs(for_sqlite)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{sql}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{sql}\nours: {ours:?}\nSQLite's: {theirs:?}"),
        }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Hot rows become segments.
    pub fn rewrite(&self) {
        let database = self.engine.database().expect("there is one");
        for id in database.snapshot().tables.keys() {
            let what = Rewrite { hot: true, ..Rewrite::default() };
            self.engine.handle().block_on(database.rewrite(*id, &what)).expect("it is rewritten");
        }
    }
}

fn text(value: Value) -> rusqlite::Result<String> {
    Ok(match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        other => format!("{other:?}"),
    })
}
