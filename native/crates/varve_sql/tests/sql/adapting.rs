//! Tables adapt to queries: what scans report, what is done about it, and what SQL shows of it.

use tempfile::TempDir;
use varve_sql::{Engine, Options, Params, Session};
use varve_table::{Class, PredicateKind};

use crate::rows::shown;

/// Rows of the table. Numbers that rise by one take no bytes as they lie, and would be refused any other order.
const ROWS: u64 = 300_000;

struct Fixture {
    engine: Engine,
    session: Session,
    _dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut options =
            Options { directory: Some(dir.path().join("db")), threads: 2, ..Options::default() };
        options.database.upkeep = false;
        let engine = Engine::open(&options).expect("it opens");
        let fixture = Self { session: engine.session(), engine, _dir: dir };
        fixture.run("CREATE TABLE t (id BIGINT, r BIGINT, s VARCHAR, f DOUBLE, PRIMARY KEY (id))");
        fixture.run(&format!(
            "INSERT INTO t SELECT value * 48271 % 1000003, value * 7919 % 1000003, \
             'text ' || (value * 7 % 1000003), value * 0.5 FROM generate_series(1, {ROWS})"
        ));
        fixture
    }

    fn run(&self, sql: &str) -> Vec<String> {
        let run = async { self.session.execute(sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(run).unwrap_or_else(|error| panic!("{sql}: {error}"));
        shown(&batches)
    }

    fn classes(&self) -> Vec<Class> {
        let version = self.engine.database().expect("a database").snapshot();
        version.table("main", "t").expect("the table").workload.observed().classes
    }
}

#[test]
fn scans_report_what_was_asked() {
    use PredicateKind::{Equal, In, Like, Null, Other, Range};
    let fixture = Fixture::new();
    let check = |filter: &str, predicates: &[(u32, PredicateKind)], interval: Option<(f64, f64)>| {
        let before = fixture.classes();
        let counted = fixture.run(&format!("SELECT count(*) FROM t WHERE {filter}"));
        let changed: Vec<Class> =
            fixture.classes().into_iter().filter(|class| !before.contains(class)).collect();
        let [class] = changed.as_slice() else { panic!("{filter}: {changed:?}") };
        let found: Vec<_> = class.predicates.iter().map(|it| (it.column.0, it.kind)).collect();
        assert_eq!(found, predicates, "{filter}");
        assert_eq!(class.interval, interval, "{filter}");
        assert_eq!((class.scans, class.rows), (1, ROWS), "{filter}");
        assert_eq!(class.kept.to_string(), counted[0], "{filter}");
        assert!(class.ns > 0 && class.parts > 0, "{filter}: {class:?}");
    };
    check("r BETWEEN 5 AND 25", &[(1, Range)], Some((5.0, 25.0)));
    check("r = 7919", &[(1, Equal)], Some((7919.0, 7919.0)));
    check("r IN (1, 2, 3, 4, 5)", &[(1, In)], None);
    check("s LIKE '%99%'", &[(2, Like)], None);
    check("s IS NULL", &[(2, Null)], None);
    check("r > 10 AND f < 100", &[(1, Range), (3, Range)], Some((10.0, f64::MAX)));
    check("r % 7 = 0", &[(1, Other)], None);
}

#[test]
fn an_adapted_table_answers_as_before_and_reads_less() {
    let fixture = Fixture::new();
    let question = |at: u64| format!("SELECT count(*), sum(f) FROM t WHERE r BETWEEN {at} AND {}", at + 20);
    let asked: Vec<String> = (0..60).map(|at| question(at * 16_000)).collect();
    let before: Vec<_> = asked.iter().flat_map(|sql| fixture.run(sql)).collect();
    assert_eq!(fixture.run("SELECT count(*) FROM varve.adaptations"), ["0"]);
    // The scans of this small table are over too soon to be worth anything: say that each took a second.
    let database = fixture.engine.database().expect("a database");
    let slow = varve_table::ScanReport {
        predicates: fixture.classes()[0].predicates.clone(),
        columns: fixture.classes()[0].columns.clone(),
        rows: ROWS,
        kept: 6,
        ns: 1_000_000_000,
        ..varve_table::ScanReport::default()
    };
    let observe = || {
        let version = database.snapshot();
        (0..60).for_each(|_| version.table("main", "t").expect("the table").workload.scanned(&slow));
    };
    observe();
    let done = fixture.engine.handle().block_on(fixture.engine.adapt()).expect("it adapts");
    let [adapted] = done.as_slice() else { panic!("one table: {done:?}") };
    assert_eq!((adapted.table.as_str(), adapted.sort_key.as_slice()), ("t", &["r".to_owned()][..]));

    let shown = fixture.run(
        "SELECT table_schema, table_name, number, state, sort_key, segments, rewritten, measured_percent, replays \
         FROM varve.adaptations",
    );
    assert_eq!(shown, ["main t 1 trial r 1 1 NULL true"]);
    let after: Vec<_> = asked.iter().flat_map(|sql| fixture.run(sql)).collect();
    assert_eq!(after, before);
    let [class] = fixture.classes().try_into().expect("one class");
    assert!(class.empty_parts > 0 || class.rows < ROWS * class.scans || class.parts > 0, "{class:?}");
    // Keys find rows where they are now.
    let (id, r) = (12_345u64 * 48_271 % 1_000_003, 12_345u64 * 7919 % 1_000_003);
    assert_eq!(fixture.run(&format!("SELECT r FROM t WHERE id = {id}")), [r.to_string()]);
    fixture.run("DELETE FROM t WHERE f > 75000");
    fixture.run("UPDATE t SET f = 0 WHERE r < 1000");
    assert_eq!(fixture.run("SELECT count(*) FROM t"), [(ROWS / 2).to_string()]);
    fixture.run("CALL varve.undo_adaptation('main.t', 1)");
    assert_eq!(fixture.run("SELECT state FROM varve.adaptations"), ["undone"]);
    assert_eq!(fixture.run("SELECT count(*) FROM t"), [(ROWS / 2).to_string()]);
    // What was undone is not done again. How columns are kept may be tried anew: that hangs on how fast they were read here.
    observe();
    assert!(fixture.run("CALL varve.adapt()").is_empty());
    assert_eq!(
        fixture.run("SELECT count(*) FROM varve.adaptations WHERE state = 'trial' AND sort_key <> ''"),
        ["0"]
    );
}

#[test]
fn a_schema_of_users_hides_that_of_the_database() {
    let fixture = Fixture::new();
    fixture.run("CREATE SCHEMA varve");
    fixture.run("CREATE TABLE varve.adaptations (mine INT)");
    assert!(fixture.run("SELECT mine FROM varve.adaptations").is_empty());
    fixture.run("DROP TABLE varve.adaptations");
    fixture.run("DROP SCHEMA varve");
    assert_eq!(fixture.run("SELECT count(*) FROM varve.adaptations"), ["0"]);
}
