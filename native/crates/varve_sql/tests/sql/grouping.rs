//! Which aggregations find their groups in ways of their own, and that these give the same groups.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{SortColumn, cast, concat_batches, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::DataType;
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

/// Keys that are expressions are grouped by DataFusion alone: the oracle for keys that are columns. With little memory the
/// threads' groups do not become one's, and DataFusion brings them together.
#[test]
fn groups_by_place_are_those_of_the_engine_below() {
    let keys = [
        ("few", "few + 0", 11),
        ("text", "text || ''", 5004),
        ("text, few", "text || '', few + 0", 50_040),
        ("many", "many + 0", 90_001),
        ("many, few", "many + 0, few + 0", 900_010),
    ];
    // With how many groups they become one thread's.
    let (sets, accumulators, all) = (0, 1 << 15, usize::MAX);
    let aggregates = [
        ("count(*)", all),
        ("sum(c), avg(c), count(c)", all),
        ("avg(small), sum(small), min(small), max(small), sum(f), avg(f), sum(v), min(c), max(c)", all),
        ("sum(v) FILTER (WHERE c > 3), avg(v)", accumulators),
        ("median(v), count(DISTINCT c), min(own)", sets),
        ("median(v), median(c), median(f), median(decimal), median(small) FILTER (WHERE c > 3)", all),
        (
            "percentile_cont(0.3) WITHIN GROUP (ORDER BY v), percentile_cont(0.9) WITHIN GROUP (ORDER BY f DESC)",
            all,
        ),
        ("median(c) FILTER (WHERE c < 0), median(CASE WHEN few > 3 THEN v END), count(*)", all),
        ("round(stddev(c), 6), round(var_pop(small), 6), round(corr(c, v), 6)", accumulators),
        ("bool_and(c > 3), bool_or(c > 900), bit_xor(c), bit_and(many), min(own)", accumulators),
        ("array_length(array_agg(small)), max(decimal)", sets),
        ("sum(decimal), avg(decimal), max(f)", accumulators),
    ];
    // Sums of these floats are exact, in whatever order.
    let table = "CREATE TABLE t AS SELECT CASE WHEN value % 11 > 0 THEN value % 9 END AS few, \
                 CASE WHEN value % 13 > 0 THEN 'k' || (value % 5003) END AS text, value % 90001 AS many, \
                 CASE WHEN value % 7 > 0 THEN value % 1000 END AS c, value * 0.5 AS v, 'own' || value AS own, \
                 CAST(value % 100 - 50 AS TINYINT) AS small, \
                 CAST(CASE WHEN value % 90001 > 70000 THEN NULL ELSE value % 64 END AS REAL) AS f, \
                 CAST(value AS DECIMAL(12, 2)) AS decimal FROM generate_series(1, 120000)";
    let mut beside = Beside::new(table);
    for memory_bytes in [1 << 30, 10 << 20] {
        let engine = beside.open(memory_bytes);
        for (keys, plain, groups) in keys {
            for (aggregates, groups_max) in aggregates {
                let columns = plain.split(',').count();
                let by = (1..=columns).map(|column| column.to_string()).collect::<Vec<_>>().join(", ");
                let query = format!("SELECT {keys}, {aggregates} FROM t GROUP BY {keys}");
                let oracle = format!("SELECT {plain}, {aggregates} FROM t GROUP BY {by}");
                let plan = beside.check(&engine, &query, &oracle);
                assert!(plan.contains("GroupByPlaceExec"), "{query}\n{plan}");
                assert_eq!(plan.contains("AggregateExec"), groups > groups_max, "{query}\n{plan}");
            }
        }
    }
}

/// Keys that are expressions are grouped by DataFusion alone: the oracle for keys that are columns.
#[test]
fn many_groups_are_those_of_the_engine_below() {
    let wide = "SELECT a, b, d, {} FROM t GROUP BY a, b, d";
    let plain = "SELECT a + 0, b || '', d + INTERVAL '0' DAY, {} FROM t GROUP BY 1, 2, 3";
    let filtered = "SELECT a, b, {} FROM t WHERE c < 700 GROUP BY a, b HAVING count(*) > 1";
    let filtered_plain = "SELECT a + 0, b || '', {} FROM t WHERE c < 700 GROUP BY 1, 2 HAVING count(*) > 1";
    let all_types = "SELECT a, i, u, f, x, d, {} FROM t GROUP BY a, i, u, f, x, d";
    let all_types_plain = "SELECT a + 0, i + 0, u + 0, NOT NOT f, x + INTERVAL '0' SECOND, \
                           d + INTERVAL '0' DAY, {} FROM t GROUP BY 1, 2, 3, 4, 5, 6";
    let joined = "SELECT l.a, l.n, r.m FROM (SELECT a, b, count(*) AS n, {} FROM t GROUP BY a, b) AS l \
                  JOIN (SELECT a, b, min(v) AS m FROM t GROUP BY a, b) AS r ON l.a = r.a AND l.b = r.b \
                 ";
    let joined_plain = "SELECT l.a, l.n, r.m FROM \
                        (SELECT a + 0 AS a, b || '' AS b, count(*) AS n, {} FROM t GROUP BY 1, 2) AS l \
                        JOIN (SELECT a + 0 AS a, b || '' AS b, min(v) AS m FROM t GROUP BY 1, 2) AS r \
                        ON l.a = r.a AND l.b = r.b";
    let counted = "SELECT n, sum(w), {} FROM (SELECT a, b, count(*) AS n, sum(v) AS w, min(v) AS v, max(c) AS c, \
                   min(own) AS own FROM t GROUP BY a, b) GROUP BY n";
    let counted_plain = "SELECT n, sum(w), {} FROM (SELECT a + 0 AS a, b || '' AS b, count(*) AS n, \
                         sum(v) AS w, min(v) AS v, max(c) AS c, min(own) AS own FROM t GROUP BY 1, 2) \
                         GROUP BY n";
    let queries = [
        (wide, plain),
        (filtered, filtered_plain),
        (all_types, all_types_plain),
        (joined, joined_plain),
        (counted, counted_plain),
    ];
    let aggregates = [
        "count(*)",
        "sum(v), avg(v), count(c)",
        "min(c), max(c), sum(c) FILTER (WHERE c % 2 = 0), count(*) FILTER (WHERE v > 1000)",
        "min(own), max(own), sum(v), count(DISTINCT c)",
    ];
    let table = "CREATE TABLE t AS SELECT value % 90001 AS a, 'k' || (value % 31) AS b, \
                 CASE WHEN value % 7 = 0 THEN NULL ELSE value % 1000 END AS c, value * 1.0 AS v, \
                 CASE WHEN value % 5 > 0 THEN DATE '2020-01-01' + CAST(value % 3 AS INT) END AS d, \
                 CAST(value % 100 - 50 AS TINYINT) AS i, CAST(value % 3 AS BIGINT UNSIGNED) AS u, \
                 CASE WHEN value % 4 > 0 THEN value % 4 = 1 END AS f, 'own' || value AS own, \
                 to_timestamp(value % 3 - 1) AS x \
                 FROM generate_series(1, 300000)";
    let mut beside = Beside::new(table);
    // With little memory parts go to disk, and come back.
    for memory_bytes in [1 << 30, 16 << 20] {
        let engine = beside.open(memory_bytes);
        // The tables of joins need more.
        let has_room = |query: &str| memory_bytes == 1 << 30 || !query.contains("JOIN");
        for (query, oracle) in queries.into_iter().filter(|(query, _)| has_room(query)) {
            for aggregates in aggregates {
                let (query, oracle) = (query.replace("{}", aggregates), oracle.replace("{}", aggregates));
                let plan = beside.check(&engine, &query, &oracle);
                // A partitioned join relies on where rows are.
                let is_free = !plan.contains("mode=Partitioned");
                assert_eq!(plan.contains("GroupByRadixExec"), is_free, "{query}\n{plan}");
            }
        }
        let query = format!("ANALYZE {}", wide.replace("{}", aggregates[1]));
        let measured = engine.handle().block_on(plan_of(&engine.session(), &query));
        let line = measured.lines().find(|line| line.contains("GroupByRadixExec")).unwrap_or_default();
        assert_eq!(line.contains("spilled"), memory_bytes < 1 << 30, "{measured}");
    }
}

/// One small segment of a table without dictionaries, or with the same text in all of its rows, made all groups by that column
/// slow, and so did what a join above says of a column while it runs. Since groups have places.
#[test]
fn few_rows_without_dictionaries_have_places_too() {
    let table = "CREATE TABLE t AS SELECT value AS n, 'k' || (value % 500) AS text, 'f' || (value % 7) AS few, \
                 'l' || (value % 3) AS late FROM generate_series(1, 600000); \
                 ALTER TABLE t DROP COLUMN late; ALTER TABLE t ADD COLUMN late TEXT DEFAULT 'late'; \
                 INSERT INTO t SELECT value, 'own' || value, 'f', 'l' || (value % 2) FROM generate_series(1, 66000); \
                 INSERT INTO t VALUES (1, NULL, NULL, NULL), (2, 'k1', 'hot', 'late'), (3, 'hot', 'f1', 'hot'); \
                 DELETE FROM t WHERE n % 1000 = 7; \
                 CREATE TABLE s AS SELECT 'k' || (value * 3) AS text FROM generate_series(0, 40); \
                 INSERT INTO s VALUES (NULL), ('own7'), ('own8'), ('own65999'), ('hot')";
    let mut beside = Beside::new(table);
    let engine = beside.open(1 << 30);
    for keys in ["text", "few", "late", "text, few", "few, late"] {
        let plain = keys.replace(", ", " || '', ") + " || ''";
        let by = (1..=plain.split(',').count()).map(|key| key.to_string()).collect::<Vec<_>>().join(", ");
        let query = format!("SELECT {keys}, count(*), sum(n) FROM t GROUP BY {keys}");
        let oracle = format!("SELECT {plain}, count(*), sum(n) FROM t GROUP BY {by}");
        let plan = beside.check(&engine, &query, &oracle);
        assert!(plan.contains("GroupByPlaceExec"), "{query}\n{plan}");
    }
    for others in ["s", "(SELECT DISTINCT text FROM t WHERE n % 3 = 0)", "(VALUES ('k7'))"] {
        let query = format!(
            "SELECT l.text, l.n FROM (SELECT text, few, sum(n) AS n FROM t GROUP BY text, few) AS l \
             JOIN {others} AS r (text) ON l.text = r.text"
        );
        let oracle = query.replace("SELECT text, few, sum", "SELECT text || '' AS text, few || '', sum");
        let oracle = oracle.replace("GROUP BY text, few", "GROUP BY 1, 2");
        let plan = beside.check(&engine, &query, &oracle);
        assert!(plan.contains("GroupByPlaceExec"), "{query}\n{plan}");
    }
    let wide = "SELECT few || text, count(*) FROM t GROUP BY few || text";
    let plan = engine.handle().block_on(plan_of(&engine.session(), wide));
    assert!(!plan.contains("GroupByPlaceExec"), "{plan}");
}

/// Queries beside others that must have the same rows, which are asked for once.
struct Beside {
    folder: tempfile::TempDir,
    /// Makes table t.
    table: &'static str,
    expected: HashMap<String, RecordBatch>,
}

impl Beside {
    fn new(table: &'static str) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), table, expected: HashMap::new() }
    }

    /// The engine over the table, which the first one makes.
    fn open(&self, memory_bytes: usize) -> Engine {
        let directory = Some(self.folder.path().join("db"));
        let options = Options { directory, memory_bytes, threads: 2, ..Options::default() };
        let engine = Engine::open(&options).expect("it opens");
        if self.expected.is_empty() {
            let made = engine.session();
            engine.handle().block_on(made.execute(self.table, Params::default())).expect("a table");
        }
        engine
    }

    /// Compares the rows of `query` with those of `oracle`; the plan of `query`.
    fn check(&mut self, engine: &Engine, query: &str, oracle: &str) -> String {
        let session = engine.session();
        let rows_of = |query: &str| engine.handle().block_on(rows_of(&session, query));
        let plan = engine.handle().block_on(plan_of(&session, query));
        let expected = self.expected.entry(query.to_owned()).or_insert_with(|| rows_of(oracle));
        let found = rows_of(query);
        assert_eq!(found.num_rows(), expected.num_rows(), "{query}\n{plan}");
        for (found, expected) in found.columns().iter().zip(expected.columns()) {
            if found.data_type() == expected.data_type() {
                assert!(found == expected, "{query}\n{plan}");
            } else {
                let [found, expected] =
                    [found, expected].map(|column| cast(column, &DataType::Utf8).expect("it has a text"));
                assert!(found == expected, "{query}\n{plan}");
            }
        }
        plan
    }
}

/// The rows of an answer in the order of its columns. Arrow compares them: as text it took most of the tests' time.
async fn rows_of(session: &Session, query: &str) -> RecordBatch {
    let output =
        session.execute(query, Params::default()).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let schema = Arc::clone(&output.schema);
    let batches = output.collect().await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let rows = concat_batches(&schema, &batches).expect("batches of one schema");
    let keys = rows.columns().iter().map(|column| SortColumn { values: column.clone(), options: None });
    let order = lexsort_to_indices(&keys.collect::<Vec<_>>(), None).expect("values with an order");
    take_record_batch(&rows, &order).expect("rows that are there")
}
