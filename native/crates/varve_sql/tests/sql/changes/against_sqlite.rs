//! Random statements that mean the same in SQLite, on a table with a primary key, a unique and a plain index.

use rusqlite::types::Value;
use varve_sql::{Engine, Options, Params, Session};
use varve_table::Rewrite;

use crate::rows::shown;

/// Statements of one history.
const STEPS: usize = 150;

struct Both {
    /// The state of SplitMix64.
    random: u64,
    engine: Engine,
    session: Session,
    sqlite: rusqlite::Connection,
    /// Numbers for texts that no row has yet.
    fresh: u64,
    is_open: bool,
}

/// The key of a number as SQL, with quotes and backslashes in some of them.
fn quoted(number: u64) -> String {
    let within = ["", "", "''", "\\''", "''''", "\\", "\\''''"][(number % 7) as usize];
    format!("'k{within}{number}{within}'")
}

/// Rows as text, sorted; or that it failed.
type Answer = Result<Vec<String>, String>;

impl Both {
    fn ours(&self, sql: &str) -> Answer {
        let run = async { self.session.execute(sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(run).map_err(|error| error.to_string())?;
        let mut rows: Vec<String> = shown(&batches);
        rows.sort();
        Ok(rows)
    }

    fn theirs(&self, sql: &str) -> Answer {
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
    fn check(&self, sql: &str) {
        match (self.ours(sql), self.theirs(sql)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{sql}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{sql}\nours: {ours:?}\nSQLite's: {theirs:?}"),
        }
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Few different values, so that keys meet.
    fn key(&mut self) -> String {
        match self.below(6) {
            0 => "NULL".to_owned(),
            _ => quoted(self.below(60)),
        }
    }

    fn fresh_key(&mut self) -> String {
        self.fresh += 1;
        format!("'fresh {}'", self.fresh)
    }

    fn rows(&mut self, key: fn(&mut Self) -> String) -> String {
        let count = 1 + self.below(6);
        let rows = (0..count).map(|_| {
            let (id, n) = (self.below(80), self.below(50));
            format!("({id}, {}, {n})", key(self))
        });
        rows.collect::<Vec<_>>().join(", ")
    }

    /// One that the indexes can help with, and now and then cannot.
    fn condition(&mut self) -> String {
        let (low, high) = (self.below(80), self.below(80));
        match self.below(12) {
            0 => format!("id = {low}"),
            1 => format!("id IN ({low}, {high}, 17, 1000)"),
            2 => format!("id BETWEEN {} AND {}", low.min(high), low.max(high)),
            3 => format!("id > {low} AND id <= {high} AND n <> 3"),
            4 => format!("k = {} OR k = {}", quoted(low), quoted(high)),
            5 => format!("k >= 'k{}' AND k < 'k{}'", low % 10, high % 10),
            6 => format!("n = {}", low % 50),
            7 => format!("n < {} AND k IS NOT NULL", low % 50),
            8 => "k IS NULL".to_owned(),
            9 => format!("n IN (SELECT n FROM t WHERE id < {low}) AND id % 2 = 0"),
            10 => format!("n = {} AND g = {} AND id > {high}", low % 50, low % 3),
            _ => format!("NOT (id < {low} OR n > {})", high % 50),
        }
    }

    fn returning(&mut self) -> &'static str {
        if self.below(2) == 0 { " RETURNING id, k, n + 1" } else { "" }
    }

    fn change(&mut self) -> String {
        let returning = self.returning();
        let kind = self.below(9);
        // Of given rows that a later one replaces SQLite returns each, we what is there in the end.
        let returning = if kind == 3 { "" } else { returning };
        let change = match kind {
            0 => format!("INSERT INTO t (id, k, n) VALUES {}", self.rows(Self::key)),
            1 => format!("INSERT INTO t (id, k, n) VALUES {} ON CONFLICT DO NOTHING", self.rows(Self::key)),
            2 => format!("INSERT OR IGNORE INTO t (id, k, n) VALUES {}", self.rows(Self::key)),
            3 => format!("INSERT OR REPLACE INTO t (id, k, n) VALUES {}", self.rows(Self::key)),
            // One row each: of two with the same key SQLite changes the row twice.
            4 => {
                let (id, key, n) = (self.below(80), self.fresh_key(), self.below(60));
                let set = format!("k = excluded.k, n = n + excluded.n - {}", self.below(30));
                let condition = self.condition();
                let values = format!("({id}, {key}, {n})");
                format!(
                    "INSERT INTO t (id, k, n) VALUES {values} ON CONFLICT (id) DO UPDATE SET {set} WHERE {condition}"
                )
            }
            5 => {
                let (id, key) = (1_000 + self.fresh, self.key());
                self.fresh += 1;
                format!(
                    "INSERT INTO t (id, k, n) VALUES ({id}, {key}, 5) ON CONFLICT (k) DO UPDATE SET n = n + 1"
                )
            }
            6 => {
                let n = self.below(4);
                format!("UPDATE t SET n = n - {n}, g = n % 3 WHERE {}", self.condition())
            }
            7 => {
                let key = self.key();
                format!("UPDATE t SET k = {key} WHERE id = {}", self.below(80))
            }
            _ => format!("DELETE FROM t WHERE {} AND id % 3 = {}", self.condition(), self.below(3)),
        };
        change + returning
    }

    /// What MERGE does, one row at a time.
    fn merge(&mut self) {
        let mut ids: Vec<u64> = (0..6).map(|_| self.below(80)).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows: Vec<(u64, u64)> = ids.into_iter().map(|id| (id, self.below(4))).collect();
        let values: Vec<String> = rows.iter().map(|(id, n)| format!("({id}, {n})")).collect();
        let sql = format!(
            "MERGE INTO t USING (VALUES {}) AS v (i, m) ON t.id = v.i WHEN MATCHED AND m = 0 THEN DELETE \
             WHEN MATCHED THEN UPDATE SET n = t.n + m WHEN NOT MATCHED AND m > 1 THEN INSERT (id, n) VALUES (i, m)",
            values.join(", ")
        );
        self.ours(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        for (id, m) in rows {
            let is_there =
                self.theirs(&format!("SELECT 1 FROM t WHERE id = {id}")).is_ok_and(|rows| !rows.is_empty());
            let step = match (is_there, m) {
                (true, 0) => format!("DELETE FROM t WHERE id = {id}"),
                (true, m) => format!("UPDATE t SET n = n + {m} WHERE id = {id}"),
                (false, 2..) => format!("INSERT INTO t (id, n) VALUES ({id}, {m})"),
                (false, _) => continue,
            };
            self.theirs(&step).unwrap_or_else(|error| panic!("{step}: {error}"));
        }
    }

    /// Hot rows become a segment.
    fn rewrite(&self) {
        if self.is_open {
            return;
        }
        let database = self.engine.database().expect("there is one");
        let snapshot = database.snapshot();
        let id = *snapshot.tables.keys().next().expect("there is a table");
        let what = Rewrite { hot: true, ..Rewrite::default() };
        self.engine.handle().block_on(database.rewrite(id, &what)).expect("it is rewritten");
    }

    fn step(&mut self) {
        match self.below(12) {
            0 => self.rewrite(),
            1 => self.merge(),
            2 => {
                let sql = match (self.is_open, self.below(2)) {
                    (false, _) => "BEGIN",
                    (true, 0) => "COMMIT",
                    (true, _) => "ROLLBACK",
                };
                self.is_open = !self.is_open;
                self.check(sql);
            }
            3..6 => {
                let condition = self.condition();
                self.check(&format!("SELECT * FROM t WHERE {condition}"));
                self.check(&format!("SELECT count(*), min(id), max(k), sum(n) FROM t WHERE {condition}"));
            }
            _ => {
                let change = self.change();
                self.check(&change);
            }
        }
        self.check("SELECT * FROM t");
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

fn history(seed: u64) {
    println!("seed {seed}");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut options = Options { directory: Some(dir.path().join("db")), threads: 2, ..Options::default() };
    options.database.upkeep = false;
    let engine = Engine::open(&options).expect("it opens");
    let session = engine.session();
    let sqlite = rusqlite::Connection::open_in_memory().expect("it opens");
    let mut both = Both { random: seed, engine, session, sqlite, fresh: 0, is_open: false };
    both.check("CREATE TABLE t (id BIGINT PRIMARY KEY, k VARCHAR, n BIGINT NOT NULL CHECK (n >= 0), g BIGINT DEFAULT 0)");
    both.check("CREATE UNIQUE INDEX by_k ON t (k)");
    both.check("CREATE INDEX by_n ON t (n, g)");
    for _ in 0..STEPS {
        both.step();
    }
}

#[test]
fn random_statements_answer_as_in_sqlite() {
    let seed = std::env::var("VARVE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = seed.map_or(1..9, |seed: u64| seed..seed + 1);
    seeds.for_each(history);
}
