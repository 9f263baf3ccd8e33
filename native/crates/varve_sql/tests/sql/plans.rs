//! Statements that come again answer as if they came first: whatever changed between, and whatever their parameters are.

use std::time::{Duration, Instant};

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use varve_sql::{Engine, Options, Param, Params, Session};
use varve_types::Result;

struct Fixture {
    engine: Engine,
    dir: tempfile::TempDir,
    fresh: std::cell::Cell<usize>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().expect("a folder");
        let options = Options { directory: Some(dir.path().to_owned()), threads: 2, ..Options::default() };
        let engine = Engine::open(&options).expect("it opens");
        Self { engine, dir, fresh: 0.into() }
    }

    fn answer(&self, session: &Session, sql: &str, params: &Params) -> Result<String> {
        let answer = async { session.execute(sql, params.clone()).await?.collect().await };
        let batches = self.engine.handle().block_on(answer)?;
        Ok(pretty_format_batches(&batches).expect("a table").to_string())
    }

    fn run(&self, sql: &str) {
        self.answer(&self.engine.session(), sql, &Params::default())
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The statement three times, whose plan may be kept, and once as one that never came; what they all answer.
    fn check_in(&self, session: &Session, sql: &str, params: Vec<Param>) -> String {
        let params: Params = params.into_iter().collect();
        let shown = |answer: Result<String>| answer.unwrap_or_else(|error| error.code().as_str().to_owned());
        self.fresh.set(self.fresh.get() + 1);
        let wanted = shown(self.answer(session, &format!("{sql} -- {}", self.fresh.get()), &params));
        for time in 1..=3 {
            assert_eq!(shown(self.answer(session, sql, &params)), wanted, "{sql} for the {time}. time");
        }
        wanted
    }

    fn check(&self, sql: &str, params: Vec<Param>) -> String {
        self.check_in(&self.engine.session(), sql, params)
    }
}

/// Plans are optimised with their parameters open: a list with one was taken from another list, in which it is not written.
#[test]
fn lists_with_parameters_are_compared_by_value() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t AS SELECT value AS a FROM generate_series(1, 9)");
    let check = |sql: &str, param: i64, wanted: i64| {
        let found = fixture.check(sql, vec![Param::Int(param)]);
        assert!(found.contains(&format!("| {wanted} ")), "{sql} with {param}\n{found}");
    };
    for (param, wanted) in [(2, 4), (5, 9), (4, 4)] {
        check("SELECT sum(a) FROM t WHERE a IN ($1, 4) AND a NOT IN (2, 3)", param, wanted);
        check("SELECT sum(a) FROM t WHERE NOT (a IN (2, 3) OR a NOT IN ($1, 4))", param, wanted);
    }
    check("SELECT sum(a) FROM t WHERE a IN ($1, 4) AND a IN (2, 3, 4)", 2, 6);
}

#[test]
fn kept_plans_see_what_is_there_now() {
    let fixture = Fixture::new();
    let texts = [
        "SELECT * FROM t ORDER BY a",
        "SELECT count(*), sum(b) FROM t",
        "SELECT b FROM t WHERE a = 2",
        "SELECT a FROM t WHERE b BETWEEN 15 AND 25 AND a % 2 = 0 ORDER BY a",
        "SELECT b % 7 AS k, count(*), sum(a) FROM t GROUP BY k ORDER BY k",
        "SELECT count(*), sum(s) FROM (SELECT b, sum(a) AS s FROM t GROUP BY b)",
        "SELECT * FROM v ORDER BY a",
        "SELECT t.a, u.c FROM t JOIN u ON t.a = u.a ORDER BY 1, 2",
        "SELECT a FROM t WHERE b = (SELECT max(b) FROM t) ORDER BY a",
        "SELECT a FROM t WHERE a IN (SELECT a FROM u) ORDER BY a",
        "WITH x AS (SELECT a FROM t WHERE b > 15) SELECT count(*) FROM x",
        "SELECT table_name FROM information_schema.tables ORDER BY 1",
        "SELECT * FROM t, generate_series(1, 2) AS g ORDER BY a, value",
    ];
    fixture.run("CREATE TABLE t (a INT PRIMARY KEY, b INT); CREATE TABLE u (a INT, c VARCHAR)");
    fixture.run("CREATE VIEW v AS SELECT a FROM t WHERE b > 15");
    let steps = [
        "INSERT INTO t VALUES (1, 10), (2, 20); INSERT INTO u VALUES (1, 'one'), (3, 'three')",
        "INSERT INTO t SELECT value + 10, value FROM generate_series(1, 100000)",
        "UPDATE t SET b = b + 1 WHERE a < 20",
        "DELETE FROM t WHERE a > 15",
        "CREATE TABLE other (a INT)",
        "ALTER TABLE t ADD COLUMN d INT DEFAULT 5",
        "DROP VIEW v; CREATE VIEW v AS SELECT a, b FROM t",
        "DROP TABLE u; CREATE TABLE u (c VARCHAR, a BIGINT); INSERT INTO u VALUES ('x', 2), ('y', 2)",
        "DROP TABLE u",
    ];
    let before = fixture.engine.session_at(fixture.engine.database().expect("a database").snapshot());
    let at_first = texts.map(|sql| fixture.check_in(&before, sql, vec![]));
    for step in steps {
        fixture.run(step);
        for (sql, at_first) in texts.iter().zip(&at_first) {
            fixture.check(sql, vec![]);
            assert_eq!(&fixture.check_in(&before, sql, vec![]), at_first, "{sql} at a snapshot");
        }
    }
}

#[test]
fn kept_plans_do_not_leave_their_transaction() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)");
    let (ours, theirs) = (fixture.engine.session(), fixture.engine.session());
    let sql = "SELECT * FROM t";
    let both = |what: &str| {
        let answers = [&ours, &theirs].map(|session| fixture.check_in(session, sql, vec![]));
        assert_ne!(answers[0], answers[1], "{what}");
    };
    let run = |statement: &str| fixture.answer(&ours, statement, &Params::default()).expect(statement);
    run("BEGIN");
    run("INSERT INTO t VALUES (2)");
    both("rows of a transaction");
    run("ALTER TABLE t ADD COLUMN b INT");
    both("a column of a transaction");
    run("ROLLBACK");
    // The number of the definitions that were undone is given again.
    fixture.run("ALTER TABLE t ADD COLUMN c VARCHAR DEFAULT 'x'");
    assert!(fixture.check(sql, vec![]).contains('x'));
}

#[test]
fn kept_plans_take_any_parameters() {
    let fixture = Fixture::new();
    fixture
        .run("CREATE TABLE t (a INT PRIMARY KEY, b BIGINT, s VARCHAR, d DATE, f DOUBLE, n DECIMAL(10, 2))");
    fixture.run(
        "INSERT INTO t SELECT value, value % 7, 's' || (value % 5), arrow_cast(value, 'Date32'), value / 4.0, value / 8.0
         FROM generate_series(1, 100000)",
    );
    fixture.run("INSERT INTO t VALUES (-1, NULL, NULL, NULL, NULL, NULL)");
    let int = |value: i64| vec![Param::Int(value)];
    let text = |value: &str| vec![Param::Text(value.to_owned())];
    let rows: [(&str, Vec<Vec<Param>>); 17] = [
        ("SELECT ?", vec![int(1), text("x"), vec![Param::Float(0.5)], vec![Param::Null], int(2), vec![]]),
        (
            "SELECT ? + 1",
            vec![int(1), vec![Param::Float(0.5)], vec![Param::Null], vec![Param::Boolean(true)]],
        ),
        (
            "SELECT * FROM t WHERE a = ?",
            vec![int(5), int(-1), int(1 << 40), text("7"), vec![Param::Float(2.5)]],
        ),
        ("SELECT * FROM t WHERE a = $1 OR a = $1 + 1 ORDER BY a", vec![int(5), int(99_999)]),
        ("SELECT count(*) FROM t WHERE b = ? AND s = ?", vec![vec![Param::Int(3), Param::Text("s1".into())]]),
        ("SELECT count(*) FROM t WHERE s = ?", vec![text("s3"), text(""), vec![Param::Null], int(3)]),
        ("SELECT count(*) FROM t WHERE s LIKE ?", vec![text("s%"), text("%3")]),
        ("SELECT count(*) FROM t WHERE d < ?", vec![text("1970-06-01"), vec![Param::Micros(86_400_000_000)]]),
        ("SELECT count(*) FROM t WHERE f BETWEEN ? AND 100", vec![int(5), vec![Param::Float(99.75)]]),
        ("SELECT count(*) FROM t WHERE n > ?", vec![int(5), vec![Param::Float(0.125)], text("100.25")]),
        ("SELECT a FROM t WHERE a IN (?, 3) ORDER BY a", vec![int(5), int(3)]),
        ("SELECT a FROM t WHERE a > 0 ORDER BY a LIMIT ?", vec![int(3), int(0), int(1)]),
        ("SELECT s, count(*) FROM t WHERE b <> ? GROUP BY s ORDER BY s", vec![int(1), int(100)]),
        ("SELECT coalesce(b, ?) FROM t WHERE a < 2 ORDER BY a", vec![int(9), vec![Param::Null]]),
        ("SELECT 1 / ?", vec![int(1), int(0), int(2)]),
        (
            "SELECT sum(x) FROM (SELECT a + ? AS x FROM t UNION ALL SELECT ?)",
            vec![vec![Param::Int(1), Param::Int(2)]],
        ),
        ("SELECT CASE WHEN a = ? THEN 'it' ELSE s END FROM t WHERE a < 4 ORDER BY a", vec![int(2), int(3)]),
    ];
    for (sql, params) in rows {
        for params in params {
            fixture.check(sql, params);
        }
    }
}

/// A parameter is a value like one that is written: a condition on it alone dropped no row of a total, and a limit of none
/// was a defect.
#[test]
fn parameters_answer_as_values_that_are_written() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1, 10), (2, 20), (2, 30)");
    for sql in [
        "SELECT * FROM (SELECT count(*) AS n, sum(a) AS s FROM t) WHERE ? = 1",
        "SELECT n FROM (SELECT count(*) AS n, ? AS p FROM t) WHERE p = 1",
        "SELECT count(*) FROM t HAVING ? = 1",
        "SELECT a, count(*) AS n FROM t GROUP BY ROLLUP (a) HAVING ? = 1 ORDER BY a",
        "SELECT a, count(*) AS n FROM t GROUP BY a HAVING ? = 1 ORDER BY a",
        "SELECT a, b FROM t ORDER BY b DESC LIMIT ?",
        "SELECT a, sum(b) FROM t GROUP BY a ORDER BY 2 LIMIT ? OFFSET 1",
        "SELECT a FROM t ORDER BY a OFFSET ?",
    ] {
        for value in [0, 1, 2, 0] {
            let written = sql.replace('?', &value.to_string());
            let wanted = fixture.check(&written, vec![]);
            assert!(wanted.starts_with('+'), "{written}: {wanted}");
            assert_eq!(fixture.check(sql, vec![Param::Int(value)]), wanted, "{sql} with {value}");
        }
    }
}

#[test]
fn kept_plans_run_beside_each_other() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t AS SELECT value AS a, value % 1000 AS b FROM generate_series(1, 300000)");
    let texts = [
        "SELECT count(*), sum(a) FROM t WHERE b = 7",
        "SELECT sum(s), count(*) FROM (SELECT b, sum(a) AS s FROM t GROUP BY b)",
        "SELECT sum(s), count(*) FROM (SELECT a, sum(b) AS s FROM t GROUP BY a)",
    ];
    for sql in texts {
        let wanted = fixture.check(sql, Vec::new());
        let answers = (0..8).map(|_| {
            let session = fixture.engine.session();
            let answer = async move { session.execute(sql, Params::default()).await?.collect().await };
            fixture.engine.handle().spawn(answer)
        });
        let answers: Vec<_> = answers.collect();
        for answer in answers {
            let batches = fixture.engine.handle().block_on(answer).expect("no panic").expect(sql);
            assert_eq!(pretty_format_batches(&batches).expect("a table").to_string(), wanted, "{sql}");
        }
    }
}

#[test]
fn what_changes_by_itself_is_not_kept() {
    let fixture = Fixture::new();
    let session = fixture.engine.session();
    let value = |sql: &str| {
        let answer = async { session.execute(sql, Params::default()).await?.collect().await };
        let batches =
            fixture.engine.handle().block_on(answer).unwrap_or_else(|error| panic!("{sql}: {error}"));
        ScalarValue::try_from_array(batches[0].column(0), 0).expect("a value")
    };
    for sql in [
        "SELECT now()",
        "SELECT random()",
        "SELECT a FROM (SELECT uuid() AS a)",
        "WITH x AS (SELECT now() AS a) SELECT a FROM x",
    ] {
        let first = value(sql);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert_ne!(value(sql), first, "{sql}");
    }
}

/// A kept plan held the version of its tables that it was made at, and so the files of its segments: after a rewrite they
/// stayed on disk until the plan went, which a plan that is seldom asked for does late.
#[test]
fn kept_plans_keep_no_files() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t AS SELECT value AS a FROM generate_series(1, 300000)");
    for sql in [
        "SELECT count(*) FROM t",
        "SELECT a FROM t WHERE a IN (SELECT max(a) FROM t)",
        "SELECT a + 1 FROM t WHERE a < 9 AND a % 3 = 1",
        "SELECT sum(s) FROM (SELECT a % 7 AS k, sum(a) AS s FROM t GROUP BY k)",
        "SELECT sum(s) FROM (SELECT a, sum(a) AS s FROM t GROUP BY a)",
    ] {
        fixture.check(sql, Vec::new());
    }
    fixture.check("SELECT count(*) FROM t WHERE a > $1", vec![Param::Int(7)]);
    let files = || {
        let files = std::fs::read_dir(fixture.dir.path().join("segments")).expect("segments");
        let mut names: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
        names.sort_unstable();
        names
    };
    let before = files();
    fixture.run("DELETE FROM t WHERE a % 2 = 0");
    fixture.run("VACUUM");
    // Upkeep may still be looking at them.
    let until = Instant::now() + Duration::from_secs(20);
    while before.iter().any(|file| files().contains(file)) {
        assert!(Instant::now() < until, "{before:?} {:?}", files());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!files().is_empty());
    fixture.check("SELECT count(*) FROM t", Vec::new());
}
