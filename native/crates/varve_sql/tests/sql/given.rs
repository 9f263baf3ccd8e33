//! Statements of parameters alone, done on the calling thread: what they answer and insert is what any other way gives.

use std::sync::mpsc;
use std::time::Duration;

use datafusion::arrow::util::pretty::pretty_format_batches;
use varve_sql::{AtOnce, Engine, Options, Param, Params, Session};
use varve_types::Result;

/// What a statement answers, or the code of its error.
type Shown = std::result::Result<String, String>;

struct Fixture {
    engine: Engine,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().expect("a folder");
        let options = Options { directory: Some(dir.path().to_owned()), threads: 2, ..Options::default() };
        Self { engine: Engine::open(&options).expect("it opens"), _dir: dir }
    }

    fn answer_in(&self, session: &Session, sql: &str, params: &[Param]) -> Shown {
        let params = params.iter().cloned().collect::<Params>();
        let answer = async {
            let output = session.execute(sql, params).await?;
            let rows = output.rows_affected;
            Ok((rows, output.collect().await?))
        };
        let answer: Result<_> = self.engine.handle().block_on(answer);
        let (rows, batches) = answer.map_err(|error| error.code().as_str().to_owned())?;
        let table = pretty_format_batches(&batches).expect("a table");
        Ok(rows.map_or_else(|| table.to_string(), |rows| format!("{rows} rows")))
    }

    fn answer(&self, sql: &str, params: &[Param]) -> Shown {
        self.answer_in(&self.engine.session(), sql, params)
    }

    fn run(&self, sql: &str) {
        self.answer(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// What is done at once; `None` when nothing is.
    fn at_once_in(&self, session: &Session, sql: &str, params: &[Param]) -> Option<Shown> {
        let (tell, told) = mpsc::channel();
        let params = params.iter().cloned().collect::<Params>();
        let done = session.at_once(sql, &params, move |rows| tell.send(rows).expect("somebody waits"))?;
        let shown = match done {
            AtOnce::Answered(rows) => {
                rows.map(|rows| pretty_format_batches(&[rows]).expect("a table").to_string())
            }
            AtOnce::Inserting => {
                let rows = told.recv_timeout(Duration::from_secs(30)).expect("it is told");
                rows.map(|rows| format!("{rows} rows"))
            }
        };
        Some(shown.map_err(|error| error.code().as_str().to_owned()))
    }

    fn at_once(&self, sql: &str, params: &[Param]) -> Option<Shown> {
        self.at_once_in(&self.engine.session(), sql, params)
    }

    fn rows(&self, table: &str) -> String {
        self.answer(&format!("SELECT * FROM {table} ORDER BY 1"), &[]).expect("a table")
    }
}

fn int(value: i64) -> Param {
    Param::Int(value)
}

fn text(value: &str) -> Param {
    Param::Text(value.to_owned())
}

#[test]
fn queries_of_parameters_answer_at_once_what_they_answer_in_their_own_time() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (a INT)");
    let rows: [(&str, bool, Vec<Vec<Param>>); 14] = [
        ("SELECT $1", true, vec![vec![int(1)], vec![int(2)], vec![text("x")], vec![text("")]]),
        (
            "SELECT CAST($1 AS INT) + 1 AS a",
            true,
            vec![vec![int(1)], vec![int(i64::from(i32::MAX))], vec![int(5)]],
        ),
        ("SELECT CAST($1 AS INT) AS a", true, vec![vec![text("1")], vec![text("one")], vec![text("-7")]]),
        ("SELECT $1 / $2", true, vec![vec![int(6), int(4)], vec![int(1), int(0)], vec![int(6), int(3)]]),
        ("SELECT a + 1 AS b FROM (SELECT $1 * 2 AS a)", true, vec![vec![int(1)], vec![int(7)]]),
        ("SELECT CASE WHEN $1 > 3 THEN 'large' ELSE 'small' END", true, vec![vec![int(1)], vec![int(7)]]),
        ("SELECT $1 BETWEEN 1 AND 3, NOT $1 = 2, $1 IS NULL", true, vec![vec![int(1)], vec![int(7)]]),
        ("SELECT column1 + $1 AS a FROM (VALUES (1), (2), (3))", true, vec![vec![int(1)], vec![int(7)]]),
        ("SELECT 1 AS a, 'x' AS b", true, vec![vec![]]),
        // What may take long, or asks for more, is not done on the thread of the caller.
        ("SELECT repeat($1, 3)", false, vec![vec![text("x")]]),
        ("SELECT random() > $1", false, vec![vec![int(2)]]),
        ("SELECT count(*) + $1 FROM t", false, vec![vec![int(2)]]),
        ("SELECT $1 WHERE $1 > 1", false, vec![vec![int(2)]]),
        ("SELECT $1 UNION ALL SELECT 2", false, vec![vec![int(2)]]),
    ];
    for (sql, is_at_once, params) in rows {
        for (at, params) in params.iter().enumerate() {
            let fresh = format!("{sql} -- {at}");
            assert_eq!(fixture.at_once(&fresh, params), None, "{sql} is not known yet");
            let wanted = fixture.answer(&fresh, params);
            let _kept = fixture.answer(sql, params);
            assert_eq!(fixture.answer(sql, params), wanted, "{sql} {params:?}, kept");
            let given = fixture.at_once(sql, params);
            // What failed when it came first may not be kept.
            if wanted.is_ok() || given.is_some() {
                assert_eq!(given, is_at_once.then_some(wanted), "{sql} {params:?}, at once");
            }
        }
    }
}

#[test]
fn long_parameters_take_their_own_time() {
    let fixture = Fixture::new();
    let sql = "SELECT $1 AS a";
    for length in [10, 1 << 20] {
        let params = [text(&"x".repeat(length))];
        let wanted = fixture.answer(sql, &params);
        let at_once = fixture.at_once(sql, &params);
        assert_eq!(at_once, (length == 10).then_some(wanted), "{length} bytes");
    }
}

#[test]
fn inserted_rows_are_those_of_any_insert() {
    let columns = "(a INT PRIMARY KEY, b VARCHAR DEFAULT 'none', c DECIMAL(6, 2) CHECK (c < 1000), d BIGINT NOT NULL DEFAULT 7)";
    let rows: [(&str, bool, Vec<Param>); 19] = [
        (
            "INSERT INTO @ VALUES ($1, $2, $3, $4)",
            true,
            vec![int(1), text("one"), Param::Float(1.5), int(10)],
        ),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![int(2), Param::Null, Param::Null, int(20)]),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![int(2), text("twice"), Param::Null, int(20)]),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![int(3), Param::Null, Param::Null, Param::Null]),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![Param::Null, Param::Null, Param::Null, int(1)]),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![int(3), text("x"), int(1000), int(1)]),
        (
            "INSERT INTO @ VALUES ($1, $2, $3, $4)",
            true,
            vec![text("4"), int(5), text("6.25"), Param::Float(7.0)],
        ),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![text("four"), int(5), int(6), int(7)]),
        ("INSERT INTO @ VALUES ($1, $2, $3, $4)", true, vec![int(1 << 40), int(5), int(6), int(7)]),
        ("INSERT INTO @ (c, a) VALUES ($1, $2 + 4)", true, vec![int(1), int(1)]),
        ("INSERT INTO @ (a) VALUES ($1), ($1 + 1), ($2)", true, vec![int(6), int(8)]),
        ("INSERT INTO @ (a) VALUES ($1), ($1 + 1), ($1)", true, vec![int(9)]),
        ("INSERT INTO @ (a, b) VALUES ($1, DEFAULT)", true, vec![int(9)]),
        ("INSERT INTO @ (d) VALUES ($1)", true, vec![int(9)]),
        ("INSERT INTO @ (a) VALUES (10)", true, vec![]),
        ("INSERT INTO @ (a) VALUES ($1) ON CONFLICT DO NOTHING", false, vec![int(10)]),
        ("INSERT INTO @ (a) VALUES ($1) RETURNING a", false, vec![int(11)]),
        ("INSERT INTO @ (a) SELECT $1", false, vec![int(12)]),
        ("INSERT INTO @ (a, b) VALUES ($1, upper($2))", false, vec![int(13), text("x")]),
    ];
    // Each row the first time, from what is kept, and at once, each into a table of its own.
    let fixture = Fixture::new();
    for table in ["fresh", "kept", "once"] {
        fixture.run(&format!("CREATE TABLE {table} {columns}"));
    }
    for (at, (sql, is_at_once, params)) in rows.iter().enumerate() {
        let [fresh, kept, once] = ["fresh", "kept", "once"].map(|table| sql.replace('@', table));
        let wanted = fixture.answer(&format!("{fresh} /* {at} */"), params);
        // In a transaction that is undone, so that the statement is known and its rows are not there.
        for sql in [&kept, &once] {
            let session = fixture.engine.session();
            fixture.answer_in(&session, "BEGIN", &[]).expect("it begins");
            assert_eq!(fixture.answer_in(&session, sql, params), wanted, "{sql} {params:?} in a transaction");
            fixture.answer_in(&session, "ROLLBACK", &[]).expect("it ends");
        }
        assert_eq!(fixture.answer(&kept, params), wanted, "{kept} {params:?}");
        match fixture.at_once(&once, params) {
            Some(answer) => assert_eq!(answer, wanted, "{once} {params:?} at once"),
            None => {
                assert!(!is_at_once, "{once} {params:?} is not done at once");
                assert_eq!(fixture.answer(&once, params), wanted, "{once} {params:?}");
            }
        }
        let all = fixture.rows("fresh");
        for table in ["kept", "once"] {
            assert_eq!(fixture.rows(table), all, "{sql} {params:?}");
        }
    }
}

/// What was kept of an INSERT held the moment at which it first ran: rows of later days would have had it too.
#[test]
fn the_time_of_an_insert_is_its_own() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (a INT, at TIMESTAMP DEFAULT now())");
    let rows = [
        "INSERT INTO t (a) VALUES ($1)",
        "INSERT INTO t VALUES ($1, now())",
        "INSERT INTO t VALUES (7, current_timestamp)",
    ];
    for (at, sql) in rows.iter().enumerate() {
        for time in 1..=4 {
            let params: &[Param] = if sql.contains('$') { &[int(7)] } else { &[] };
            assert_eq!(fixture.at_once(sql, params), None, "{sql} is not done at once");
            assert_eq!(fixture.answer(sql, params), Ok("1 rows".into()), "{sql}");
            std::thread::sleep(Duration::from_millis(3));
            let times = fixture.answer("SELECT count(DISTINCT at) AS n FROM t", &[]);
            assert_eq!(times, fixture.answer(&format!("SELECT {} AS n", at * 4 + time), &[]), "{sql}");
        }
    }
}

/// A condition with `now()` is of the statement too: what was kept would refuse rows of later moments.
#[test]
fn a_check_of_the_time_is_of_its_statement() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (at TIMESTAMP WITH TIME ZONE CHECK (at <= now()))");
    for _ in 0..4 {
        let since = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970");
        let micros = i64::try_from(since.as_micros()).expect("a time of ours");
        let sql = "INSERT INTO t VALUES ($1)";
        assert_eq!(fixture.at_once(sql, &[Param::Micros(micros)]), None, "it is not done at once");
        assert_eq!(fixture.answer(sql, &[Param::Micros(micros)]), Ok("1 rows".into()));
        let later = [Param::Micros(micros + 3_600_000_000)];
        assert_eq!(fixture.answer(sql, &later), Err("CONSTRAINT_VIOLATED".into()));
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn inserts_at_once_respect_what_changed_since_they_were_known() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (a INT)");
    let sql = "INSERT INTO t VALUES ($1)";
    let one = |fixture: &Fixture| fixture.at_once(sql, &[int(1)]);
    assert_eq!(fixture.answer(sql, &[int(1)]), Ok("1 rows".into()));
    assert_eq!(one(&fixture), Some(Ok("1 rows".into())));
    // Another shape.
    fixture.run("ALTER TABLE t ADD COLUMN b INT NOT NULL DEFAULT 2");
    assert_eq!(one(&fixture), None);
    assert_eq!(fixture.answer(sql, &[int(1)]), Err("SQL_TYPE".into()));
    fixture.run("DROP TABLE t; CREATE TABLE t (a INT CHECK (a > 1))");
    assert_eq!(one(&fixture), None);
    assert_eq!(fixture.answer(sql, &[int(1)]), Err("CONSTRAINT_VIOLATED".into()));
    assert_eq!(one(&fixture), Some(Err("CONSTRAINT_VIOLATED".into())));
    assert_eq!(fixture.at_once(sql, &[int(2)]), Some(Ok("1 rows".into())));
    // Somebody else changes the database just now.
    let other = fixture.engine.session();
    fixture.answer_in(&other, "BEGIN", &[]).expect("it begins");
    fixture.answer_in(&other, "INSERT INTO t VALUES (3)", &[]).expect("it inserts");
    assert_eq!(fixture.at_once(sql, &[int(4)]), None);
    fixture.answer_in(&other, "COMMIT", &[]).expect("it ends");
    assert_eq!(fixture.at_once(sql, &[int(4)]), Some(Ok("1 rows".into())));
    // A transaction of one's own, and a snapshot.
    fixture.answer_in(&other, "BEGIN", &[]).expect("it begins");
    assert_eq!(fixture.at_once_in(&other, sql, &[int(5)]), None);
    fixture.answer_in(&other, "ROLLBACK", &[]).expect("it ends");
    let snapshot = fixture.engine.session_at(fixture.engine.database().expect("a database").snapshot());
    assert_eq!(fixture.at_once_in(&snapshot, sql, &[int(5)]), None);
    assert_eq!(fixture.answer_in(&snapshot, sql, &[int(5)]), Err("STORE_READ_ONLY".into()));
    let shown = fixture.answer("SELECT count(*) AS n, sum(a) AS s FROM t", &[]);
    assert_eq!(shown, fixture.answer("SELECT 3 AS n, 9 AS s", &[]));
}

#[test]
fn rows_that_came_at_once_are_there_after_all() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let options = Options { directory: Some(dir.path().to_owned()), threads: 2, ..Options::default() };
    let mut wanted = 0;
    for count in [1, 37, 400, 599] {
        let fixture = Fixture {
            engine: Engine::open(&options).expect("it opens"),
            _dir: tempfile::TempDir::new().expect("a folder"),
        };
        fixture.run("CREATE TABLE IF NOT EXISTS t (a BIGINT PRIMARY KEY, b VARCHAR)");
        let (tell, told) = mpsc::channel();
        let session = fixture.engine.session();
        for _ in 0..count {
            let params = [int(wanted), text(&format!("row {wanted}"))];
            let sql = "INSERT INTO t VALUES ($1, $2)";
            let tell = tell.clone();
            let given = params.iter().cloned().collect::<Params>();
            let done = session.at_once(sql, &given, move |rows| tell.send(rows).expect("somebody waits"));
            if done.is_none() {
                assert_eq!(fixture.answer(sql, &params), Ok("1 rows".into()));
            }
            wanted += 1;
        }
        drop((tell, session));
        // Closing waits for what is on its way; nobody asked before.
        fixture.engine.close();
        for rows in told {
            assert_eq!(rows.expect("it is durable"), 1);
        }
    }
    let fixture = Fixture {
        engine: Engine::open(&options).expect("it opens"),
        _dir: tempfile::TempDir::new().expect("a folder"),
    };
    let shown = fixture.answer("SELECT count(*) AS n, min(a) AS low, max(a) AS high FROM t", &[]);
    let expected = format!("SELECT CAST({wanted} AS BIGINT) AS n, 0 AS low, {} AS high", wanted - 1);
    assert_eq!(shown, fixture.answer(&expected, &[]));
}
