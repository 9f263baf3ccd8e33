//! Closing a database ended its upkeep in the middle of a segment, and nobody waited for the segment's writer. It wrote
//! on while the threads went: "Runtime dropped task without completing it", said a panic of Vortex on standard error.
//! Had the threads stayed, it would have removed its file at its end, under a name that the next opening could have
//! given to another.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use varve_table::Rewrite;

use crate::fixture::{Fixture, append, rows};

const BATCH_ROWS: i64 = 10_000;

#[test]
fn nothing_writes_after_closing() {
    for moment_ms in [0, 3, 10, 30, 100] {
        let fixture = Fixture::new();
        let (database, table) = fixture.with_table();
        fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            // A load that has all it needs for a segment but its end.
            let given = stream::iter(0..40).map(|at| Ok(rows(at * BATCH_ROWS..(at + 1) * BATCH_ROWS)));
            let load = transaction.append(table, given.chain(stream::pending()));
            let ended = tokio::time::timeout(Duration::from_millis(moment_ms), load).await;
            assert!(ended.is_err(), "it has no end");
        });
        fixture.close(database);
        assert_eq!(fixture.segment_files(), 0, "given up after {moment_ms} ms");
    }
}

#[test]
fn upkeep_that_closing_ends_has_ended() {
    for moment_ms in [0, 3, 10, 30, 100] {
        let fixture = Fixture::new();
        let (database, table) = fixture.with_table();
        fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            append(&mut transaction, table, 0..300_000).await.expect("rows");
            transaction.commit().await.expect("it commits");
            let version = Arc::clone(&database.snapshot().tables[&table]);
            let segments = version.segments.iter().map(|live| live.segment.id()).collect();
            drop(version);
            let what = Rewrite { segments, ..Rewrite::default() };
            let rewriting = database.rewrite(table, &what);
            let _either = tokio::time::timeout(Duration::from_millis(moment_ms), rewriting).await;
        });
        fixture.close(database);
        assert_eq!(fixture.segment_files(), 1, "given up after {moment_ms} ms");
    }
}
