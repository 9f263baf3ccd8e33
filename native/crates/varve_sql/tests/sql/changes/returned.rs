//! What a statement answers is known before it runs.

use varve_sql::{Engine, Options, Params};

#[test]
fn shapes_of_changes_are_those_of_returning() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = Options { directory: Some(dir.path().join("db")), threads: 2, ..Options::default() };
    let engine = Engine::open(&options).expect("it opens");
    let session = engine.session();
    let make = session.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, n INT)", Params::default());
    engine.handle().block_on(make).expect("it is made");
    let check = |sql: &str, wanted: &[&str], parameters: usize| {
        let shape =
            engine.handle().block_on(session.shape(sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let columns: Vec<&str> = shape.columns.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!((columns.as_slice(), shape.parameters), (wanted, parameters), "{sql}");
    };
    check("INSERT INTO t VALUES (1, 2)", &[], 0);
    check("INSERT INTO t VALUES (?, ?) RETURNING *", &["id", "n"], 2);
    check(
        "INSERT INTO t VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = $1 RETURNING n + $2 AS m",
        &["m"],
        2,
    );
    check("UPDATE t AS x SET n = 1 WHERE id = ? RETURNING x.n", &["n"], 1);
    check("DELETE FROM t RETURNING id AS gone", &["gone"], 0);
    check(
        "MERGE INTO t USING (SELECT 1 AS k) AS s ON id = k WHEN MATCHED THEN DELETE RETURNING id",
        &["id"],
        0,
    );
}
