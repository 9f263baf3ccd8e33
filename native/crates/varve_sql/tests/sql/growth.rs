//! Functions whose answer is as long as an argument says, and arguments at the ends of their types: an error or an
//! answer, soon, with little memory, and the engine goes on.
//!
//! Each test runs in a process of its own, whose address space is limited: a value that is made though it should be
//! refused ends that process, and not the machine's others.

use std::process::Command;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use varve_sql::{Engine, Options, Params, Session};
use varve_types::{Result, VarveError};

/// Says to the process of a test that it is that.
const LIMITED: &str = "VARVE_LIMITED";
/// Its address space: threads and code, and a few answers as large as they may be.
const ADDRESS_SPACE_KB: u32 = 8 << 20;

/// Runs `test`, the body of the test of this name, with little memory.
fn with_little_memory(name: &str, test: impl FnOnce(&Asked)) {
    if std::env::var_os(LIMITED).is_some() {
        return test(&Asked::new());
    }
    let own = std::env::current_exe().expect("this program");
    let limited = format!("ulimit -v {ADDRESS_SPACE_KB} && exec \"$0\" --exact growth::{name} --nocapture");
    let output = Command::new("sh").arg("-c").arg(limited).arg(own).env(LIMITED, "1").output();
    let output = output.expect("a process");
    let told =
        [output.stdout, output.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    println!("{told}");
    assert!(output.status.success(), "{}", output.status);
    assert!(told.contains("1 passed"), "it ran no test, or several");
}

struct Asked {
    engine: Engine,
    session: Session,
    folder: tempfile::TempDir,
}

impl Asked {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let options = Options {
            directory: Some(folder.path().join("db")),
            allowed_folders: vec![folder.path().to_owned()],
            threads: 2,
            memory_bytes: 64 << 20,
            ..Options::default()
        };
        let engine = Engine::open(&options).expect("it opens");
        let asked = Self { session: engine.session(), engine, folder };
        asked.run("CREATE TABLE t (n BIGINT, s TEXT)").expect("it is made");
        asked.run("INSERT INTO t VALUES (1, 'x'), (NULL, NULL), (3, 'long')").expect("it is filled");
        asked
    }

    fn run(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let run = async { self.session.execute(sql, Params::default()).await?.collect().await };
        let limited = async { tokio::time::timeout(Duration::from_secs(60), run).await };
        self.engine.handle().block_on(limited).unwrap_or_else(|_| panic!("{sql}: no end"))
    }

    fn refuses(&self, sql: &str) -> VarveError {
        let error = self.run(sql).expect_err(sql);
        self.run("SELECT 1").expect("the engine goes on");
        error
    }
}

/// `array_resize([1], 1e12)` asked the allocator for eight terabytes, and the process ended; `array_repeat(1, 2e9)`
/// took 16 GB.
#[test]
fn values_that_would_fill_memory_are_refused() {
    with_little_memory("values_that_would_fill_memory_are_refused", refuse_large_values);
}

fn refuse_large_values(asked: &Asked) {
    let calls = [
        "repeat('x', N)",
        "lpad('x', N)",
        "rpad('x', N, 'ab')",
        "array_repeat(1, N)",
        "array_repeat('text', N)",
        "list_repeat([1, 2], N)",
        "array_resize([1], N)",
        "list_resize([1], N, 7)",
        "range(N)",
        "range(0, N)",
        "generate_series(-N, 0)",
        "generate_series(N, 1, -1)",
    ];
    for call in calls {
        for number in ["1999999999", "1000000000000", "9223372036854775807"] {
            for sql in [
                format!("SELECT {}", call.replace('N', number)),
                format!("SELECT {} FROM (VALUES ({number}), (1)) AS v (n)", call.replace('N', "n")),
                format!("SELECT {} FROM t", call.replace('N', &format!("(n * 0 + {number})"))),
            ] {
                let error = asked.refuses(&sql);
                let code = error.code().as_str();
                assert!(["SQL_LIMIT", "SQL_VALUE"].contains(&code), "{sql}: {error}");
            }
        }
    }
    let others = [
        "replace(repeat('a', 1000000), 'a', repeat('b', 1000000))",
        "array_to_string(array_repeat(1, 1000000), repeat('b', 1000000))",
        "regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000000), 'g')",
        "regexp_replace(repeat('a', 1000000), '(.*)', repeat('\\1', 100000))",
        "arrow_cast([1], 'FixedSizeList(2147483647, Int64)')",
        "arrow_cast(NULL, 'FixedSizeList(2147483647, Int64)')",
        "arrow_cast(NULL, 'FixedSizeList(65536, FixedSizeList(65536, Int64))')",
        "arrow_cast(NULL, 'FixedSizeBinary(2147483647)')",
        "CAST(NULL AS BIGINT[2147483647])",
        "CAST(NULL AS BIGINT[4294967296])",
        "CAST(NULL AS BIGINT[1000][1000][1000])",
    ];
    for call in others {
        for sql in [format!("SELECT {call}"), format!("SELECT {call}, n FROM t")] {
            assert_eq!(asked.refuses(&sql).code().as_str(), "SQL_LIMIT", "{sql}");
        }
    }
    let long = "SELECT repeat('a', 400000000 + n * 0) AS x, n FROM t WHERE n = 1";
    for call in ["concat(x, x, x)", "concat_ws('-', x, x, x)", "concat_ws(x, n, n, n, n)", "x || x || x"] {
        let sql = format!("SELECT length({call}) FROM ({long})");
        assert_eq!(asked.refuses(&sql).code().as_str(), "SQL_LIMIT", "{sql}");
    }
    // Of constants, which are put together while a plan is made.
    let eight = "x, x, x, x, x, x, x, x";
    let merged = format!(
        "WITH a AS (SELECT repeat('a', 20000000) AS x), b AS (SELECT concat({eight}) AS x FROM a) \
         SELECT length(concat({eight})) FROM b"
    );
    assert_eq!(asked.refuses(&merged).code().as_str(), "SQL_LIMIT");
    let stamps = "generate_series(TIMESTAMP '1700-01-01', TIMESTAMP '2200-01-01', INTERVAL '1 second')";
    assert_eq!(asked.refuses(&format!("SELECT {stamps}")).code().as_str(), "SQL_LIMIT");
}

#[test]
fn values_of_a_usual_length_are_made() {
    with_little_memory("values_of_a_usual_length_are_made", make_usual_values);
}

fn make_usual_values(asked: &Asked) {
    let check = |sql: &str| {
        let rows: usize = asked
            .run(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
            .iter()
            .map(RecordBatch::num_rows)
            .sum();
        assert_eq!(rows, 3, "{sql}");
    };
    check("SELECT repeat(s, 1000), lpad(s, 10000, 'ab'), array_repeat(s, n), array_repeat([n], 3) FROM t");
    check("SELECT range(n), range(1, 100000), generate_series(5, n, -1), array_resize([n, 2], 100) FROM t");
    check(
        "SELECT repeat(s, -1), repeat(s, NULL), repeat(NULL, 9223372036854775807), range(NULL), lpad(s, -5) FROM t",
    );
    check("SELECT replace(s, 'o', 'oo'), replace(repeat('a', 1000000), 'ab', repeat('b', 1000000)) FROM t");
    check(
        "SELECT regexp_replace(s, 'o', 'oo', 'g'), regexp_replace(repeat('a', 1000000), '^a', repeat('b', 1000000)), \
         regexp_replace(repeat('a', 1000000), 'ab', repeat('b', 1000000), 'g') FROM t",
    );
    check("SELECT concat(s, n, true), concat_ws('-', s, n), s || '!' || n, NULL || s, [n] || [2] FROM t");
    check("SELECT CAST(s AS BYTEA) || CAST('x' AS BYTEA), 'a' || 'b' || n FROM t ORDER BY s || n");
    check("SELECT array_to_string([n, 2], ','), arrow_cast([1, 2], 'FixedSizeList(2, Int64)') FROM t");
    check("SELECT generate_series(DATE '1900-01-01', DATE '2100-01-01', INTERVAL '1 day') FROM t");
    check("SELECT range(TIMESTAMP '2026-01-01', TIMESTAMP '2026-12-31', INTERVAL '1 month') FROM t");
}

/// A file of Arrow that could not be read as such was read as a stream, whose first four bytes are a length: those of
/// the mark
/// `ARROW1` say 1.3 GB. One of a hundred bytes took so much memory, and its reader wrote all of it.
#[test]
fn an_unreadable_file_takes_little_memory() {
    with_little_memory("an_unreadable_file_takes_little_memory", read_marks);
}

fn read_marks(asked: &Asked) {
    let path = asked.folder.path().join("marks.arrow");
    let sql = format!("SELECT * FROM '{}'", path.display());
    let inside = [0_u8; 80];
    for [first, last] in [[b"ARROW1", b"ARROW1"], [b"ARROW2", b"ARROW1"], [b"ARROW1", b"ARROW2"]] {
        let footer_length = 64_u32.to_le_bytes();
        let bytes = [first.as_slice(), &inside, &footer_length, last].concat();
        std::fs::write(&path, bytes).expect("it can be written");
        assert_eq!(asked.refuses(&sql).code().as_str(), "FILE_MALFORMED");
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        assert!(peak.is_some_and(|kilobytes: u64| kilobytes < 500_000), "{peak:?} KB");
    }
}

/// Each has broken an engine somewhere: what counts is that this one goes on.
#[test]
fn arguments_at_the_ends_of_their_types_are_survived() {
    with_little_memory("arguments_at_the_ends_of_their_types_are_survived", ask_at_the_ends);
}

fn ask_at_the_ends(asked: &Asked) {
    let least = "(-9223372036854775807 - 1)";
    let calls = [
        "s FROM t ORDER BY s LIMIT 9223372036854775807",
        "s FROM t ORDER BY s LIMIT 9223372036854775807 OFFSET 9223372036854775807",
        "s FROM t OFFSET 9223372036854775807",
        "ntile(9223372036854775807) OVER (ORDER BY n) FROM t",
        "lag(n, 9223372036854775807) OVER (ORDER BY n) FROM t",
        "lead(n, LEAST) OVER (ORDER BY n) FROM t",
        "lag(n, LEAST) OVER (ORDER BY n) FROM t",
        "nth_value(n, LEAST) OVER (ORDER BY n) FROM t",
        "nth_value(n, 0) OVER (ORDER BY n) FROM t",
        "sum(n) OVER (ORDER BY n ROWS BETWEEN 18446744073709551615 PRECEDING AND CURRENT ROW) FROM t",
        "sum(n) OVER (ORDER BY n RANGE BETWEEN 9223372036854775807 PRECEDING AND 9223372036854775807 FOLLOWING) FROM t",
        "substr(s, LEAST) FROM t",
        "substr(s, LEAST, 9223372036854775807) FROM t",
        "substr(s, 9223372036854775807, 9223372036854775807) FROM t",
        "left(s, LEAST), right(s, LEAST) FROM t",
        "split_part(s, ',', LEAST), split_part(s, ',', 0) FROM t",
        "substring_index(s, 'o', LEAST) FROM t",
        "strpos(s, ''), replace(s, '', 'y'), translate(s, 'x', '') FROM t",
        "overlay(s PLACING 'z' FROM LEAST), overlay(s PLACING 'z' FROM 1 FOR 9223372036854775807) FROM t",
        "LEAST / -1",
        "LEAST % -1",
        "(n * 0 + LEAST) / (n - n - 1) FROM t",
        "(n * 0 + LEAST) % (n - n - 1) FROM t",
        "abs(LEAST)",
        "-(n * 0 + LEAST) FROM t",
        "sum(n * 0 + 9223372036854775807) FROM t",
        "gcd(LEAST, -1), lcm(LEAST, 9223372036854775807)",
        "factorial(100)",
        "power(10, 400), power(2, LEAST), exp(1e308)",
        "round(1.5, 2147483647), round(1.5, -2147483648), trunc(1.5, -2147483648)",
        "round(12345.678::DECIMAL(20, 3), 9223372036854775807)",
        "chr(1114112)",
        "chr(-1), chr(0)",
        "to_hex(LEAST), ascii('')",
        "DATE '9999-12-31' + INTERVAL '1000000 years'",
        "DATE '2026-01-01' + INTERVAL '9223372036854775807 days'",
        "TIMESTAMP '2262-01-01' + INTERVAL '100 years'",
        "TIMESTAMP '2026-01-01' - INTERVAL '178000000 years'",
        "to_timestamp(9223372036854775807), to_timestamp(LEAST)",
        "to_timestamp_seconds(9223372036854775807) + INTERVAL '1 second'",
        "from_unixtime(9223372036854775807)",
        "make_date(2147483647, 1, 1)",
        "make_date(-2147483648, 12, 31)",
        "date_bin(INTERVAL '0 seconds', TIMESTAMP '2026-01-01')",
        "date_bin(INTERVAL '9223372036854775807 nanoseconds', TIMESTAMP '1700-01-01')",
        "date_trunc('century', TIMESTAMP '0001-01-01')",
        "to_char(TIMESTAMP '2026-01-01', '%'), to_char(DATE '2026-01-01', '%Q')",
        "to_timestamp('2026', '%'), to_date('1', '%Y%Y%Y')",
        "CAST('NaN' AS DECIMAL(38, 10))",
        "CAST(1e300 AS BIGINT), TRY_CAST(1e300 AS INT)",
        "CAST(99999999999999999999999999999999999999 AS DECIMAL(38, 0)) * 10",
        "CAST(9223372036854775807 AS TIMESTAMP), CAST(9223372036854775807 AS DATE)",
        "regexp_like('a', repeat('(', 10000))",
        "regexp_replace('a', '(a{1000}){1000}', '')",
        "regexp_count('aaaa', '')",
        "'a' LIKE repeat('%a', 10000)",
        "[1, 2][LEAST], [1, 2][0], [1, 2][9223372036854775807]",
        "array_slice([1, 2], LEAST, 9223372036854775807, LEAST)",
        "array_slice([1, 2], 1, 2, 0)",
        "array_remove_n([1, 2], 1, LEAST), array_replace_n([1, 2], 1, 2, 9223372036854775807)",
        "array_element([1], LEAST), array_position([1, 2], 1, 9223372036854775807)",
        "generate_series(1, 10, 0)",
        "generate_series(DATE '2026-01-01', DATE '2027-01-01', INTERVAL '0 days')",
        "generate_series(1, 9223372036854775807, 9223372036854775807)",
        "range(9223372036854775800, 9223372036854775807, 5)",
        "count(*) FROM generate_series(9223372036854775800, 9223372036854775807)",
        "count(*) FROM generate_series(LEAST, -9223372036854775800, 5)",
        "approx_percentile_cont(2.0) WITHIN GROUP (ORDER BY n) FROM t",
        "approx_percentile_cont(0.5, LEAST) WITHIN GROUP (ORDER BY n) FROM t",
        "percentile_cont(-1) WITHIN GROUP (ORDER BY n) FROM t",
        "string_agg(s, NULL), array_agg(s ORDER BY n) FROM t",
        "encode(s, 'none'), decode('zz', 'hex') FROM t",
        "arrow_cast(1, 'Decimal128(76, -100)')",
        "arrow_cast(1, 'Dictionary(Int8, Dictionary(Int8, Utf8))')",
        "arrow_cast(s, 'FixedSizeBinary(-1)') FROM t",
        "arrow_cast([1], 'FixedSizeList(2147483647, Int64)')",
        "arrow_cast(NULL, 'FixedSizeList(2147483647, Int64)')",
        "arrow_cast(NULL, 'FixedSizeBinary(2147483647)')",
    ];
    for call in calls {
        let sql = format!("SELECT {}", call.replace("LEAST", least));
        if let Err(error) = asked.run(&sql) {
            assert_ne!(error.code().as_str(), "ENGINE_DEFECT", "{sql}: {error}");
        }
        asked.run("SELECT 1").expect("the engine goes on");
    }
    // DataFusion panics here, or counts wrongly where overflow is not looked for.
    let panics = [
        "sum(n) OVER (ORDER BY n ROWS BETWEEN CURRENT ROW AND 18446744073709551615 FOLLOWING) FROM t",
        "array_position([1, 2], 1, LEAST)",
        "approx_percentile_cont(0.5, 9223372036854775807) WITHIN GROUP (ORDER BY n) FROM t",
    ];
    for call in panics {
        let _either = asked.run(&format!("SELECT {}", call.replace("LEAST", least)));
        asked.run("SELECT 1").expect("the engine goes on");
    }
}
