//! Statements that are too deep or too long give errors; the process lives on.

use std::time::Duration;

use tokio::time::timeout;
use varve_sql::{Engine, Options, Params};

use crate::rows::shown;

#[test]
fn deep_and_long_statements_are_refused() {
    let engine = Engine::open(&Options { threads: 2, ..Options::default() }).expect("it opens");
    let session = engine.session();
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("SELECT {}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let statements = [
        nested("(", "1", ")", 50_000),
        nested("abs(", "1", ")", 50_000),
        nested("[", "1", "]", 50_000),
        nested("- ", "1", "", 50_000),
        nested("NOT ", "true", "", 50_000),
        nested("CASE WHEN true THEN ", "1", " END", 50_000),
        nested("1 + ", "1", "", 50_000),
        nested("1 = 1 AND ", "true", "", 50_000),
        nested("1 UNION ALL SELECT ", "1", "", 50_000),
        nested("(SELECT ", "1", ")", 50_000),
        nested("1 IN (", "1", ")", 50_000),
        format!("SELECT 1 FROM {}", vec!["(SELECT 1)"; 20_000].join(" JOIN ")),
        format!("SELECT 1{}", "::INT".repeat(50_000)),
        format!("SELECT a{}", "[1]".repeat(50_000)),
        format!("SELECT a{}", ".b".repeat(50_000)),
        format!("{}SELECT 1", "EXPLAIN ".repeat(50_000)),
        format!("SELECT CAST(NULL AS {}INT{})", "ARRAY<".repeat(20_000), ">".repeat(20_000)),
        nested("(a) -> ", ")", "", 60),
        nested("f(1, (a, b) -> ", ")", ")", 60),
        format!("SELECT 'x{}'", "x".repeat(5 << 20)),
    ];
    for sql in statements {
        let answer = engine
            .handle()
            .block_on(async { session.execute(&sql, Params::default()).await?.collect().await });
        let shown: String = sql.chars().take(40).collect();
        let error = answer.expect_err(&shown);
        assert!(["SQL_LIMIT", "SQL_SYNTAX"].contains(&error.code().as_str()), "{shown}: {error}");
    }
    // What is deep but allowed runs.
    for sql in
        [nested("(", "1", ")", 60), nested("1 + ", "1", "", 800), nested("1 UNION ALL SELECT ", "1", "", 200)]
    {
        let answer = engine
            .handle()
            .block_on(async { session.execute(&sql, Params::default()).await?.collect().await });
        answer.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Each part of a chain was asked for the type of all parts before it, and each of these for theirs: 400 sums took half a minute
/// to plan, and 60 of decimals would not have been planned yet.
#[test]
fn long_chains_are_planned() {
    let engine = Engine::open(&Options { threads: 2, ..Options::default() }).expect("it opens");
    let session = engine.session();
    let chain = |part: &str, op: &str, times: usize| vec![part; times].join(op);
    let terms = (0..200).map(|term| format!("b + {term}")).collect::<Vec<_>>().join(", ");
    for (expression, expected) in [
        (chain("a", " + ", 400), "1200"),
        (chain("a", " - ", 400), "-1194"),
        (chain("d", " + ", 400), "1300.00"),
        (chain("d", " - ", 60), "-188.50"),
        (format!("length({})", chain("s", " || ", 400)), "800"),
        (chain("a * b", " + ", 400), "8400"),
        (format!("a IN ({terms})"), "false"),
        (format!("a + 100 IN ({terms})"), "true"),
    ] {
        let sql = format!(
            "SELECT {expression} FROM (VALUES (3, 7, 3.25::DECIMAL(12, 2), 'xy'), (NULL, 7, NULL, NULL)) AS t(a, b, d, s) \
             WHERE a IS NOT NULL"
        );
        let answer = async { session.execute(&sql, Params::default()).await?.collect().await };
        let answer = engine.handle().block_on(async { timeout(Duration::from_secs(20), answer).await });
        let rows = shown(&answer.expect(&expression).expect(&expression));
        assert_eq!(rows, [expected], "{expression}");
    }
}

/// A condition had what a projection computes in the place of its columns, below each projection again: twice as long each time.
/// And a query in a condition was checked as often as the one around it, twice.
#[test]
fn what_would_double_with_each_query_is_bounded() {
    let engine = Engine::open(&Options { threads: 2, ..Options::default() }).expect("it opens");
    let session = engine.session();
    let table = "(SELECT * FROM (VALUES (1), (2)) AS v(a)) AS t";
    let nested = |times: usize, around: &dyn Fn(String) -> String| {
        (0..times).fold(format!("SELECT a FROM {table}"), |inner, _| around(inner))
    };
    let check = |sql: String| {
        let answer = async { session.execute(&sql, Params::default()).await?.collect().await };
        let answer = engine.handle().block_on(async { timeout(Duration::from_secs(30), answer).await });
        answer.expect("it ends").map(|batches| shown(&batches))
    };
    let doubled = nested(50, &|inner| format!("SELECT a + a AS a FROM ({inner}) AS t WHERE a > 0"));
    assert_eq!(check(doubled).expect("it is planned"), [1_u64 << 50, 1 << 51].map(|a| a.to_string()));
    let kinds: [&dyn Fn(String) -> String; 3] = [
        &|inner| format!("SELECT a FROM {table} WHERE a IN ({inner})"),
        &|inner| format!("SELECT a FROM {table} WHERE EXISTS (SELECT 1 FROM ({inner}) AS i WHERE i.a = t.a)"),
        &|inner| format!("SELECT a + 0 * (SELECT max(a) FROM ({inner}) AS i) AS a FROM {table}"),
    ];
    for around in kinds {
        let mut allowed = check(nested(8, around)).expect("it is planned");
        allowed.sort();
        assert_eq!(allowed, ["1", "2"]);
        let error = check(nested(20, around)).expect_err("too deep");
        assert_eq!(error.code().as_str(), "SQL_LIMIT", "{error}");
    }
}

/// The task of a statement planned it, and stood still for as long as that took: it heard of no cancellation, and on an engine of
/// one thread nobody else was answered.
#[test]
fn others_are_answered_while_a_wide_statement_is_planned() {
    let engine = Engine::open(&Options { threads: 1, ..Options::default() }).expect("it opens");
    let list =
        |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
    // The first takes the optimiser long, the second what reads SQL.
    for (what, rest) in [
        ("*".to_owned(), format!("ORDER BY {}", list(2_000, &|at| format!("a * {at}")))),
        (list(1_000, &|at| format!("sum(a + {at}) AS s{at}")), String::new()),
    ] {
        let wide = format!("EXPLAIN SELECT {what} FROM (VALUES (1), (2)) AS t(a) {rest}");
        engine.handle().block_on(async {
            let session = engine.session();
            let planned =
                engine.handle().spawn(async move { session.execute(&wide, Params::default()).await });
            tokio::time::sleep(Duration::from_millis(100)).await;
            engine.session().execute("SELECT 1", Params::default()).await.expect("it answers");
            assert!(!planned.is_finished(), "planning took less than a question: make the statement wider");
            planned.abort();
            assert!(planned.await.is_err_and(|ended| ended.is_cancelled()), "it did not hear");
            engine.session().execute("SELECT 1", Params::default()).await.expect("it answers still");
        });
    }
}

/// Each of many wide statements was planned on a thread of its own, all at once, though everybody had left: 512 plans of some
/// megabytes each.
#[cfg(target_os = "linux")]
#[test]
fn few_statements_are_planned_at_once() {
    let engine = Engine::open(&Options { threads: 2, ..Options::default() }).expect("it opens");
    let items = (0..1_000).map(|at| format!("a * {at}")).collect::<Vec<_>>().join(", ");
    let wide = format!("EXPLAIN SELECT * FROM (VALUES (1), (2)) AS t(a) ORDER BY {items}");
    let threads = || std::fs::read_dir("/proc/self/task").expect("it is listed").count();
    let before = threads();
    engine.handle().block_on(async {
        let planned = (0..200).map(|_| {
            let (session, wide) = (engine.session(), wide.clone());
            engine.handle().spawn(async move { session.execute(&wide, Params::default()).await })
        });
        let planned: Vec<_> = planned.collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        planned.iter().for_each(|task| task.abort());
        // Other tests have threads of their own.
        assert!(threads() < before + 100, "{} threads, {before} before", threads());
        engine.session().execute("SELECT 1", Params::default()).await.expect("it answers still");
    });
}

/// What is wide, or reached again and again, was planned until the memory or the stack was gone: thirty lines of WITH are a plan
/// of 2^30 nodes, and 2,000 parameters in a list were as many comparisons under each other.
#[test]
fn wide_and_multiplied_statements_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { directory: Some(folder.path().join("db")), threads: 2, ..Options::default() };
    let engine = Engine::open(&options).expect("it opens");
    let session = engine.session();
    let run = |sql: &str, params: Params| {
        engine.handle().block_on(async { session.execute(sql, params).await?.collect().await })
    };
    let done = |sql: &str| {
        run(sql, Params::default()).unwrap_or_else(|error| panic!("{error}"));
    };
    let list = |count: usize, divider: &str, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(divider)
    };
    let doubled = |levels: usize, join: &str| {
        let level = |at: usize| format!("c{} AS (SELECT x.a FROM c{at} AS x {join})", at + 1);
        let join = |at: usize| level(at).replace('@', &format!("c{at} AS y"));
        format!("WITH c0 AS (SELECT a FROM t), {} SELECT * FROM c{levels}", list(levels, ", ", &join))
    };
    let wide =
        |count: usize| format!("CREATE TABLE w{count} ({})", list(count, ", ", &|at| format!("c{at} INT")));
    let added = |count: usize| list(count, ", ", &|at| format!("a + {at}"));
    let windows = |count: usize| list(count, ", ", &|at| format!("sum(a) OVER (ORDER BY b + {at}) AS c{at}"));
    let queries =
        |count: usize| list(count, ", ", &|at| format!("(SELECT max(b) FROM t WHERE b > {at}) AS c{at}"));
    let union = |count: usize| format!("SELECT a FROM t {}", "UNION SELECT a FROM t ".repeat(count));
    let steps = |count: usize| {
        let step = |at: usize| format!("c{} AS (SELECT a + 1 AS a, b FROM c{at} WHERE a + b > {at})", at + 1);
        format!("WITH c0 AS (SELECT a, b FROM t), {} SELECT * FROM c{count}", list(count, ", ", &step))
    };

    done("CREATE TABLE t (a INT, b INT)");
    done("INSERT INTO t VALUES (1, 2), (3, 4)");
    done("CREATE VIEW v0 AS SELECT a FROM t");
    for at in 0..8 {
        done(&format!("CREATE VIEW v{} AS SELECT x.a FROM v{at} AS x JOIN v{at} AS y ON x.a = y.a", at + 1));
    }
    done(&wide(4_096));
    for sql in [
        format!("SELECT {}", list(50_000, ", ", &|at| format!("1 AS c{at}"))),
        format!("SELECT a FROM t ORDER BY {}", added(50_000)),
        format!("SELECT count(*) FROM t GROUP BY {}", added(50_000)),
        format!("SELECT concat({}) FROM t", list(50_000, ", ", &|_| "a".to_owned())),
        format!("SELECT row_number() OVER (PARTITION BY {}) FROM t", added(50_000)),
        format!("VALUES ({})", list(50_000, ", ", &|at| at.to_string())),
        format!("SELECT a FROM t WHERE a IN ({})", list(50_000, ", ", &|at| format!("b + {at}"))),
        format!("SELECT {} FROM t", windows(3_000)),
        format!("SELECT {}", queries(3_000)),
        format!("SELECT count(*) FROM {}", list(50_000, ", ", &|at| format!("t AS t{at}"))),
        format!("SELECT 1 FROM t GROUP BY CUBE ({})", added(24)),
        format!("SELECT 1 FROM t GROUP BY {}", list(9, ", ", &|at| format!("CUBE (a + {at}, b)"))),
        list(100_000, ";", &|_| "SELECT 1".to_owned()),
        doubled(30, "JOIN @ ON x.a = y.a"),
        doubled(30, "UNION ALL SELECT * FROM @"),
        doubled(300, "WHERE a IN (SELECT a FROM @)"),
        format!(
            "SELECT x.a FROM v8 AS x {}",
            list(8, " ", &|at| format!("JOIN v8 AS y{at} ON x.a = y{at}.a"))
        ),
        union(900),
        steps(250),
        wide(50_000),
        wide(4_097),
        "ALTER TABLE w4096 ADD COLUMN more INT".to_owned(),
        format!("SELECT count(*) FROM {}", list(4, ", ", &|at| format!("w4096 AS w{at}"))),
        format!("SELECT count(*) FROM {}", list(40, ", ", &|at| format!("w4096 AS w{at}"))),
    ] {
        let shown: String = sql.chars().take(60).collect();
        let error = run(&sql, Params::default()).expect_err(&shown);
        assert_eq!(error.code().as_str(), "SQL_LIMIT", "{shown}: {error}");
    }
    // What is wide but allowed runs.
    for sql in [
        format!("SELECT {}", list(1_000, ", ", &|at| format!("1 AS c{at}"))),
        format!("SELECT a FROM t ORDER BY {}", added(50)),
        format!("SELECT a FROM t WHERE a IN ({})", list(300, ", ", &|at| format!("b + {at}"))),
        format!("SELECT a FROM t WHERE a IN ({})", list(20_000, ", ", &|at| at.to_string())),
        format!("SELECT {} FROM t", windows(20)),
        format!("SELECT {}", queries(20)),
        format!("SELECT count(*) FROM {}", list(6, ", ", &|at| format!("t AS t{at}"))),
        format!("SELECT count(*) FROM t GROUP BY CUBE ({})", added(4)),
        doubled(4, "JOIN @ ON x.a = y.a"),
        union(60),
        steps(60),
        "SELECT * FROM v4".to_owned(),
        "SELECT c7 FROM w4096".to_owned(),
    ] {
        done(&sql);
    }
    // Parameters of a long list are put in before it is planned.
    for count in [65usize, 3_000] {
        let sql = format!("SELECT a FROM t WHERE a IN ({})", list(count, ", ", &|at| format!("${}", at + 1)));
        for _ in 0..2 {
            let values = (0..count).map(|value| (value as i64).into()).collect();
            let rows = run(&sql, Params { values }).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2, "{count} parameters");
        }
    }
}

#[test]
fn parameters_are_put_in() {
    use datafusion::common::ScalarValue;

    let engine = Engine::open(&Options { threads: 2, ..Options::default() }).expect("it opens");
    let session = engine.session();
    let params = |values: Vec<ScalarValue>| Params { values };
    let check = |sql: &str, values: Vec<ScalarValue>, wanted: ScalarValue| {
        let run = async { session.execute(sql, params(values)).await?.collect().await };
        let batches = engine.handle().block_on(run).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let got = ScalarValue::try_from_array(batches[0].column(0), 0).expect("a value");
        assert_eq!(got, wanted, "{sql}");
    };
    check("SELECT ?", vec![7i64.into()], 7i64.into());
    check("SELECT ? - ?", vec![7i64.into(), 5i64.into()], 2i64.into());
    check("SELECT $2 - $1", vec![7i64.into(), 5i64.into()], (-2i64).into());
    // What is sorted by is moved in front of the filter, and keeps its number.
    let moved = "SELECT -value AS value FROM generate_series(1, 9) AS g WHERE value < ? ORDER BY g.value DESC, value % ? LIMIT ?";
    check(moved, vec![4i64.into(), 2i64.into(), 1i64.into()], (-3i64).into());
    check("SELECT count(*) FROM generate_series(1, 10) WHERE value > ?", vec![7i64.into()], 3i64.into());
    check("SELECT coalesce(?, 3)", vec![ScalarValue::Null], 3i64.into());
}

/// A view whose text has a parameter took that of the statement which read the view.
#[test]
fn a_view_has_no_parameters() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { directory: Some(folder.path().join("db")), threads: 2, ..Options::default() };
    let engine = Engine::open(&options).expect("it opens");
    let session = engine.session();
    let run = |sql: &str| {
        let params = Params { values: vec![7i64.into()] };
        engine.handle().block_on(async { session.execute(sql, params).await?.collect().await })
    };
    run("CREATE TABLE t (a BIGINT)").expect("a table");
    run("INSERT INTO t VALUES (7)").expect("a row");
    run("CREATE VIEW v AS SELECT a FROM t WHERE a = $1").expect("a view");
    run("SELECT * FROM v WHERE a = $1").expect_err("the view took a parameter that is not its own");
}
