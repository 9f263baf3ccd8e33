//! Which aggregations number their groups by place.

use varve_sql::{Engine, Options, Params, Session};

async fn plan_of(session: &Session, query: &str) -> String {
    let output =
        session.execute(&format!("EXPLAIN {query}"), Params::default()).await.expect("it is planned");
    format!("{:?}", output.collect().await.expect("a plan"))
}

#[test]
fn groups_are_by_place_where_keys_have_few_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::open(&Options { directory: Some(folder.path().to_owned()), ..Options::default() });
    let engine = engine.expect("it opens");
    let session = engine.session();
    let table = "CREATE TABLE t AS SELECT value AS id, value % 9 AS few, 'v' || (value % 5000) AS wide, \
                 'v' || value AS own, value * 1.5 AS real FROM generate_series(1, 300000)";
    let check = |keys: &str, by_place: bool| {
        for query in [
            format!("SELECT {keys}, sum(id) FROM t GROUP BY {keys}"),
            format!("SELECT {keys}, sum(id * 2 + few), avg(id * 2) FROM t WHERE id > 5 GROUP BY {keys}"),
        ] {
            let plan = engine.handle().block_on(plan_of(&session, &query));
            assert_eq!(plan.contains("GroupByPlaceExec"), by_place, "{query}\n{plan}");
        }
    };
    engine.handle().block_on(session.execute(table, Params::default())).expect("a table");
    check("few", true);
    check("wide", true);
    check("wide, few", true);
    // Strings that are all different are no dictionary, numbers that are too many have no room, others have no codes.
    check("own", false);
    check("id, wide", false);
    check("real", false);
}
