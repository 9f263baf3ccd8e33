//! Folders that hold values of columns: `year=2024/month=1/x.parquet`.

use std::path::Path;

use super::fixture::Fixture;

/// The files in a folder and below it, sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it can be listed").flatten() {
        let name = entry.file_name().into_string().expect("a name");
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

#[test]
fn names_of_folders_are_columns() {
    let at = Fixture::new();
    for (year, month, v) in [(2023, "01", 1), (2023, "12", 2), (2024, "01", 3), (2024, "02", 4)] {
        at.write(&format!("d/year={year}/month={month}/x.csv"), format!("v\n{v}\n"));
    }
    at.check("SELECT * FROM '@/d/**/*.csv' ORDER BY v", &["1 2023 1", "2 2023 12", "3 2024 1", "4 2024 2"]);
    at.check("SELECT sum(v), count(*) FROM '@/d/**/*.csv' WHERE year = 2024", &["7 2"]);
    at.check("SELECT v FROM '@/d/**/*.csv' WHERE month = 1 AND v > 1", &["3"]);
    at.check("SELECT month FROM '@/d/year=2023/*/x.csv' ORDER BY 1", &["1", "12"]);
    at.check("SELECT year, month FROM '@/d/year=2023/month=12/x.csv'", &["2023 12"]);
    at.check("SELECT year, max(month) FROM '@/d/**/*.csv' GROUP BY year ORDER BY 1", &["2023 12", "2024 2"]);
    at.check("SELECT count(*) FROM '@/d/**/*.csv' WHERE year = 1999", &["0"]);
    at.check("SELECT count(*) FROM '@/d/**/*.csv' WHERE year IS NULL", &["0"]);
    at.check("SELECT v FROM '@/d/**/*.csv' WHERE v = 1 OR year = 2024 AND month = 2 ORDER BY v", &["1", "4"]);
    at.refuses("SELECT v FROM '@/d/**/*.csv' WHERE 1 / (year - 2024) > 0", "SQL_VALUE");

    let read =
        |options: &str| format!("SELECT * FROM read_csv('@/d/**/*.csv', {options}) ORDER BY v LIMIT 1");
    at.check(&read("hive_partitioning = false"), &["1"]);
    at.check(&read("hive_partitioning = true, hive_types_autocast = false"), &["1 2023 01"]);
    at.check(&read("hive_types = {'month': 'VARCHAR'}"), &["1 2023 01"]);
    at.check(&read("columns = {'w': 'TEXT'}").replace("BY v", "BY w"), &["1 2023 1"]);
    at.refuses(&read("hive_types = {'day': 'INT'}"), "SQL_NAME");
    at.refuses(&read("hive_types = {'month': 'DATE'}"), "FILE_MALFORMED");

    // Files that lie elsewhere too, and columns that the files hold themselves.
    at.write("d/year=2025/x.csv", "v\n5\n");
    at.check("SELECT count(*), sum(v) FROM '@/d/**/*.csv'", &["5 15"]);
    at.refuses("SELECT year FROM '@/d/**/*.csv'", "SQL_NAME");
    at.refuses(&read("hive_partitioning = true"), "FILE_MALFORMED");
    at.write("e/v=7/x.csv", "v\n5\n");
    at.check("SELECT v FROM '@/e/**/*.csv'", &["5"]);
    at.refuses("SELECT v FROM read_csv('@/e/**/*.csv', hive_partitioning = true)", "SQL_NAME");
}

#[test]
fn files_whose_folders_are_not_asked_for_are_not_read() {
    let at = Fixture::new();
    at.write("d/k=1/x.json", "{\"v\": 1}\n");
    at.write("d/k=2/x.json", "{\"v\": \n");
    at.check("SELECT v, k FROM '@/d/**/*.json' WHERE k = 1", &["1 1"]);
    at.refuses("SELECT v, k FROM '@/d/**/*.json'", "FILE_MALFORMED");
}

#[test]
fn rows_are_written_into_folders_and_come_back() {
    let at = Fixture::new();
    at.run(
        "CREATE TABLE t (id INT, kind TEXT, day DATE, n DECIMAL(9, 2));
         INSERT INTO t SELECT value, CASE value % 4 WHEN 0 THEN 'a/b' WHEN 1 THEN 'ä=%' WHEN 2 THEN '' END,
            CAST('2024-01-01' AS DATE) + CAST(value % 3 AS INT), value / 4 FROM generate_series(1, 20000)",
    )
    .expect("it is made");
    let whole = "SELECT count(*), count(kind), sum(id), min(day), max(day), CAST(sum(n) AS BIGINT), count(DISTINCT kind) FROM ";
    let expected = at.run(&format!("{whole} t")).expect("rows");
    for (number, format) in ["parquet", "csv", "json", "arrow"].into_iter().enumerate() {
        at.run(&format!("COPY t TO '@/out{number}' (FORMAT {format}, PARTITION_BY (kind, day))"))
            .expect("it is written");
        let found = files(&at.path(&format!("out{number}")));
        assert_eq!(found.len(), 12, "{found:?}");
        assert_eq!(found[0], format!("kind=%C3%A4%3D%25/day=2024-01-01/data_0.{format}"));
        let read = format!("read_{format}('@/out{number}/**/*.{format}')");
        at.check(&format!("{whole} {read}"), &[&expected[0]]);
        let both = format!(
            "SELECT count(*) FROM t JOIN {read} o ON t.id = o.id AND t.kind IS NOT DISTINCT FROM o.kind \
             AND t.day = o.day AND t.n = o.n"
        );
        at.check(&both, &["20000"]);
    }
    at.check("SELECT count(*) FROM '@/out0/**/*.parquet' WHERE kind IS NULL", &["5000"]);
    at.check("SELECT count(*) FROM '@/out0/**/*.parquet' WHERE kind = ''", &["5000"]);

    at.run("COPY t TO '@/held/' STORED AS CSV PARTITIONED BY (day) OPTIONS (compression gzip, write_partition_columns true)")
        .expect("it is written");
    assert_eq!(files(&at.path("held"))[2], "day=2024-01-03/data_0.csv.gz");
    at.check("SELECT count(*), min(day) FROM '@/held/**/*.gz'", &["20000 2024-01-01"]);
    at.run(
        "CREATE TABLE u (n DECIMAL(9, 2), day DATE, kind TEXT, id INT); COPY u FROM '@/out0/**/*.parquet'",
    )
    .expect("it is read");
    at.check(&format!("{whole} u"), &[&expected[0]]);
    at.run("CREATE TABLE w (id INT, n DOUBLE); COPY w FROM '@/out0/**/*.parquet'").expect("no such columns");
    at.run("COPY w FROM '@/out1/**/*.csv'").expect("by place");
    at.check("SELECT count(*), sum(id) FROM w", &["40000 400020000"]);
}

#[test]
fn rows_of_a_folder_keep_their_order() {
    let at = Fixture::new();
    at.run("CREATE TABLE t (id INT, v INT); INSERT INTO t SELECT value, value * 7919 % 10007 FROM generate_series(1, 10000)")
        .expect("it is made");
    for query in
        ["SELECT v % 3 AS k, v FROM t ORDER BY v DESC", "SELECT v % 3 AS k, v FROM t ORDER BY -v LIMIT 9000"]
    {
        at.run(&format!("COPY ({query}) TO '@/o' (FORMAT csv, PARTITION_BY k)")).expect("it is written");
        for k in 0..3 {
            let text = std::fs::read_to_string(at.path(&format!("o/k={k}/data_0.csv"))).expect("a file");
            let numbers: Vec<i32> =
                text.lines().skip(1).map(|line| line.parse().expect("a number")).collect();
            assert!(numbers.len() > 2_000 && numbers.is_sorted_by(|a, b| a > b), "{query}");
        }
        std::fs::remove_dir_all(at.path("o")).expect("it is removed");
    }
}

#[test]
fn a_folder_appears_whole_or_not_at_all() {
    let at = Fixture::new();
    at.write("full/old.csv", "a\n1\n");
    at.refuses("COPY (SELECT 2 AS a, 3 AS b) TO '@/full' (FORMAT csv, PARTITION_BY a)", "FILE_FORBIDDEN");
    at.refuses(
        "COPY (SELECT 2 AS a, 3 AS b) TO '@/full/old.csv' (FORMAT csv, PARTITION_BY a)",
        "FILE_FORBIDDEN",
    );
    let failing = "SELECT value % 10 AS k, 10 / (value - 1000000) AS a FROM generate_series(1, 2000000)";
    at.refuses(&format!("COPY ({failing}) TO '@/new' (FORMAT csv, PARTITION_BY k)"), "SQL_VALUE");
    let unwritable =
        "SELECT value AS k, CASE value WHEN 3 THEN 1 / (value - 3) END AS a FROM generate_series(1, 5)";
    at.refuses(&format!("COPY ({unwritable}) TO '@/new' (FORMAT csv, PARTITION_BY k)"), "SQL_VALUE");
    let many = "SELECT value AS k, 1 AS a FROM generate_series(1, 10002)";
    at.refuses(&format!("COPY ({many}) TO '@/new' (FORMAT csv, PARTITION_BY k)"), "LIMIT_EXCEEDED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/new' (FORMAT csv, PARTITION_BY a)", "SQL_UNSUPPORTED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/new' (FORMAT csv, PARTITION_BY b)", "SQL_NAME");
    at.refuses("COPY (SELECT [1] AS a, 2 AS b) TO '@/new' (FORMAT json, PARTITION_BY a)", "SQL_UNSUPPORTED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/new/'", "FILE_MALFORMED");
    for path in ["!/x/", "@/../outside/x/", "@/db/x/", "s3://b/x/"] {
        at.refuses(&format!("COPY (SELECT 1 AS a) TO '{path}' STORED AS CSV"), "FILE_FORBIDDEN");
    }
    std::fs::create_dir(at.path("empty")).expect("a folder");
    at.run("COPY (SELECT 1 AS a) TO '@/empty/' STORED AS CSV").expect("an empty folder may be filled");
    at.run("COPY (SELECT 1 AS a WHERE false) TO '@/none/' STORED AS PARQUET").expect("no rows");
    at.check("SELECT count(*) FROM '@/none/*.parquet'", &["0"]);
    let left = std::fs::read_dir(at.path("")).expect("it can be listed").flatten();
    let mut left: Vec<_> = left.map(|entry| entry.file_name().into_string().expect("a name")).collect();
    left.sort();
    assert_eq!(left, ["db", "empty", "full", "none"]);
}

#[test]
fn an_external_table_has_partitions() {
    let at = Fixture::new();
    at.write("d/year=2023/Kind=x/1.csv", "1\n");
    at.write("d/year=2024/Kind=y/1.csv", "2\n");
    at.run(
        "CREATE EXTERNAL TABLE a (v INT) STORED AS CSV PARTITIONED BY (year SMALLINT, \"Kind\" TEXT) \
            LOCATION '@/d/' OPTIONS (has_header false)",
    )
    .expect("it is made");
    at.check("SELECT v, year + 1, \"Kind\" FROM a ORDER BY v", &["1 2024 x", "2 2025 y"]);
    at.check("SELECT arrow_typeof(year) FROM a LIMIT 1", &["Int16"]);
    at.run(
        "CREATE EXTERNAL TABLE b (v INT) STORED AS CSV PARTITIONED BY (year, Kind) \
            LOCATION '@/d/' OPTIONS (has_header false)",
    )
    .expect("it is made");
    at.check("SELECT year || \"Kind\" FROM b WHERE year > '2023'", &["2024y"]);
    at.run("CREATE EXTERNAL TABLE c (year INT, v INT, \"Kind\" TEXT) STORED AS CSV PARTITIONED BY (year, \"Kind\") \
            LOCATION '@/d/' OPTIONS (has_header false)")
        .expect("it is made");
    at.check("SELECT * FROM c WHERE year = 2023", &["1 2023 x"]);
    // The folders down to its place are no columns, unless they are asked for.
    let one = "STORED AS CSV LOCATION '@/d/year=2024/Kind=y/'";
    at.run(&format!("CREATE EXTERNAL TABLE e (v INT) {one} OPTIONS (has_header false)")).expect("it is made");
    at.check("SELECT * FROM e", &["2"]);
    let asked = "OPTIONS (has_header false, hive_partitioning true)";
    at.run(&format!("CREATE EXTERNAL TABLE f (v INT) {one} {asked}")).expect("it is made");
    at.check("SELECT * FROM f", &["2 2024 y"]);
}
