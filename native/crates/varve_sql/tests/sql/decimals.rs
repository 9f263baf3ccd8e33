//! Decimals are computed in a short way where they fit: answers are those of numbers that are computed otherwise.

use varve_sql::{Engine, Options, Params};

use crate::rows::shown;

/// Rows, or what the error says.
fn answer(engine: &Engine, sql: &str) -> Result<Vec<String>, String> {
    let session = engine.session();
    let run = async { session.execute(sql, Params::default()).await?.collect().await };
    let batches = engine.handle().block_on(run).map_err(|error| error.to_string())?;
    Ok(shown(&batches))
}

fn draw(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// A decimal of any size up to the widest, or NULL.
fn number(seed: &mut u64) -> Option<i128> {
    let sign = if draw(seed).is_multiple_of(2) { 1 } else { -1 };
    let value = i128::from(draw(seed));
    Some(match draw(seed) % 8 {
        0 => return None,
        1 => 0,
        2 => sign * i128::from(i64::MAX),
        3 => i128::from(i64::MIN),
        4 => i128::from(i64::MIN) - 1,
        5 => sign * (value % 1_000_000),
        6 => sign * (value % 1_000_000_000_000_000_000),
        _ => sign * value * 4_000_000,
    })
}

#[test]
fn short_ways_give_what_whole_numbers_give() {
    let mut seed = 0x5eed_d0c5_0001;
    println!("seed {seed:#x}");
    let engine = Engine::open(&Options { threads: 2, ..Options::default() }).expect("it opens");
    for round in 0..60 {
        // Rounds without wide numbers take the short way throughout.
        let narrow = round % 2 == 0;
        let mut draw_one =
            || number(&mut seed).map(|value| if narrow { value % 100_000_000_000 } else { value });
        let rows: Vec<(Option<i128>, Option<i128>)> = (0..40).map(|_| (draw_one(), draw_one())).collect();
        let values: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(at, (a, b))| {
                let sql =
                    |value: &Option<i128>| value.map_or("NULL".to_owned(), |value| format!("'{value}'"));
                format!("({at}, {}, {})", sql(a), sql(b))
            })
            .collect();
        let table = format!(
            "(SELECT i, CAST(a AS DECIMAL(30, 0)) AS a, CAST(b AS DECIMAL(30, 0)) AS b \
             FROM (VALUES {}) AS v(i, a, b))",
            values.join(", ")
        );
        let check = |expression: &str, of: &dyn Fn(i128, i128) -> Option<i128>| {
            let found = answer(&engine, &format!("SELECT {expression} FROM {table} ORDER BY i"));
            let expected: Option<Vec<String>> = rows
                .iter()
                .map(|row| match *row {
                    (Some(a), Some(b)) => of(a, b).map(|value| value.to_string()),
                    _ => Some("NULL".to_owned()),
                })
                .collect();
            match expected {
                Some(expected) => assert_eq!(found.as_ref(), Ok(&expected), "{expression} round {round}"),
                None => assert!(found.is_err(), "{expression} round {round}: {found:?}"),
            }
        };
        check("a + b", &|a, b| a.checked_add(b));
        check("a - b", &|a, b| a.checked_sub(b));
        check("a * b", &|a, b| a.checked_mul(b));
        check("a * (CAST(1 AS DECIMAL(30, 0)) - b)", &|a, b| a.checked_mul(1 - b));
        // More places on one side.
        let seven = "arrow_cast('7.00', 'Decimal128(20, 2)')";
        check(&format!("CAST({seven} - a AS DECIMAL(38, 0)) + b"), &|a, b| (7 - a).checked_add(b));
        check(&format!("CAST(a + {seven} AS DECIMAL(38, 0)) - b"), &|a, b| (a + 7).checked_sub(b));
        check("(CAST(7 AS DECIMAL(30, 0)) + a) * b", &|a, b| (7 + a).checked_mul(b));
    }
}

#[test]
fn aggregates_and_places_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = Some(folder.path().join("db"));
    let engine = Engine::open(&Options { directory, threads: 2, ..Options::default() }).expect("it opens");
    let rows = "SELECT value % 5 AS k, CASE WHEN value % 11 > 0 THEN value % 90000 END AS p, value % 10 AS d, \
                value % 7 AS t FROM generate_series(1, 100000)";
    answer(&engine, &format!("CREATE TABLE whole AS {rows}")).expect("a table");
    let table = "CREATE TABLE t AS SELECT k, CAST(p AS DECIMAL(15, 2)) / 1 AS q, \
                 arrow_cast(p, 'Decimal128(15, 2)') AS p, arrow_cast(d, 'Decimal128(15, 2)') AS d, \
                 arrow_cast(t, 'Decimal128(12, 1)') AS t FROM whole";
    answer(&engine, table).expect("a table");
    let short = "SELECT k, CAST(sum(p * (1 - d) * (1 + t)) AS BIGINT), CAST(sum(p + t) AS BIGINT), \
                 CAST(sum(2 * p - d) AS BIGINT), arrow_typeof(max(p * (1 - d))) FROM t GROUP BY k ORDER BY k";
    let oracle = "SELECT k, sum(p * (1 - d) * (1 + t)), sum(p + t), sum(2 * p - d), \
                  'Decimal128(38, 4)' FROM whole GROUP BY k ORDER BY k";
    assert_eq!(answer(&engine, short), answer(&engine, oracle));
}
