//! What is misjudged once is judged rightly the next time.

use serde_json::Value;

use super::fixture::{Fixture, joined_rows};

/// Columns of `fact` that always have the same value: two filters on them keep as many rows as one.
fn correlated() -> Fixture {
    let fixture = Fixture::new(256 << 20);
    for sql in [
        "CREATE TABLE fact (id BIGINT, a BIGINT, b BIGINT, c BIGINT, d BIGINT)",
        "INSERT INTO fact SELECT value, value % 50, value % 50, value % 50, value % 1000 FROM generate_series(0, 49999)",
        "CREATE TABLE link (fact BIGINT, target BIGINT)",
        "INSERT INTO link SELECT value % 50000, value % 400 FROM generate_series(0, 99999)",
        "CREATE TABLE target (id BIGINT, kind BIGINT)",
        "INSERT INTO target SELECT value, value % 40 FROM generate_series(0, 399)",
        "ANALYZE",
    ] {
        fixture.run(sql);
    }
    fixture
}

fn estimate_of(operators: &[Value], table: &str) -> u64 {
    let scan = operators.iter().find(|operator| {
        operator["detail"].as_str().is_some_and(|detail| detail.contains(&format!("table=main.{table},")))
    });
    scan.expect("a scan")["estimatedRows"].as_u64().expect("an estimate")
}

#[test]
fn correlated_filters_are_judged_rightly_the_second_time() {
    let fixture = correlated();
    let sql = "SELECT count(*), sum(d) FROM fact, link, target WHERE fact.id = link.fact AND link.target = target.id \
        AND a = 7 AND b = 7 AND c = 7 AND target.kind = 3";
    let before = fixture.explain(sql, false);
    assert!(estimate_of(&before, "fact") < 300, "{before:?}");
    let answer = fixture.run(sql);
    let after = fixture.explain(sql, false);
    let learned = estimate_of(&after, "fact");
    assert!((900..=1100).contains(&learned), "{learned}");
    assert_eq!(fixture.run(sql), answer);
    // Other constants have the same shape.
    let other = fixture.explain(&sql.replace("= 7", "= 8"), false);
    assert!((900..=1100).contains(&estimate_of(&other, "fact")), "{other:?}");
    fixture.run("ANALYZE fact");
    assert!(estimate_of(&fixture.explain(sql, false), "fact") < 300);
}

#[test]
fn what_was_learned_makes_no_plan_worse() {
    let fixture = correlated();
    // It looks as if far fewer rows of `link` were of the facts than of the targets.
    let sql = "SELECT count(*), sum(d) FROM fact, link, target WHERE fact.id = link.fact AND link.target = target.id \
        AND a = 7 AND b = 7 AND c = 7 AND target.id IN (7, 57, 107, 157)";
    let first = fixture.explain(sql, true);
    let answer = fixture.run(sql);
    let second = fixture.explain(sql, true);
    assert_eq!(fixture.run(sql), answer);
    assert!(joined_rows(&second) <= joined_rows(&first), "{first:?} {second:?}");
}
