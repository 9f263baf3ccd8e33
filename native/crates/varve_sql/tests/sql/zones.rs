//! Zone maps rule out most of a table before it is read: answers are those of filters that no zone map knows of.

use datafusion::arrow::util::pretty::pretty_format_batches;
use varve_sql::{Engine, Options, Params};

const ROWS: i64 = 300_000;

fn draw(seed: &mut u64) -> i64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 2) as i64
}

#[test]
fn narrowed_scans_lose_no_row() {
    let mut seed = 0x5eed_2035_0001;
    println!("seed {seed:#x}");
    let folder = tempfile::tempdir().expect("a folder");
    let directory = Some(folder.path().join("db"));
    let engine = Engine::open(&Options { directory, threads: 2, ..Options::default() }).expect("it opens");
    let session = engine.session();
    let run = |sql: &str| {
        let run = async { session.execute(sql, Params::default()).await?.collect().await };
        let batches = engine.handle().block_on(run).unwrap_or_else(|error| panic!("{sql}: {error}"));
        pretty_format_batches(&batches).expect("a table").to_string()
    };
    // Rows in order, floats with NaN, both zeros and NULL among them, in stretches longer than a zone.
    run(&format!(
        "CREATE TABLE t AS SELECT value AS i, CASE WHEN value % 3 > 0 THEN value END AS n, \
         CASE value / 20000 WHEN 1 THEN arrow_cast('NaN', 'Float64') WHEN 2 THEN -0.0 WHEN 3 THEN 0.0 \
         WHEN 4 THEN NULL ELSE value * 0.5 END AS f, 'k' || lpad(CAST(value AS VARCHAR), 7, '0') AS s, \
         to_timestamp(value * 60) AS ts FROM generate_series(1, {ROWS})"
    ));
    for stage in 0..3 {
        for _ in 0..30 {
            let from = draw(&mut seed) % (ROWS + 40_000) - 20_000;
            let to = from + draw(&mut seed) % [2, 100, 9_000, 100_000][(draw(&mut seed) % 4) as usize];
            let (low, high) = (from as f64 * 0.5, to as f64 * 0.5);
            // What is known of, and the same in a form that zone maps say nothing of.
            let filters = [
                (
                    format!("i >= {from} AND i < {to}"),
                    format!("abs(i - {from}) = i - {from} AND i + 0 < {to}"),
                ),
                (format!("n BETWEEN {from} AND {to}"), format!("n + 0 >= {from} AND n + 0 <= {to}")),
                (format!("n = {from} OR i = {to}"), format!("n + 0 = {from} OR i + 0 = {to}")),
                (format!("f >= {low} AND f < {high}"), format!("f + 0.0 >= {low} AND f + 0.0 < {high}")),
                ("f = 0.0".to_owned(), "f + 1.0 = 1.0".to_owned()),
                (format!("f IS NULL AND i > {from}"), format!("coalesce(f + 1, -7) = -7 AND i + 0 > {from}")),
                (format!("s = 'k{:07}'", from.max(0)), format!("s || '' = 'k{:07}'", from.max(0))),
                (
                    format!("ts >= to_timestamp({from} * 60) AND i <= {to}"),
                    format!("ts + INTERVAL '0' SECOND >= to_timestamp({from} * 60) AND i + 0 <= {to}"),
                ),
            ];
            for (filter, oracle) in filters {
                let ask = |filter: &str| {
                    run(&format!("SELECT count(*), sum(i), sum(n), min(s), max(ts) FROM t WHERE {filter}"))
                };
                assert_eq!(ask(&filter), ask(&oracle), "stage {stage}: {filter}");
            }
        }
        match stage {
            // Deleted rows, a whole zone of them too, then hot ones.
            0 => drop(run("DELETE FROM t WHERE i % 7 = 3 OR (i > 50000 AND i < 70000)")),
            _ => drop(run(
                "INSERT INTO t VALUES (-5, 7, -0.0, 'k0000007', to_timestamp(0)), (60000, NULL, NULL, 'x', NULL)",
            )),
        }
    }
}
