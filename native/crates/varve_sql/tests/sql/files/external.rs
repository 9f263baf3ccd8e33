//! Files under a name: CREATE EXTERNAL TABLE.

use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};

use super::fixture::Fixture;

#[test]
fn a_named_file_is_read_as_the_statement_says() {
    let at = Fixture::new();
    at.write("a.csv", "id;name\n007;'o''ne'\n8;two\n");
    at.run(
        "CREATE EXTERNAL TABLE a (id TEXT, name VARCHAR) STORED AS CSV LOCATION '@/a.csv' \
         OPTIONS ('format.has_header' 'true', 'format.delimiter' ';', format.quote '''')",
    )
    .expect("it is made");
    at.check("SELECT id, name FROM a ORDER BY id", &["007 o'ne", "8 two"]);
    at.check("SELECT table_type FROM information_schema.tables WHERE table_name = 'a'", &["VIEW"]);
    at.write("a.csv", "id;name\n9;three\n");
    at.check("SELECT * FROM a", &["9 three"]);
    at.refuses("CREATE EXTERNAL TABLE a STORED AS CSV LOCATION '@/a.csv'", "SQL_NAME");
    at.run("CREATE EXTERNAL TABLE IF NOT EXISTS a STORED AS PARQUET LOCATION '@/none'").expect("it is there");
    at.run("CREATE OR REPLACE EXTERNAL TABLE a STORED AS CSV LOCATION '@/a.csv'").expect("it is replaced");
    at.check("SELECT \"id;name\" FROM a", &["9;three"]);
    at.refuses("INSERT INTO a VALUES ('x')", "SQL_UNSUPPORTED");
    at.run("DROP TABLE a").expect("it is dropped");
    at.refuses("SELECT * FROM a", "SQL_NAME");
    at.refuses("DROP TABLE a", "SQL_NAME");
    at.run("CREATE VIEW v AS SELECT 1 AS x").expect("a view");
    at.refuses("DROP TABLE v", "SQL_UNSUPPORTED");
}

#[test]
fn columns_are_declared_by_place_in_csv_and_by_name_elsewhere() {
    let at = Fixture::new();
    at.write("n.csv", "1,2.5,x\n2,,y\n");
    at.run(
        "CREATE EXTERNAL TABLE n (a BIGINT NOT NULL, b DECIMAL(5, 2), c TEXT) STORED AS CSV \
         WITH ORDER (a ASC) LOCATION '@/n.csv' OPTIONS (has_header false)",
    )
    .expect("it is made");
    at.check("SELECT * FROM n ORDER BY a", &["1 2.50 x", "2 NULL y"]);
    at.check("SELECT arrow_typeof(b) FROM n LIMIT 1", &["Decimal128(5, 2)"]);
    at.check(
        "SELECT a FROM read_csv('@/n.csv', header = false, columns = {'a': 'TEXT', \"B\": 'DOUBLE', 'c': 'TEXT'}) \
         WHERE \"B\" = 2.5",
        &["1"],
    );
    at.write("n.csv", "1,2.5,x\n,,y\n");
    at.refuses("SELECT * FROM n", "FILE_MALFORMED");
    at.write("j.json", "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\"}\n");
    at.run("CREATE EXTERNAL TABLE j (b TEXT, a SMALLINT, c DATE) STORED AS JSON LOCATION '@/j.json'")
        .expect("it is made");
    at.check("SELECT * FROM j ORDER BY b", &["x 1 NULL", "y NULL NULL"]);
    at.run("COPY (SELECT 1 AS a, 'x' AS b UNION ALL SELECT 300, NULL) TO '@/p.parquet'").expect("a file");
    at.run("CREATE EXTERNAL TABLE p (b TEXT, a DOUBLE) STORED AS PARQUET LOCATION '@/p.parquet'")
        .expect("it is made");
    at.check("SELECT b, a / 8 FROM p WHERE a > 2", &["NULL 37.5"]);
    at.refuses("SELECT * FROM read_csv('@/n.csv', columns = 7)", "SQL_VALUE");
    at.refuses("SELECT * FROM read_csv('@/n.csv', columns = {'a': 'NO TYPE AT ALL'})", "SQL_SYNTAX");
    at.refuses("SELECT * FROM read_arrow('@/n.csv', columns = {'a': 'INT'})", "SQL_UNSUPPORTED");
}

#[test]
fn a_folder_stands_for_the_files_of_its_format() {
    let at = Fixture::new();
    for (name, rows) in
        [("d/1.csv", "a\n1\n"), ("d/e/2.csv", "a\n2\n"), ("d/README", "x"), ("d/.3.csv", "a\n9\n")]
    {
        at.write(name, rows);
    }
    at.run("CREATE EXTERNAL TABLE d STORED AS CSV LOCATION '@/d/'").expect("it is made");
    at.check("SELECT sum(a) FROM d", &["3"]);
    at.write("d/4.csv", "a\n4\n");
    at.check("SELECT sum(a) FROM d", &["7"]);
    at.run("CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '@/d'").expect("it is made");
    at.check("SELECT sum(a) FROM e", &["7"]);
    at.check("SELECT sum(a) FROM read_csv('@/d')", &["7"]);
    at.refuses("SELECT * FROM read_json('@/d')", "FILE_MISSING");
    at.refuses("SELECT * FROM read_csv('@/db')", "FILE_FORBIDDEN");
}

#[test]
fn what_an_external_table_cannot_be_is_refused() {
    let at = Fixture::new();
    at.write("a.csv", "a\n1\n");
    at.refuses("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '!/a.csv'", "FILE_FORBIDDEN");
    at.refuses("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 's3://b/a.csv'", "FILE_FORBIDDEN");
    at.refuses("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '@/b.csv'", "FILE_MISSING");
    for statement in [
        "CREATE EXTERNAL TABLE x LOCATION '@/a.csv'",
        "CREATE EXTERNAL TABLE x STORED AS CSV",
        "CREATE EXTERNAL TABLE x STORED AS AVRO LOCATION '@/a.csv'",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION ('@/a.csv', '@/a.csv')",
        "CREATE EXTERNAL TABLE x (a INT PRIMARY KEY) STORED AS CSV LOCATION '@/a.csv'",
        "CREATE EXTERNAL TABLE x (a INT DEFAULT 1) STORED AS CSV LOCATION '@/a.csv'",
        "CREATE UNBOUNDED EXTERNAL TABLE x STORED AS CSV LOCATION '@/a.csv'",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '@/a.csv' SELECT 1",
    ] {
        at.refuses(statement, "SQL_SYNTAX");
    }
    let by_folder = "CREATE EXTERNAL TABLE x STORED AS CSV PARTITIONED BY (b) LOCATION '@/a.csv'";
    at.refuses(by_folder, "FILE_MALFORMED");
    at.refuses(
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '@/a.csv' OPTIONS (nonsense 1)",
        "SQL_UNSUPPORTED",
    );
}

#[test]
fn copy_takes_datafusions_words() {
    let at = Fixture::new();
    at.run(
        "COPY (SELECT 1 AS a, NULL AS b) TO '@/c.txt' STORED AS CSV \
         OPTIONS ('format.has_header' 'false', format.delimiter ';', 'format.null_value' 'none')",
    )
    .expect("it is written");
    assert_eq!(std::fs::read_to_string(at.path("c.txt")).expect("a file"), "1;none\n");
    for (at_level, number) in
        ["zstd(3)", "snappy", "lz4", "brotli", "brotli(2)", "gzip(9)", "none"].iter().zip(0..)
    {
        let copy = format!("COPY (SELECT value AS a FROM generate_series(1, 10)) TO '@/c{number}.parquet'");
        at.run(&format!("{copy} OPTIONS ('format.compression' '{at_level}', format.max_row_group_size 3)"))
            .expect("it is written");
        at.check(&format!("SELECT sum(a) FROM '@/c{number}.parquet'"), &["55"]);
        let file = std::fs::File::open(at.path(&format!("c{number}.parquet"))).expect("a file");
        let reader = SerializedFileReader::new(file).expect("it is Parquet");
        assert_eq!(reader.metadata().num_row_groups(), 4, "{at_level}");
    }
    at.refuses("COPY (SELECT 1 AS a) TO '@/d.parquet' (COMPRESSION 'zstd(300)')", "SQL_UNSUPPORTED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/d.parquet' (COMPRESSION lzo)", "SQL_UNSUPPORTED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/d.csv' (COMPRESSION snappy)", "SQL_UNSUPPORTED");
    at.refuses("COPY (SELECT 1 AS a) TO '@/d.parquet' (ROW_GROUP_SIZE 0)", "SQL_VALUE");
    at.refuses("COPY (SELECT 1 AS a) TO '@/d.csv' (ROW_GROUP_SIZE 9)", "SQL_UNSUPPORTED");
    at.run("COPY (SELECT 1 AS a) TO '@/c.bin' STORED AS PARQUET OPTIONS (compression zstd)")
        .expect("written");
    at.check("SELECT a FROM read_parquet('@/c.bin')", &["1"]);
}
