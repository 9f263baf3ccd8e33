//! Transactions of several sessions: what each sees, who is told of a conflict, and where they may begin and end.

use varve_sql::{Engine, Options, Params, Session};
use varve_types::{ErrorCode, Result};

struct Fixture {
    engine: Engine,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().expect("a folder");
        let mut options =
            Options { directory: Some(dir.path().to_owned()), threads: 2, ..Options::default() };
        options.database.writer_wait = std::time::Duration::from_millis(100);
        let engine = Engine::open(&options).expect("it opens");
        let fixture = Self { engine, _dir: dir };
        let session = fixture.engine.session();
        fixture.ok(&session, "CREATE TABLE t (a INT PRIMARY KEY, b INT); CREATE TABLE u (a INT)");
        fixture.ok(&session, "INSERT INTO t VALUES (1, 10), (2, 20)");
        fixture
    }

    fn run(&self, session: &Session, sql: &str) -> Result<usize> {
        let answer = async { session.execute(sql, Params::default()).await?.collect().await };
        let batches = self.engine.handle().block_on(answer)?;
        Ok(batches.iter().map(|batch| batch.num_rows()).sum())
    }

    fn ok(&self, session: &Session, sql: &str) {
        self.run(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn refused(&self, session: &Session, sql: &str, code: ErrorCode) {
        match self.run(session, sql) {
            Err(error) => assert_eq!(error.code(), code, "{sql}: {error}"),
            Ok(_) => panic!("{sql} is not refused"),
        }
    }

    fn rows(&self, session: &Session, sql: &str, wanted: usize) {
        assert_eq!(self.run(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}")), wanted, "{sql}");
    }
}

#[test]
fn a_transaction_is_a_snapshot_and_the_first_committer_wins() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.engine.session(), fixture.engine.session());
    fixture.ok(&one, "BEGIN");
    fixture.ok(&two, "BEGIN");
    fixture.ok(&one, "INSERT INTO t VALUES (3, 30)");
    fixture.rows(&two, "SELECT * FROM t", 2);
    // The writer is held; waiting has a limit.
    fixture.refused(&two, "INSERT INTO t VALUES (3, 31)", ErrorCode::TransactionConflict);
    fixture.refused(&fixture.engine.session(), "INSERT INTO u VALUES (1)", ErrorCode::TransactionConflict);
    fixture.ok(&one, "COMMIT");
    fixture.refused(&two, "INSERT INTO t VALUES (4, 31)", ErrorCode::TransactionConflict);
    fixture.rows(&two, "SELECT * FROM t", 2);
    // A table that nobody changed can be changed, and the refused statement holds no writer.
    fixture.ok(&fixture.engine.session(), "UPDATE t SET b = 11 WHERE a = 1");
    fixture.ok(&two, "INSERT INTO u SELECT b FROM t");
    fixture.ok(&two, "COMMIT");
    fixture.rows(&one, "SELECT * FROM t", 3);
    fixture.rows(&one, "SELECT * FROM u WHERE a = 10", 1);
}

#[test]
fn sessions_without_control_refuse_its_statements() {
    let fixture = Fixture::new();
    let session = fixture.engine.session().without_control();
    for sql in ["BEGIN", "COMMIT", "ROLLBACK", "DELETE FROM t; COMMIT", "START TRANSACTION; DELETE FROM t"] {
        fixture.refused(&session, sql, ErrorCode::TransactionState);
    }
    fixture.rows(&session, "SELECT * FROM t", 2);
    let block = |work| fixture.engine.handle().block_on(work);
    block(session.begin()).expect("none is open");
    fixture.ok(&session, "SAVEPOINT s; DELETE FROM t; ROLLBACK TO SAVEPOINT s; DELETE FROM t WHERE a = 1");
    for sql in ["COMMIT", "ROLLBACK"] {
        fixture.refused(&session, sql, ErrorCode::TransactionState);
    }
    fixture.engine.handle().block_on(session.commit()).expect("it commits");
    fixture.rows(&fixture.engine.session(), "SELECT * FROM t", 1);
    let ended = fixture.engine.handle().block_on(session.commit()).expect_err("none is open");
    assert_eq!(ended.code(), ErrorCode::TransactionState, "{ended}");
}

#[test]
fn a_snapshot_refuses_changes() {
    let fixture = Fixture::new();
    let version = fixture.engine.database().expect("a database").snapshot();
    let session = fixture.engine.session_at(version);
    for sql in ["DELETE FROM t", "CREATE TABLE v (a INT)", "INSERT INTO u VALUES (1)"] {
        fixture.refused(&session, sql, ErrorCode::StoreReadOnly);
    }
    fixture.rows(&session, "SELECT * FROM t", 2);
}
