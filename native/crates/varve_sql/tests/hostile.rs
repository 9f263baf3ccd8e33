//! Statements that are too deep or too long give errors; the process lives on.

use varve_sql::{Engine, Options, Params};

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
    check("SELECT count(*) FROM generate_series(1, 10) WHERE value > ?", vec![7i64.into()], 3i64.into());
    check("SELECT coalesce(?, 3)", vec![ScalarValue::Null], 3i64.into());
}
