//! Plans as their users run them. What each step answers is asked by the suite of plans, through the addon; here is what
//! only Rust sees: what is read, what is charged, what is refused.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringViewArray};
use arrow_schema::{DataType, Field, Schema};
use tempfile::TempDir;
use varve_scan::{Engine, Options, QueryPlan, Session};
use varve_types::{ErrorCode, Result};

const ROWS: i64 = 200_000;

struct Fixture {
    engine: Engine,
    _folder: TempDir,
}

impl Fixture {
    /// A table `t` of a segment: `id` ascending, `name` of few texts.
    fn new(memory_bytes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let options = Options { directory: folder.path().to_owned(), memory_bytes, ..Options::default() };
        let engine = Engine::open(&options).expect("it opens");
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, true),
        ]));
        let session = engine.session();
        engine.handle().block_on(async {
            session.create_table("t", &schema, &["id".to_owned()]).await.expect("it is new");
            let names = (0..ROWS).map(|id| format!("name {}", id % 10));
            let columns: Vec<arrow_array::ArrayRef> = vec![
                Arc::new(Int64Array::from_iter_values(0..ROWS)),
                Arc::new(StringViewArray::from_iter_values(names)),
            ];
            let schema = Arc::new(Schema::new(vec![
                Field::new("id", DataType::Int64, false),
                Field::new("name", DataType::Utf8View, true),
            ]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("columns of one length");
            let rows = futures::stream::iter([Ok(batch)]);
            session.append("t", schema, rows).await.expect("there is room");
        });
        Self { engine, _folder: folder }
    }

    fn run(&self, session: &Session, steps: &str) -> Result<Vec<RecordBatch>> {
        let plan = format!(r#"{{"version":1,"table":"t","steps":[{steps}]}}"#);
        self.engine
            .handle()
            .block_on(async { session.query(&QueryPlan::parse(&plan)?).await?.collect().await })
    }

    fn bytes_requested(&self) -> u64 {
        let (_, table) = self.engine.table("t").expect("it is there");
        table.segments.iter().map(|live| live.segment.bytes_requested()).sum()
    }
}

const COUNT: &str = r#"{"kind":"aggregate","by":[],"values":[{"name":"n","function":"count"}]}"#;

fn id_above(value: i64) -> String {
    format!(
        r#"{{"kind":"filter","condition":{{"kind":"call","operation":">","values":[{{"kind":"column","name":"id"}},{{"kind":"literal","value":{{"integer":"{value}"}}}}]}}}}"#
    )
}

fn only(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[test]
fn a_filter_of_few_rows_reads_little() {
    let fixture = Fixture::new(64 << 20);
    let session = fixture.engine.session();
    let select = r#"{"kind":"select","columns":[{"name":"name","value":{"kind":"column","name":"name"}}]}"#;
    let mut read = Vec::new();
    for filter in [id_above(ROWS - 10), id_above(-1)] {
        let before = fixture.bytes_requested();
        let rows = fixture.run(&session, &format!("{filter},{select}")).expect("it answers");
        read.push((
            rows.iter().map(RecordBatch::num_rows).sum::<usize>(),
            fixture.bytes_requested() - before,
        ));
    }
    assert_eq!((read[0].0, read[1].0), (9, ROWS as usize));
    assert!(read[0].1 * 2 < read[1].1, "{} bytes for 9 rows, {} for all", read[0].1, read[1].1);
}

#[test]
fn what_a_plan_held_is_given_back() {
    let fixture = Fixture::new(24 << 20);
    let session = fixture.engine.session();
    let order = r#"{"kind":"order","by":[{"value":{"kind":"column","name":"name"}}]}"#;
    // Each fits, and all of them together would not.
    for _ in 0..8 {
        fixture.run(&session, order).expect("it fits");
    }
    let self_join =
        r#"{"kind":"join","how":"inner","right":{"table":"t","steps":[]},"on":[["id","id"]],"take":[]}"#;
    let many = format!("{self_join},{self_join},{self_join},{COUNT}");
    let refused = fixture.run(&session, &many).expect_err("three copies do not fit");
    assert_eq!(refused.code(), ErrorCode::MemoryExceeded);
    assert_eq!(only(&fixture.run(&session, COUNT).expect("it answers")), ROWS);
}

#[test]
fn a_change_that_fails_leaves_the_transaction_as_it_was() {
    let fixture = Fixture::new(64 << 20);
    let session = fixture.engine.session();
    let keys = |ids: Vec<i64>| {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(ids))]);
        (schema, batch.expect("one column"))
    };
    fixture.engine.handle().block_on(async {
        session.begin().await.expect("none is open");
        let (_, rows) = keys(vec![0, 1, -5]);
        assert_eq!(session.delete("t", vec![rows]).await.expect("it has a key"), 2);
        let (schema, rows) = keys(vec![-1, 7]);
        let twice = session.append("t", schema, futures::stream::iter([Ok(rows)])).await;
        assert_eq!(twice.expect_err("7 is there").code(), ErrorCode::ConstraintViolated);
    });
    assert_eq!(only(&fixture.run(&session, COUNT).expect("it answers")), ROWS - 2);
    fixture.engine.handle().block_on(session.roll_back());
    assert_eq!(only(&fixture.run(&session, COUNT).expect("it answers")), ROWS);
}

#[test]
fn what_is_no_plan_is_refused() {
    for (text, code) in [
        ("", ErrorCode::ArgumentInvalid),
        ("[]", ErrorCode::ArgumentInvalid),
        (r#"{"version":2,"table":"t","steps":[]}"#, ErrorCode::CapabilityMissing),
        (r#"{"version":1,"table":"t","steps":[{"kind":"drop"}]}"#, ErrorCode::ArgumentInvalid),
    ] {
        let refused = QueryPlan::parse(text).expect_err(text);
        assert_eq!(refused.code(), code, "{text}");
    }
    let deep = r#"{"kind":"call","operation":"not","values":["#.repeat(10_000);
    let text = format!(r#"{{"version":1,"table":"t","steps":[{{"kind":"filter","condition":{deep}"#);
    assert_eq!(QueryPlan::parse(&text).expect_err("it has no end").code(), ErrorCode::ArgumentInvalid);
}
