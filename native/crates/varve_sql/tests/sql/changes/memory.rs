//! Rows that a statement holds count against the memory of the engine.

use varve_sql::{Engine, Options, Params};

/// `sql` on a table of a million rows, in 8 MB: it is refused and changes nothing, or it fits.
fn check(sql: &str, fits: bool) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine = |memory_bytes| {
        let directory = Some(dir.path().join("db"));
        Engine::open(&Options { directory, threads: 2, memory_bytes, ..Options::default() })
            .expect("it opens")
    };
    let run = |engine: &Engine, sql: &str| {
        let (session, sql) = (engine.session(), sql.to_owned());
        let answer = async move {
            let output = session.execute(&sql, Params::default()).await?;
            let count = output.rows_affected;
            output.collect().await.map(|rows| (count, rows))
        };
        engine.handle().block_on(answer)
    };
    let close = |engine: Engine| {
        let database = engine.database().expect("there is one").clone();
        engine.handle().block_on(database.close());
    };
    let large = engine(1 << 30);
    let make = "CREATE TABLE t AS SELECT value AS id, value * 2 AS n FROM generate_series(1, 1000000)";
    run(&large, make).expect("it is made");
    close(large);
    let small = engine(8 << 20);
    match (run(&small, sql), fits) {
        (Ok((count, _)), true) => assert!(count.is_some_and(|count| count > 0), "{sql}"),
        (Err(error), false) => {
            assert_eq!(error.code().as_str(), "MEMORY_EXCEEDED", "{sql}: {error}");
            let (_, rows) = run(&small, "SELECT count(*), sum(n) FROM t").expect("it still answers");
            let shown = format!("{:?}", rows[0].columns());
            assert!(shown.contains("1000000,") && shown.contains("1000001000000,"), "{sql}: {shown}");
        }
        (answer, _) => panic!("{sql}: {answer:?}"),
    }
    close(small);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    check("UPDATE t SET n = n + 1", false);
    check("DELETE FROM t RETURNING *", false);
    check("INSERT INTO t SELECT * FROM t RETURNING *", false);
    check("UPDATE t SET n = n + 1 WHERE id <= 1000", true);
    check("DELETE FROM t WHERE id % 2 = 0", true);
}
