//! A process had no descriptor free when it first looked a key up. The key run was called damaged, its owner told to
//! restore a backup, and so on every later look until the database was opened again.

use std::sync::Arc;

use varve_files::simulate::{Action, Disk, Verdict};
use varve_table::{ColumnId, Database, Options, Table};
use varve_types::ErrorCode;

use crate::fixture::{Fixture, append, define};

#[test]
fn a_key_run_that_cannot_be_opened_is_opened_later() {
    let fixture = Fixture::new();
    let disk = Disk::new(1);
    let options = Options { files: Arc::new(disk.clone()), ..Options::default() };
    let database = Database::open(fixture.dir.path(), &options, fixture.runtime.handle()).expect("it opens");
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        let table = Table { primary_key: vec![ColumnId(0)], ..define(transaction.next_id()) };
        let id = table.id;
        transaction.put_table(table).expect("a new table");
        append(&mut transaction, id, 0..70_000).await.expect("rows");
        transaction.commit().await.expect("it commits");
        disk.set_plan(Some(Box::new(|call| match call.action {
            Action::Open if call.path.extension().is_some_and(|end| end == "keys") => Verdict::Fail(24),
            _ => Verdict::Proceed,
        })));
        for expected in [ErrorCode::StoreDescriptors, ErrorCode::ConstraintViolated] {
            let mut transaction = database.begin().await;
            let error = append(&mut transaction, id, 5..6).await.expect_err("5 is there");
            assert_eq!(error.code(), expected, "{error}");
            disk.set_plan(None);
        }
    });
}
