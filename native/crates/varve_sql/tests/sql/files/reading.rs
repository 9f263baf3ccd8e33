//! Files as tables.

use std::time::{Duration, SystemTime};

use super::fixture::Fixture;

#[test]
fn csv_is_read_as_its_options_say() {
    let at = Fixture::new();
    at.write("a.csv", "id,name,x\n1,one,0.5\n2,\"two, \"\"2\"\"\nlines\",\n");
    at.write("b.tsv", "id\tname\n3\tthree\n");
    at.write("bare.csv", "1;x\n2;'a;b'\n");
    at.write("c.csv", "#note\nid\n7\n");
    at.check("SELECT id, x FROM '@/a.csv' ORDER BY id", &["1 0.5", "2 NULL"]);
    at.check("SELECT name FROM '@/a.csv' WHERE id = 2", &["two, \"2\"\nlines"]);
    at.check("SELECT a.id FROM '@/a.csv' WHERE a.name = 'one'", &["1"]);
    at.check("SELECT t.id FROM '@/a.csv' AS t WHERE t.name = 'one'", &["1"]);
    at.check("SELECT id + 1, name FROM '@/b.tsv'", &["4 three"]);
    // A file of another name was read with commas.
    at.write("b.txt", "id\tname\n3\tthree\n");
    at.check("SELECT id, name FROM read_tsv('@/b.txt')", &["3 three"]);
    at.check("SELECT count(*) FROM read_csv('@/a.csv', header = false)", &["3"]);
    at.check(
        "SELECT * FROM read_csv('@/bare.csv', header := false, delim => ';', quote = '''')",
        &["1 x", "2 a;b"],
    );
    at.check("SELECT * FROM read_csv('@/c.csv', comment = '#')", &["7"]);
    at.check("SELECT count(*) FROM read_csv('@/b.tsv', delim = ',')", &["1"]);
    at.refuses("SELECT * FROM read_csv('@/a.csv', nonsense = 1)", "SQL_UNSUPPORTED");
    at.refuses("SELECT * FROM read_csv('@/a.csv', header = 7)", "SQL_VALUE");
    at.refuses("SELECT * FROM read_csv('@/a.csv', 7)", "SQL_SYNTAX");
    at.refuses("SELECT * FROM read_csv(7)", "SQL_VALUE");
    at.refuses("SELECT nowhere FROM '@/a.csv'", "SQL_NAME");
    at.refuses("SELECT * FROM '@/a.txt'", "FILE_MALFORMED");
}

/// Parameters were no values for a path or an option, so that no file could be read that a program names. Since there are files.
#[test]
fn parameters_name_files_and_options() {
    let at = Fixture::new();
    at.write("a.csv", "1;x\n2;'a;b'\n");
    at.run("PREPARE rows AS SELECT * FROM read_csv($1, header = $3, delim = $2, quote = '''') WHERE column_1 < $4")
        .expect("it is prepared");
    at.check("EXECUTE rows('@/a.csv', ';', false, 2)", &["1 x"]);
    at.check("EXECUTE rows('@/a.csv', ';', false, 3)", &["1 x", "2 a;b"]);
    at.refuses("EXECUTE rows('!/a.csv', ';', false, 3)", "FILE_FORBIDDEN");
    at.refuses("EXECUTE rows('@/none.csv', ';', false, 3)", "FILE_MISSING");
    at.refuses("EXECUTE rows(NULL, ';', false, 3)", "SQL_VALUE");
    at.refuses("EXECUTE rows('@/a.csv', ';', 7, 3)", "SQL_VALUE");
    at.run("CREATE TABLE t (a INT, b TEXT)").expect("it is made");
    at.run(
        "PREPARE load AS INSERT INTO t SELECT * FROM read_csv($1, header = false, delim = ';', quote = '''')",
    )
    .expect("it is prepared");
    at.run("EXECUTE load('@/a.csv')").expect("it is loaded");
    at.check("SELECT * FROM t ORDER BY a", &["1 x", "2 a;b"]);
}

#[test]
fn json_is_read_line_by_line_or_as_an_array() {
    let at = Fixture::new();
    at.write("a.json", "{\"a\":1,\"b\":\"x\",\"c\":[1,2]}\n{\"a\":2,\"b\":null}\n");
    at.write("b.ndjson", "{\"a\":{\"b\":7}}\n");
    at.write("array.json", "[{\"a\":1},\n {\"a\":2}]");
    at.check("SELECT a, b, c FROM '@/a.json' ORDER BY a", &["1 x [1, 2]", "2 NULL NULL"]);
    at.check("SELECT a['b'] FROM '@/b.ndjson'", &["7"]);
    at.check("SELECT sum(a) FROM read_json('@/array.json', format = 'array')", &["3"]);
}

/// Parquet computed each filter on its own, in the order in which they come, and said that the file was malformed.
#[test]
fn filters_of_files_that_may_fail_see_what_others_left() {
    let at = Fixture::new();
    let rows = "SELECT value AS a, value % 3 AS b FROM generate_series(1, 3000)";
    for ending in ["parquet", "csv", "arrow", "json"] {
        at.run(&format!("COPY ({rows}) TO '@/t.{ending}'")).expect("written");
        for filter in ["a / b > 1 AND b <> 0", "b <> 0 AND a / b > 1", "NOT (a / b <= 1 OR b = 0)"] {
            at.check(&format!("SELECT count(*) FROM '@/t.{ending}' WHERE {filter}"), &["1998"]);
        }
        at.refuses(&format!("SELECT count(*) FROM '@/t.{ending}' WHERE a / b > 1"), "SQL_VALUE");
    }
}

#[test]
fn patterns_stand_for_many_files() {
    let at = Fixture::new();
    for (name, rows) in
        [("p/1.csv", "a\n1\n"), ("p/2.csv", "a\n2\n"), ("p/q/3.csv", "a\n3\n"), ("p/.h.csv", "a\n9\n")]
    {
        at.write(name, rows);
    }
    at.check("SELECT sum(a) FROM '@/p/*.csv'", &["3"]);
    at.check("SELECT sum(a) FROM '@/p/[2-9].csv'", &["2"]);
    at.check("SELECT sum(a) FROM '@/p/**/*.csv'", &["6"]);
    at.check("SELECT sum(a) FROM '@/p/?/3.csv'", &["3"]);
    at.check("SELECT sum(a) FROM read_csv('@/*/?.csv')", &["3"]);
}

#[test]
fn a_file_that_changes_is_read_anew() {
    let at = Fixture::new();
    at.write("a.csv", "a\n1\n");
    at.check("SELECT a FROM '@/a.csv'", &["1"]);
    at.write("a.csv", "b\n2\n3\n");
    at.check("SELECT b FROM '@/a.csv'", &["2", "3"]);
    at.write("d/1.csv", "a\n1\n");
    at.check("SELECT sum(a) FROM '@/d/*.csv'", &["1"]);
    at.write("d/2.csv", "a\n1\n");
    at.check("SELECT sum(a) FROM '@/d/*.csv'", &["2"]);
}

/// Where size and time were the same as before, as of a copy that keeps the time, what was known of the file that was there
/// before was taken for it, and other rows came.
#[test]
fn a_file_that_shows_the_same_time_is_read_anew() {
    let at = Fixture::new();
    for value in 1_000..1_020 {
        at.run(&format!("COPY (SELECT {value} AS v) TO '@/x.parquet' (OVERWRITE TRUE)"))
            .expect("it is written");
        let file = std::fs::File::options().write(true).open(at.path("x.parquet")).expect("it is there");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)).expect("it has a time");
        at.check("SELECT min(v), max(v) FROM '@/x.parquet'", &[&format!("{value} {value}")]);
    }
}

/// NaN is not among what a Parquet file notes as its least and its greatest value: a column of 1.5 and NaN was read as one of
/// 1.5 alone, and parts were left out in which there is NaN, which is greater than all.
#[test]
fn parquet_files_keep_nan() {
    let at = Fixture::new();
    let rows = "(1, CAST(-1.5 AS DOUBLE)), (2, CAST('NaN' AS DOUBLE))";
    at.run(&format!("COPY (SELECT * FROM (VALUES {rows}) AS v (i, x)) TO '@/two.parquet'"))
        .expect("it is written");
    at.run(&format!(
        "COPY (SELECT i, CAST(x AS REAL) AS x FROM (VALUES {rows}) AS v (i, x)) TO '@/real.parquet'"
    ))
    .expect("it is written");
    for name in ["two", "real"] {
        let check =
            |sql: &str, rows: &[&str]| at.check(&sql.replace("t2", &format!("'@/{name}.parquet'")), rows);
        check("SELECT x FROM t2 ORDER BY i", &["-1.5", "NaN"]);
        check("SELECT x FROM t2 ORDER BY x DESC LIMIT 1", &["NaN"]);
        check("SELECT min(x), max(x), count(*) FROM t2", &["-1.5 NaN 2"]);
        for (condition, rows) in [
            ("x > 100", "2"),
            ("x >= 100", "2"),
            ("100 < x", "2"),
            ("x <> -1.5", "2"),
            ("NOT x < 5", "2"),
            ("x NOT IN (-1.5, 7)", "2"),
            ("x = CAST('NaN' AS DOUBLE)", "2"),
            ("x >= CAST('NaN' AS DOUBLE)", "2"),
            ("x IN (3, CAST('NaN' AS DOUBLE))", "2"),
            ("x IS DISTINCT FROM -1.5", "2"),
            ("x < CAST('NaN' AS DOUBLE)", "1"),
            ("x <> CAST('NaN' AS DOUBLE)", "1"),
            ("x < 100", "1"),
            ("x <= -1.5", "1"),
            ("x = -1.5", "1"),
            ("-x >= 1.5 AND NOT isnan(x)", "1"),
            ("x BETWEEN -2 AND 2", "1"),
        ] {
            check(&format!("SELECT i FROM t2 WHERE {condition}"), &[rows]);
        }
        check("SELECT i FROM t2 WHERE x > CAST(NULL AS DOUBLE) OR x > CAST('NaN' AS DOUBLE)", &[]);
    }
    // Of several files, one has NaN.
    for file in 0..3 {
        let x = "CASE WHEN i = 15000 THEN CAST('NaN' AS DOUBLE) ELSE i % 10 END AS x";
        let i = format!("SELECT value + {} AS i FROM generate_series(1, 10000)", file * 10_000);
        at.run(&format!("COPY (SELECT i, {x} FROM ({i})) TO '@/many{file}.parquet'")).expect("it is written");
    }
    at.check("SELECT i FROM '@/many*.parquet' WHERE x > 50", &["15000"]);
    at.check("SELECT i FROM '@/many*.parquet' ORDER BY x DESC LIMIT 1", &["15000"]);
    at.check("SELECT max(x), min(x) FROM '@/many*.parquet'", &["NaN 0.0"]);
    at.check("SELECT count(*) FROM '@/many*.parquet' WHERE x >= 9", &["3001"]);
    at.check("SELECT count(*) FROM '@/many*.parquet' WHERE x < 0", &["0"]);
}

/// The first file told what all have: a NULL of another file was an error, and its other columns were not there.
#[test]
fn files_tell_their_columns_together() {
    let at = Fixture::new();
    let rows = [
        ("1", "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (id, s)"),
        ("2", "SELECT * FROM (VALUES ('c', 3, 1.5), ('d', NULL, 2.5)) AS v (s, id, f)"),
        ("3", "SELECT * FROM (VALUES (NULL)) AS v (id)"),
        ("4", "SELECT * FROM (VALUES (CAST(5 AS SMALLINT), 'e')) AS v (id, s)"),
    ];
    for (name, sql) in rows {
        at.run(&format!("COPY ({sql}) TO '@/p{name}.parquet'")).expect(sql);
    }
    at.check(
        "SELECT * FROM '@/p*.parquet' ORDER BY id, s",
        &["1 a NULL", "2 b NULL", "3 c 1.5", "5 e NULL", "NULL d 2.5", "NULL NULL NULL"],
    );
    at.check("SELECT s FROM '@/p*.parquet' WHERE id IS NULL ORDER BY s", &["d", "NULL"]);
    at.check("SELECT id FROM '@/p*.parquet' WHERE f > 1 AND id > 2", &["3"]);
    at.check("SELECT count(*), count(f), arrow_typeof(min(id)) FROM '@/p*.parquet'", &["6 2 Int64"]);
}

/// Of several Arrow files, columns were taken by their place in the first.
#[test]
fn arrow_files_are_one_table_when_their_columns_are_alike() {
    let at = Fixture::new();
    at.run("COPY (SELECT 1 AS a, 2 AS b) TO '@/a1.arrow'").expect("it is written");
    at.run("COPY (SELECT * FROM (VALUES (3, 4), (NULL, 6)) AS v (a, b)) TO '@/a2.arrow'")
        .expect("it is written");
    at.check("SELECT a, b FROM '@/a*.arrow' ORDER BY b", &["1 2", "3 4", "NULL 6"]);
    at.check("SELECT b FROM '@/a*.arrow' WHERE a IS NULL", &["6"]);
    let others = [
        ("order", "SELECT 20 AS b, 10 AS a"),
        ("type", "SELECT 1 AS a, 'x' AS b"),
        ("less", "SELECT 1 AS a"),
    ];
    for (name, sql) in others {
        at.run(&format!("COPY (SELECT 1 AS a, 2 AS b) TO '@/{name}1.arrow'")).expect("it is written");
        at.run(&format!("COPY ({sql}) TO '@/{name}2.arrow'")).expect("it is written");
        at.refuses(&format!("SELECT * FROM '@/{name}*.arrow'"), "FILE_MALFORMED");
    }
}

/// Lambdas keep their place over files.
#[test]
fn files_are_filtered_by_lambdas() {
    let at = Fixture::new();
    for ending in ["parquet", "arrow", "json"] {
        at.run(&format!("COPY (SELECT 7 AS i, [1, 2] AS l) TO '@/l.{ending}'")).expect("it is written");
        let condition = "array_any_match(l, x -> x = 2)";
        at.check(&format!("SELECT i FROM '@/l.{ending}' WHERE i < 9 AND {condition}"), &["7"]);
        at.check(&format!("SELECT l FROM '@/l.{ending}' WHERE {condition}"), &["[1, 2]"]);
    }
}

#[test]
fn tables_and_views_are_made_of_files() {
    let at = Fixture::new();
    at.write("a.csv", "id,name\n1,one\n2,two\n");
    at.run("CREATE TABLE t AS SELECT * FROM '@/a.csv'").expect("it is made");
    at.run("INSERT INTO t SELECT id + 10, name FROM read_csv('@/a.csv')").expect("it is filled");
    at.check("SELECT sum(id), count(*) FROM t", &["26 4"]);
    at.run("CREATE VIEW v AS SELECT name FROM '@/a.csv' WHERE id = 2").expect("it is made");
    at.check("SELECT * FROM v", &["two"]);
    at.check("SELECT t.name FROM t JOIN '@/a.csv' AS f ON f.id = t.id ORDER BY 1", &["one", "two"]);
    at.check("WITH f AS (SELECT * FROM '@/a.csv') SELECT count(*) FROM f AS x, f AS y", &["4"]);
}
