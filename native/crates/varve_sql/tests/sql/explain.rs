//! What EXPLAIN says as JSON: one tree of operators with estimated and actual rows.

use serde_json::Value;
use varve_sql::{Engine, Options, Params, Session};

/// All operators of a tree.
fn operators(tree: &Value) -> Vec<&Value> {
    let children = tree["children"].as_array().expect("an array").iter();
    std::iter::once(tree).chain(children.flat_map(operators)).collect()
}

fn run(engine: &Engine, session: &Session, sql: &str) -> Vec<String> {
    let run = async { session.execute(sql, Params::default()).await?.collect().await };
    let batches = engine.handle().block_on(run).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let lines = batches.iter().filter(|batch| batch.num_columns() > 0).flat_map(|batch| {
        let column = datafusion::common::cast::as_string_array(batch.column(0)).expect("text");
        column.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.collect()
}

#[test]
fn explain_tells_estimated_and_actual_rows() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let options = Options { directory: Some(folder.path().join("db")), threads: 2, ..Options::default() };
    let engine = Engine::open(&options).expect("it opens");
    let session = engine.session();
    run(&engine, &session, "CREATE TABLE t (id BIGINT PRIMARY KEY, g BIGINT)");
    run(&engine, &session, "INSERT INTO t SELECT value, value % 7 FROM generate_series(1, 1000)");
    let query = "SELECT g, count(*) FROM t WHERE id > 10 GROUP BY g";
    let json = |sql: &str, analyze| {
        let text = engine.handle().block_on(session.explain(sql, analyze));
        serde_json::from_str::<Value>(&text.unwrap_or_else(|error| panic!("{sql}: {error}"))).expect("JSON")
    };

    let planned = json(query, false);
    let scan = operators(&planned).pop().expect("a leaf").clone();
    assert_eq!(scan["operator"], "DataSourceExec");
    assert!(scan["detail"].as_str().is_some_and(|detail| detail.contains("table=main.t")), "{scan}");
    assert!(scan["estimatedRows"].is_u64(), "{scan}");
    assert!(scan.get("actualRows").is_none(), "{scan}");

    let ran = json(query, true);
    assert_eq!(ran["actualRows"], 7, "{ran}");
    let leaf = operators(&ran).pop().expect("a leaf").clone();
    assert_eq!(leaf["actualRows"], 990, "{leaf}");
    assert!(leaf["elapsedNs"].as_u64().is_some_and(|ns| ns > 0), "{leaf}");
    assert!(leaf["bytesRead"].as_u64().is_some_and(|bytes| bytes > 0), "{leaf}");

    // The same by SQL, on one line; as text there is a line for each operator.
    let by_sql = run(&engine, &session, &format!("EXPLAIN (ANALYZE, FORMAT JSON) {query}"));
    assert_eq!(by_sql.len(), 1);
    let by_sql: Value = serde_json::from_str(&by_sql[0]).expect("JSON");
    assert_eq!(by_sql["actualRows"], 7);
    let text = run(&engine, &session, &format!("EXPLAIN ANALYZE {query}"));
    assert_eq!(text.len(), operators(&ran).len());
    assert!(text.last().is_some_and(|line| line.contains("actual 990")), "{text:?}");

    // What has no values yet is planned as far as it can be.
    let open = json("SELECT g FROM t WHERE id = $1", false);
    assert!(open["operator"].is_string(), "{open}");
    let refused = |sql: &str, analyze| {
        engine.handle().block_on(session.explain(sql, analyze)).expect_err(sql).code().as_str()
    };
    assert_eq!(refused("SELECT g FROM t WHERE id = $1", true), "SQL_UNSUPPORTED");
    assert_eq!(refused("DELETE FROM t", true), "SQL_UNSUPPORTED");
    assert_eq!(refused("SELECT 1; DROP TABLE t", false), "SQL_SYNTAX");
    assert_eq!(refused("SELECT * FROM nowhere", false), "SQL_NAME");

    let shape = engine.handle().block_on(session.shape(&format!("EXPLAIN {query}"))).expect("a shape");
    assert_eq!(shape.columns.field(0).name(), "plan");
}

#[test]
fn what_analyze_finds_out_is_kept_and_used() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let options = Options { directory: Some(folder.path().join("db")), threads: 2, ..Options::default() };
    let estimate = |engine: &Engine| {
        let session = engine.session();
        let explain = session.explain("SELECT * FROM t WHERE g = 3", false);
        let text = engine.handle().block_on(explain).expect("a plan");
        let tree: Value = serde_json::from_str(&text).expect("JSON");
        operators(&tree).last().expect("a leaf")["estimatedRows"].as_u64().expect("a number")
    };
    {
        let engine = Engine::open(&options).expect("it opens");
        let session = engine.session();
        run(&engine, &session, "CREATE TABLE t (id BIGINT PRIMARY KEY, g BIGINT)");
        run(&engine, &session, "INSERT INTO t SELECT value, value % 7 FROM generate_series(1, 1000)");
        run(&engine, &session, "ANALYZE t");
        // One of seven values, between bounds that only ANALYZE knows of hot rows.
        assert_eq!(estimate(&engine), 143);
        let version = engine.database().expect("there is one").snapshot();
        let table = version.table("main", "t").expect("it is there");
        let statistics = table.statistics.as_ref().expect("they were kept");
        assert_eq!((statistics.rows, statistics.columns[1].nulls), (1000, 0));
        assert!(statistics.columns[1].distinct.is_some_and(|distinct| (6..=8).contains(&distinct)));
        assert!(statistics.columns[0].distinct.is_some_and(|distinct| (950..=1050).contains(&distinct)));
    }
    let engine = Engine::open(&options).expect("it opens again");
    assert_eq!(estimate(&engine), 143);
    let session = engine.session();
    run(&engine, &session, "DELETE FROM t WHERE id > 500");
    assert_eq!(estimate(&engine), 72);
    run(&engine, &session, "DROP TABLE t");
}
