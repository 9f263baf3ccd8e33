//! COPY, in both directions.

use super::fixture::Fixture;

const ROWS: &str = "(1, 'one', 1.50, DATE '2024-02-29', true), \
    (2, 'two, \"2\"', NULL, NULL, false), (3, NULL, -0.25, DATE '1969-12-31', NULL)";

#[test]
fn what_is_copied_out_comes_back() {
    let at = Fixture::new();
    let create = "(id BIGINT PRIMARY KEY, name TEXT, price DECIMAL(10,2), day DATE, good BOOLEAN)";
    at.run(&format!("CREATE TABLE t {create}")).expect("it is made");
    at.run(&format!("INSERT INTO t VALUES {ROWS}")).expect("it is filled");
    let wanted = at.run("SELECT * FROM t ORDER BY id").expect("rows");
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    for (number, file) in [
        "t.parquet",
        "t.csv",
        "t.tsv",
        "t.json",
        "t.arrow",
        "t.csv.gz",
        "t.json.zst",
        "t.csv.bz2",
        "t.csv.xz",
        "t.dat' (FORMAT csv, HEADER false, DELIM ';', QUOTE '|') --",
        "u.dat' (FORMAT parquet, COMPRESSION none) --",
        "v.dat' (FORMAT csv, COMPRESSION gzip) --",
        "x.dat' (FORMAT tsv) --",
        "w.parquet' (COMPRESSION gzip) --",
    ]
    .iter()
    .enumerate()
    {
        at.run(&format!("COPY t TO '@/{file}'")).unwrap_or_else(|error| panic!("{file}: {error}"));
        at.run(&format!("CREATE TABLE t{number} {create}")).expect("it is made");
        at.run(&format!("COPY t{number} FROM '@/{file}'")).unwrap_or_else(|error| panic!("{file}: {error}"));
        at.check(&format!("SELECT * FROM t{number} ORDER BY id"), &wanted);
    }
    let tabs = std::fs::read_to_string(at.path("x.dat")).expect("it is there");
    assert!(tabs.starts_with("id\tname\tprice\tday\tgood\n"), "{tabs}");
    for file in ["t.parquet", "t.csv", "t.json", "t.arrow", "t.csv.gz", "t.json.zst"] {
        at.check(&format!("SELECT id, name FROM '@/{file}' WHERE id = 2"), &["2 two, \"2\""]);
    }
}

#[test]
fn queries_and_columns_are_copied() {
    let at = Fixture::new();
    at.run("CREATE TABLE t (a BIGINT, b BIGINT DEFAULT 7)").expect("it is made");
    at.run("COPY (SELECT value AS a FROM generate_series(1, 100000)) TO '@/many.parquet'").expect("written");
    at.run("COPY t (a) FROM '@/many.parquet'").expect("it is read");
    at.check("SELECT count(*), sum(a), sum(b) FROM t", &["100000 5000050000 700000"]);
    at.run("COPY t (b, a) TO '@/two.csv'").expect("it is written");
    at.check("SELECT max(b), max(a) FROM '@/two.csv'", &["7 100000"]);
    at.run("COPY (SELECT 1 AS a WHERE false) TO '@/none.csv'").expect("it is written");
    assert_eq!(std::fs::read_to_string(at.path("none.csv")).expect("it is there"), "a\n");
    at.run("COPY (SELECT 1 AS a WHERE false) TO '@/none.parquet'").expect("it is written");
    at.check("SELECT count(*) FROM '@/none.parquet'", &["0"]);
    at.run("BEGIN; COPY t TO '@/in.csv'; ROLLBACK").expect("reading needs no transaction of its own");
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let at = Fixture::new();
    at.write("old.csv", "a\n1\n");
    at.refuses("COPY (SELECT 2 AS a) TO '@/old.csv'", "FILE_FORBIDDEN");
    at.check("SELECT a FROM '@/old.csv'", &["1"]);
    // The query fails behind a million rows.
    let failing = "SELECT 10 / (value - 1000000) AS a FROM generate_series(1, 2000000)";
    at.refuses(&format!("COPY ({failing}) TO '@/new.csv'"), "SQL_VALUE");
    at.refuses(&format!("COPY ({failing}) TO '@/old.csv' (OVERWRITE)"), "SQL_VALUE");
    at.check("SELECT a FROM '@/old.csv'", &["1"]);
    at.run("COPY (SELECT 2 AS a) TO '@/old.csv' (OVERWRITE)").expect("it is written");
    at.check("SELECT a FROM '@/old.csv'", &["2"]);
    let mut left: Vec<_> = std::fs::read_dir(at.path("")).expect("it can be listed").collect();
    left.retain(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "db"));
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn nothing_is_written_outside_or_by_accident() {
    let at = Fixture::new();
    std::os::unix::fs::symlink(at.root.join("outside"), at.path("out")).expect("a link");
    std::os::unix::fs::symlink(at.root.join("outside/x.csv"), at.path("x.csv")).expect("a link");
    for path in ["!/x.csv", "@/out/x.csv", "@/x.csv", "@/../outside/x.csv", "@/db/x.csv", "s3://b/x.csv"] {
        at.refuses(&format!("COPY (SELECT 1 AS a) TO '{path}' (OVERWRITE)"), "FILE_FORBIDDEN");
    }
    assert_eq!(std::fs::read_dir(at.root.join("outside")).expect("it can be listed").count(), 0);
    at.refuses("COPY (SELECT 1 AS a) TO '@/no/x.csv'", "FILE_MISSING");
    at.refuses("COPY (SELECT 1 AS a) TO PROGRAM 'sh'", "FILE_FORBIDDEN");
    at.refuses("COPY (SELECT 1 AS a) TO STDOUT", "FILE_FORBIDDEN");
    at.refuses("COPY (SELECT 1 AS a) TO '@/x'", "FILE_MALFORMED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/y.csv' (NONSENSE 1)", "SQL_SYNTAX");
    at.refuses("COPY (SELECT 1 AS a) TO '@/y.parquet' (HEADER)", "SQL_UNSUPPORTED");
    at.refuses("COPY (SELECT [1] AS a) TO '@/y.csv'", "SQL_UNSUPPORTED");
    at.refuses("COPY nowhere TO '@/y.csv'", "SQL_NAME");
    at.refuses("COPY (SELECT 1) FROM '@/y.csv'", "SQL_SYNTAX");
    at.refuses("EXPLAIN COPY (SELECT 1) TO '@/y.csv'", "SQL_UNSUPPORTED");
    assert!(!at.path("y.csv").exists());
}

#[test]
fn rows_that_do_not_fit_are_all_refused() {
    let at = Fixture::new();
    at.run("CREATE TABLE t (a BIGINT NOT NULL CHECK (a < 100), b TEXT)").expect("it is made");
    at.write("wide.csv", "a,b,c\n1,x,y\n");
    at.write("text.csv", "a,b\n1,x\nnope,y\n");
    at.write("check.csv", "a,b\n1,x\n100,y\n");
    at.write("null.csv", "a,b\n1,x\n,y\n");
    at.write("other.json", "{\"a\":1,\"z\":2}\n");
    at.refuses("COPY t FROM '@/wide.csv'", "FILE_MALFORMED");
    at.refuses("COPY t FROM '@/text.csv'", "FILE_MALFORMED");
    at.refuses("COPY t FROM '@/check.csv'", "CONSTRAINT_VIOLATED");
    at.refuses("COPY t FROM '@/null.csv'", "CONSTRAINT_VIOLATED");
    at.refuses("COPY t FROM '@/other.json'", "SQL_NAME");
    at.refuses("COPY t FROM '@/missing.csv'", "FILE_MISSING");
    at.check("SELECT count(*) FROM t", &["0"]);
}
