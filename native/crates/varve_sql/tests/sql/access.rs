//! What a scan reads: indexes and zone maps spare most of it, and answers are those of a table without any.

use tempfile::TempDir;
use varve_sql::{Engine, Options, Params, Session};

use crate::rows::shown;

/// Rows of each table.
const ROWS: u64 = 1_000_000;

/// `big` has a primary key and indexes, `plain` the same rows and none.
struct Tables {
    engine: Engine,
    session: Session,
    _dir: TempDir,
}

impl Tables {
    fn open() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let directory = Some(dir.path().join("db"));
        let mut options = Options { directory, threads: 2, ..Options::default() };
        // Nothing else reads while bytes are counted.
        options.database.upkeep = false;
        let engine = Engine::open(&options).expect("it opens");
        let session = engine.session();
        Self { engine, session, _dir: dir }
    }

    fn new() -> Self {
        let tables = Self::open();
        let columns = "id BIGINT, r BIGINT, s VARCHAR, g INT, h INT NOT NULL, f DOUBLE";
        tables.run(&format!("CREATE TABLE big ({columns}, PRIMARY KEY (id))"));
        tables.run(&format!("CREATE TABLE plain ({columns})"));
        for table in ["big", "plain"] {
            tables.run(&format!(
                "INSERT INTO {table} SELECT value, value * 7919 % 1000003, 'text ' || (value * 7919 % 1000003), \
                 CASE WHEN value % 10 = 0 THEN NULL ELSE value % 5000 END, value % 777, value * 0.5 \
                 FROM generate_series(1, {ROWS})"
            ));
        }
        for index in [
            "by_r ON big (r)",
            "by_s ON big (s)",
            "by_h ON big (h, g)",
            "by_g ON big (g, h)",
            "by_f ON big (f)",
        ] {
            tables.run(&format!("CREATE INDEX {index}"));
        }
        tables
    }

    fn run(&self, sql: &str) -> Vec<String> {
        let run = async { self.session.execute(sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(run).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut rows: Vec<String> = shown(&batches);
        rows.sort();
        rows
    }

    /// Bytes of segments that a statement asks for.
    fn bytes(&self, sql: &str) -> u64 {
        let requested = || {
            let snapshot = self.engine.database().expect("there is one").snapshot();
            let segments = snapshot.tables.values().flat_map(|table| &table.segments);
            segments.map(|live| live.segment.bytes_requested()).sum::<u64>()
        };
        let before = requested();
        self.run(sql);
        requested() - before
    }

    /// Under `condition` the scan of `big` uses `index`, or none, and both tables answer alike.
    fn check(&self, condition: &str, index: Option<&str>) {
        let plan = self.run(&format!("EXPLAIN SELECT * FROM big WHERE {condition}")).join("\n");
        let used = plan.split_once("index=").map(|(_, rest)| rest.split(", ").next().unwrap_or_default());
        assert_eq!(used, index, "{condition}: {plan}");
        let rows = |table: &str| {
            let sql = format!("SELECT id, s, g FROM {table} WHERE {condition}");
            self.run(&format!("SELECT count(*), sum(id), min(s), max(g) FROM ({sql})"))
        };
        assert_eq!(rows("big"), rows("plain"), "{condition}");
    }
}

#[test]
fn indexes_and_zone_maps_spare_reading() {
    let tables = Tables::new();
    // Hot rows, deleted ones, and such as share their key with rows of segments.
    for table in ["big", "plain"] {
        tables.run(&format!(
            "INSERT INTO {table} SELECT 1000000 + value, value, 'hot', 7, 8, 0 FROM generate_series(1, 1000)"
        ));
        tables.run(&format!("DELETE FROM {table} WHERE r % 100 = 3"));
    }
    answers(&tables);
    bytes(&tables);
}

fn answers(tables: &Tables) {
    let primary = Some("primary key");
    tables.check("id = 500000", primary);
    tables.check("500000 = id AND s <> 'x'", primary);
    tables.check("id = 1000500", primary);
    tables.check("id = -5", primary);
    tables.check("id IN (1, 2, 3, 700000, 1000001, 5000000)", primary);
    tables.check("id = 1 OR id = 2", primary);
    tables.check("id BETWEEN 1000 AND 2000", primary);
    tables.check("id > 999000 AND id <= 1000900 AND s <> 'x'", primary);
    tables.check("id < 50", primary);
    tables.check("id >= 1000990", primary);
    tables.check("r = 12345", Some("by_r"));
    tables.check("r = 103", Some("by_r"));
    tables.check("r > 500000 AND r < 501000", Some("by_r"));
    tables.check("r IN (SELECT 5) OR r = 7", None);
    tables.check("s = 'text 17'", Some("by_s"));
    tables.check("s >= 'text 9999' AND s < 'text 99999'", Some("by_s"));
    tables.check("s LIKE 'text 12345%'", None);
    tables.check("h = 5 AND g = 100", Some("by_h"));
    tables.check("h = 5 AND g > 4990", Some("by_h"));
    tables.check("g = 4999", Some("by_g"));
    tables.check("g IN (3, 4) AND h < 10", Some("by_g"));
    // Rows without a key: those whose g is NULL must not be lost.
    tables.check("h = 5", None);
    tables.check("h = 5 AND g IS NULL", None);
    tables.check("g IS NULL", None);
    // Most rows: reading all is cheaper.
    tables.check("id > 5", None);
    tables.check("id <> 5", None);
    tables.check("r > 0", None);
    tables.check("f = 10.5", Some("by_f"));
    tables.check("f > 1000 AND f < 1010.25", Some("by_f"));
    tables.check("f >= 499999", Some("by_f"));
    tables.check("id * 2 = 1000000", None);
    assured(tables);
}

/// What the index says need not be asked of its rows again, and what it does not say must be.
fn assured(tables: &Tables) {
    tables.check("r > 500000 AND r >= 500000 AND r < 501000 AND r <= 501000", Some("by_r"));
    tables.check("r >= 500000 AND r > 500000 AND r <= 501000 AND 501000 > r", Some("by_r"));
    tables.check("r BETWEEN 500000 AND 501000 AND r <> 500500", Some("by_r"));
    tables.check("r BETWEEN 500000 AND 501000 AND r % 2 = 0", Some("by_r"));
    tables.check("r IN (5, 6, 7, 8) AND r IN (7, 8, 9, 10)", Some("by_r"));
    tables.check("r IN (5, 6, 7, 8) AND r > 6", Some("by_r"));
    tables.check("r IN (5, 6, 7, 8) AND r NOT IN (6, 7)", Some("by_r"));
    tables.check("r IN (5, 6, 7, 8, NULL) AND r < 7", Some("by_r"));
    tables.check("h = 5 AND g IN (100, 882) AND g > 100", Some("by_h"));
    tables.check("h IN (5, 6) AND g > 100 AND g < 200 AND g <> 150 AND h <> 6", Some("by_h"));
    tables.check("h = 5 AND g > 4000 AND id < 900000", Some("by_h"));
    tables.check("(h = 5 AND g = 105) OR (h = 6 AND g = 883)", Some("by_h"));
    tables.check("s > 'text 17' AND s <= 'text 1705'", Some("by_s"));
    tables.check("s IN ('text 17', 'text 18') AND s >= 'text 18'", Some("by_s"));
    tables.check("f IN (0.5, 1.0, 2.5) AND f <= 1.0", Some("by_f"));
}

fn bytes(tables: &Tables) {
    let full = tables.bytes("SELECT count(s), sum(id) FROM plain");
    for (sql, share) in [
        ("SELECT s, id FROM big WHERE id = 500000", 10),
        ("SELECT s, id FROM big WHERE r = 12345", 10),
        ("SELECT count(s), sum(id) FROM plain WHERE id BETWEEN 500000 AND 500100", 10),
        ("SELECT count(s), sum(id) FROM plain WHERE id > 999990", 10),
        ("SELECT count(s), sum(id) FROM plain WHERE id < 0", 100),
        // What a join's build side says of the other side becomes index access too; three rows lie in three of a column's
        // few parts, and a part is read whole.
        ("SELECT big.s, big.id FROM big JOIN (VALUES (5), (77), (1234)) AS v (k) ON big.r = v.k", 2),
    ] {
        let read = tables.bytes(sql);
        println!("{sql}: {read} bytes, {full} without");
        assert!(read * share <= full, "{sql}: {read} bytes, {full} without");
    }
}

/// Keys tell the zeros apart and have NaN at both ends, by its sign; filters take the zeros for one number.
#[test]
fn indexes_find_the_floats_that_filters_want() {
    let tables = Tables::open();
    for (table, key) in [("big", ", PRIMARY KEY (id)"), ("plain", "")] {
        tables.run(&format!("CREATE TABLE {table} (id BIGINT, s VARCHAR, g INT, f DOUBLE, e REAL{key})"));
        tables.run(&format!(
            "INSERT INTO {table} SELECT value, 'text', value, value * 0.25, value * 0.25 \
             FROM generate_series(1, 100000)"
        ));
        for (at, number) in
            ["0.0", "-0.0", "'NaN'", "-'NaN'", "'Infinity'", "'-Infinity'", "-3.5"].iter().enumerate()
        {
            let sign = if number.starts_with("-'") { "-" } else { "" };
            let number = number.trim_start_matches("-'").trim_matches('\'');
            for half in 0..2 {
                tables.run(&format!(
                    "INSERT INTO {table} VALUES ({}, 'special', {at}, {sign}CAST('{number}' AS DOUBLE), \
                     {sign}CAST('{number}' AS REAL))",
                    200_000 + at * 2 + half
                ));
            }
        }
        tables.run(&format!("INSERT INTO {table} VALUES (300000, 'null', 0, NULL, NULL)"));
    }
    tables.run("CREATE INDEX by_f ON big (f)");
    tables.run("CREATE INDEX by_e ON big (e)");
    floats(&tables);
    // The same when all of them lie in segments.
    tables.run("VACUUM");
    floats(&tables);
}

fn floats(tables: &Tables) {
    for (column, index) in [("f", Some("by_f")), ("e", Some("by_e"))] {
        let of = |type_name: &str, number: &str| format!("CAST('{number}' AS {type_name})");
        let number = |number: &str| of(if column == "f" { "DOUBLE" } else { "REAL" }, number);
        let (zero, minus, least, most) =
            (number("0"), number("-0.0"), number("-Infinity"), number("Infinity"));
        for zero in [&zero, &minus] {
            tables.check(&format!("{column} = {zero}"), index);
            tables.check(&format!("{column} <= {zero}"), index);
            tables.check(&format!("{column} < {zero}"), index);
            tables.check(&format!("{column} >= {zero} AND {column} < {}", number("2.5")), index);
            tables.check(&format!("{column} > {zero} AND {column} < {}", number("2.5")), index);
            tables.check(&format!("{column} > {} AND {column} < {zero}", number("-9")), index);
            tables.check(&format!("{column} > {} AND {column} <= {zero}", number("-9")), index);
            tables.check(&format!("{column} IN ({zero}, {}, {})", number("0.25"), number("77")), index);
        }
        tables.check(&format!("{column} > {}", number("24999")), index);
        tables.check(&format!("{column} >= {most}"), index);
        tables.check(&format!("{column} <= {least}"), index);
        tables.check(&format!("{column} = {most}"), index);
        tables.check(&format!("{column} > {}", number("NaN")), None);
        tables.check(&format!("{column} = {}", number("NaN")), None);
    }
}

#[test]
fn rows_of_every_type_are_fetched_as_they_are_read() {
    let tables = Tables::open();
    let columns = "id BIGINT, s VARCHAR, g INT, b BOOLEAN, d DECIMAL(20, 4), w DECIMAL(38, 2), day DATE, at TIMESTAMP, \
                   x BYTEA, l BIGINT[], t VARCHAR[], c BIGINT";
    for (table, key) in [("big", ", PRIMARY KEY (id)"), ("plain", "")] {
        tables.run(&format!("CREATE TABLE {table} ({columns}{key})"));
        tables.run(&format!(
            "INSERT INTO {table} SELECT value, CASE WHEN value % 3 > 0 THEN 'text ' || value END, value % 100, \
             CASE WHEN value % 5 > 0 THEN value % 2 = 0 END, value * 0.37, value * 1000000007, \
             CASE WHEN value % 7 > 0 THEN DATE '2026-01-01' + CAST(value % 1000 AS INT) END, \
             CAST(to_timestamp_seconds(1767225600 + value) AS TIMESTAMP), \
             CAST(CASE WHEN value % 11 > 0 THEN 'bytes ' || (value % 50) END AS BYTEA), \
             CASE WHEN value % 4 > 0 THEN [value, NULL, value % 9] END, ['a', 'b' || (value % 20)], 7 \
             FROM generate_series(1, 200000)"
        ));
        tables.run(&format!("DELETE FROM {table} WHERE id % 1000 = 77"));
        tables.run(&format!("ALTER TABLE {table} ADD COLUMN late INT DEFAULT 5"));
    }
    // One by one, some of a chunk, one stretch, and stretches with gaps.
    for condition in [
        "id = 77",
        "id IN (5, 6, 99000, 150000, 199999)",
        "id IN (SELECT 1) OR id = 3",
        "id BETWEEN 100 AND 3100",
        "id BETWEEN 65500 AND 65600",
        "id > 199000",
        "id BETWEEN 0 AND 4000 AND g < 3",
    ] {
        let rows = |table: &str| tables.run(&format!("SELECT * FROM {table} WHERE {condition}"));
        assert_eq!(rows("big"), rows("plain"), "{condition}");
    }
    let some: Vec<String> = (1..200).map(|number| (number * 977).to_string()).collect();
    let rows = |table: &str| tables.run(&format!("SELECT * FROM {table} WHERE id IN ({})", some.join(", ")));
    assert_eq!(rows("big"), rows("plain"));
    assert!(!rows("big").is_empty());
}

/// Rows that an index finds are read value by value, past the readers of whole columns, in ways of their own for what most
/// columns are encoded in.
#[test]
fn single_values_are_read_as_whole_columns_are() {
    let tables = Tables::open();
    let types = ["TINYINT", "SMALLINT", "INT", "BIGINT"];
    let unsigned = ["TINYINT UNSIGNED", "SMALLINT UNSIGNED", "INT UNSIGNED", "BIGINT UNSIGNED"];
    let mut columns = vec![("k".to_owned(), "value * 7919 % 300007".to_owned())];
    let mut add = |name: String, value: String| columns.push((name, value));
    for (at, kind) in types.iter().chain(&unsigned).enumerate() {
        let integer = |value: &str| format!("CAST({value} AS {kind})");
        add(format!("small_{at}"), integer("value * 31 % 13"));
        add(format!("from_{at}"), integer("100 + value * 31 % 21"));
        add(format!("outlier_{at}"), integer("CASE WHEN value % 997 = 0 THEN 127 ELSE value % 3 END"));
        add(format!("null_{at}"), integer("CASE WHEN value % 5 <> 0 THEN value % 100 END"));
        add(format!("one_{at}"), integer("7"));
    }
    for (at, kind) in types.iter().enumerate() {
        add(format!("below_{at}"), format!("CAST(value * 31 % 17 - 90 AS {kind})"));
    }
    for (name, value) in [
        ("large", "value * 1000003 % 5000000029 - 2500000000"),
        ("huge", "9223372036854775807 - value % 3000"),
        ("ascending", "value"),
        ("price", "(value * 31 % 10000) / 100.0"),
        ("mostly_price", "CASE WHEN value % 101 = 0 THEN sqrt(value) ELSE (value * 31 % 10000) / 100.0 END"),
        ("float", "sqrt(value)"),
        ("real_price", "CAST((value * 31 % 1000) / 10.0 AS REAL)"),
        ("special", "CASE value % 7 WHEN 0 THEN 'NaN'::DOUBLE WHEN 1 THEN -0.0 WHEN 2 THEN 0.0 ELSE 0.5 END"),
        ("null_price", "CASE WHEN value % 3 <> 0 THEN value / 4.0 END"),
        ("few", "'kind ' || (value * 31 % 50)"),
        ("several", "'a longer text, of kind ' || (value * 31 % 2000)"),
        ("many", "'text ' || value"),
        ("null_text", "CASE WHEN value % 4 <> 0 THEN 'kind ' || (value % 9) END"),
        ("day", "arrow_cast(value % 9000, 'Date32')"),
        ("at", "to_timestamp(1700000000 + value * 60)"),
        ("is_odd", "value % 2 = 1"),
        ("amount", "CAST(value % 1000 AS DECIMAL(12, 2)) / 8"),
        ("null_only", "CAST(NULL AS INT)"),
    ] {
        add(name.to_owned(), value.to_owned());
    }
    let select: Vec<String> = columns.iter().map(|(name, value)| format!("{value} AS {name}")).collect();
    let select = format!("SELECT {} FROM generate_series(1, 300000)", select.join(", "));
    tables.run(&format!("CREATE TABLE found AS {select}"));
    tables.run(&format!("CREATE TABLE plain AS {select}"));
    tables.run("CREATE INDEX by_k ON found (k)");
    let strict = ["k", "small_2", "from_3", "price", "few", "several", "many"];
    let types = "k BIGINT NOT NULL, small_2 INT NOT NULL, from_3 BIGINT NOT NULL, price DOUBLE NOT NULL, \
                 few VARCHAR NOT NULL, several VARCHAR NOT NULL, many VARCHAR NOT NULL";
    tables.run(&format!("CREATE TABLE strict ({types})"));
    let strict = strict.join(", ");
    tables.run(&format!("INSERT INTO strict SELECT {strict} FROM plain"));
    tables.run("CREATE INDEX by_strict_k ON strict (k)");
    let some: Vec<String> = (0..200).map(|at| (at * 1499 % 300_007).to_string()).collect();
    for condition in ["k = 7919", "k BETWEEN 5000 AND 5300", &format!("k IN ({})", some.join(", "))] {
        let plan = tables.run(&format!("EXPLAIN SELECT * FROM found WHERE {condition}")).join("\n");
        assert!(plan.contains("index=by_k"), "{plan}");
        let rows = |table: &str| tables.run(&format!("SELECT * FROM {table} WHERE {condition}"));
        let (found, plain) = (rows("found"), rows("plain"));
        assert!(!plain.is_empty(), "{condition}");
        assert_eq!(found, plain, "{condition}");
        let rows = |table: &str| tables.run(&format!("SELECT {strict} FROM {table} WHERE {condition}"));
        assert_eq!(rows("strict"), rows("plain"), "NOT NULL: {condition}");
        // Each column alone: the others' errors, if any, do not hide its own.
        for (name, _) in &columns {
            let rows = |table: &str| tables.run(&format!("SELECT k, {name} FROM {table} WHERE {condition}"));
            assert_eq!(rows("found"), rows("plain"), "{name}: {condition}");
        }
    }
}
