//! Random statements that mean the same in SQLite, on a table with a primary key, a unique and a plain index.

use crate::beside::{Beside, seeds};

/// Statements of one history.
const STEPS: usize = 150;

struct Both {
    beside: Beside,
    /// Numbers for texts that no row has yet.
    fresh: u64,
    is_open: bool,
}

/// The key of a number as SQL, with quotes and backslashes in some of them.
fn quoted(number: u64) -> String {
    let within = ["", "", "''", "\\''", "''''", "\\", "\\''''"][(number % 7) as usize];
    format!("'k{within}{number}{within}'")
}

impl Both {
    fn check(&self, sql: &str) {
        self.beside.check(sql);
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.beside.below(end)
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
        self.beside.ours(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        for (id, m) in rows {
            let is_there = self
                .beside
                .theirs(&format!("SELECT 1 FROM t WHERE id = {id}"))
                .is_ok_and(|rows| !rows.is_empty());
            let step = match (is_there, m) {
                (true, 0) => format!("DELETE FROM t WHERE id = {id}"),
                (true, m) => format!("UPDATE t SET n = n + {m} WHERE id = {id}"),
                (false, 2..) => format!("INSERT INTO t (id, n) VALUES ({id}, {m})"),
                (false, _) => continue,
            };
            self.beside.theirs(&step).unwrap_or_else(|error| panic!("{step}: {error}"));
        }
    }

    fn step(&mut self) {
        match self.below(12) {
            0 if self.is_open => {}
            0 => self.beside.rewrite(),
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

fn history(seed: u64) {
    let mut both = Both { beside: Beside::new(seed), fresh: 0, is_open: false };
    both.check("CREATE TABLE t (id BIGINT PRIMARY KEY, k VARCHAR, n BIGINT NOT NULL CHECK (n >= 0), g BIGINT DEFAULT 0)");
    both.check("CREATE UNIQUE INDEX by_k ON t (k)");
    both.check("CREATE INDEX by_n ON t (n, g)");
    for _ in 0..STEPS {
        both.step();
    }
}

#[test]
fn random_statements_answer_as_in_sqlite() {
    seeds(1..9).for_each(history);
}
