//! What is committed is there, also after reopening; what is not, is not.

use futures::stream;
use varve_table::{Database, Options, Rewrite, RowAddress, RowSet};
use varve_types::{ErrorCode, VarveError};

use crate::fixture::{Fixture, append, numbers, rows, table};

#[test]
fn what_is_committed_is_there_after_reopening() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        for start in 0..50 {
            let mut transaction = database.begin().await;
            append(&mut transaction, id, start..start + 1).await.expect("a row");
            transaction.commit().await.expect("it commits");
        }
        let mut transaction = database.begin().await;
        assert_eq!(append(&mut transaction, id, 50..200_000).await.expect("rows"), 199_950);
        let seen = transaction.snapshot();
        let segment = table(&seen).segments[0].segment.id();
        let gone: RowSet =
            [RowAddress::of_hot(7), RowAddress(RowAddress::of_segment(segment).0 + 50)].into_iter().collect();
        assert_eq!(transaction.delete(id, gone.clone()).expect("rows"), 2);
        assert_eq!(transaction.delete(id, gone).expect("no rows"), 0, "they are gone already");
        assert_eq!(table(&database.snapshot()).live_rows(), 50, "readers do not see it yet");
        transaction.commit().await.expect("it commits");
    });
    let expected: Vec<i64> = (0..200_000).filter(|number| *number != 7 && *number != 100).collect();
    let check = |database: &Database| {
        let snapshot = database.snapshot();
        assert_eq!(table(&snapshot).live_rows(), expected.len() as u64);
        assert_eq!(fixture.runtime.block_on(numbers(table(&snapshot))), expected);
    };
    check(&database);
    fixture.close(database);
    check(&fixture.open().expect("it opens again"));
}

#[test]
fn the_log_gets_room_and_loses_nothing_by_it() {
    const COMMITS: i64 = 100;
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    let log = fixture.dir.path().join("catalogue.db-wal");
    fixture.runtime.block_on(async {
        for start in 0..COMMITS {
            let mut transaction = database.begin().await;
            append(&mut transaction, id, start..start + 1).await.expect("a row");
            transaction.commit().await.expect("it commits");
            let has_room = std::fs::metadata(&log).expect("the log").len() > 1 << 20;
            assert!(!has_room || start > 25, "who commits seldom has a small log");
            assert!(has_room || start < 45, "who commits often has room");
        }
    });
    let bytes = std::fs::read(&log).expect("the log");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("frames") + 1;
    // The log has a head, and frames of a page.
    let frames_end = 32 + (end - 32).next_multiple_of(24 + 4_096);
    assert!(frames_end + (1 << 18) < bytes.len(), "{frames_end} of {} bytes", bytes.len());
    // The process ends here, and what was never synced is whatever it likes to be.
    let noise: Vec<u8> =
        (0..bytes.len() as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
    for (what, left) in [
        ("as it is", bytes.clone()),
        ("without room", bytes[..frames_end].to_vec()),
        ("with half of it", bytes[..usize::midpoint(frames_end, bytes.len())].to_vec()),
        ("with noise in it", [&bytes[..frames_end], &noise[frames_end..]].concat()),
    ] {
        let copy = tempfile::tempdir().expect("a folder");
        for entry in std::fs::read_dir(fixture.dir.path()).expect("the folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_file() {
                std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
            }
        }
        std::fs::write(copy.path().join("catalogue.db-wal"), left).expect("the log");
        let opened = Database::open(copy.path(), &Options::default(), fixture.runtime.handle());
        let opened = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = fixture.runtime.block_on(numbers(table(&opened.snapshot())));
        assert_eq!(found, (0..COMMITS).collect::<Vec<_>>(), "{what}");
        fixture.close(opened);
    }
    fixture.close(database);
    assert!(!log.exists(), "the log goes when the database is closed");
}

#[test]
fn what_is_not_committed_never_was() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..10).await.expect("rows");
        let savepoint = transaction.savepoint();
        append(&mut transaction, id, 10..100_000).await.expect("rows");
        assert_eq!(fixture.segment_files(), 1);
        transaction.roll_back_to(&savepoint);
        assert_eq!(fixture.segment_files(), 0, "the file of the segment is removed");
        transaction.commit().await.expect("it commits");

        let mut transaction = database.begin().await;
        append(&mut transaction, id, 10..100_000).await.expect("rows");
        drop(transaction);

        let mut transaction = database.begin().await;
        let failing =
            [Ok(rows(0..100_000)), Err(VarveError::new(ErrorCode::FileMalformed, "a bad file", ""))];
        let error = transaction.append(id, stream::iter(failing)).await.expect_err("it fails");
        assert_eq!(error.code(), ErrorCode::FileMalformed, "{error}");
        drop(transaction);
        assert_eq!(fixture.segment_files(), 0);
    });
    fixture.close(database);
    let database = fixture.open().expect("it opens again");
    let snapshot = database.snapshot();
    assert_eq!(fixture.runtime.block_on(numbers(table(&snapshot))), (0..10).collect::<Vec<_>>());
}

/// It said that it had done something when there were hot rows, which it had not been asked for.
#[test]
fn a_rewrite_of_nothing_does_nothing() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..10).await.expect("rows");
        let seq = transaction.commit().await.expect("it commits");
        assert!(!database.rewrite(id, &Rewrite::default()).await.expect("it looks"));
        assert_eq!(database.snapshot().seq, seq);
    });
}

#[test]
fn a_dropped_table_takes_its_files_along_when_its_readers_are_gone() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..100_000).await.expect("rows");
        transaction.commit().await.expect("it commits");
        let reader = database.snapshot();
        let mut transaction = database.begin().await;
        transaction.drop_table(id).expect("it is there");
        transaction.commit().await.expect("it commits");
        assert!(database.snapshot().table("main", "t").is_none());
        assert_eq!(numbers(table(&reader)).await.len(), 100_000, "its reader still sees it");
        assert_eq!(fixture.segment_files(), 1);
        drop(reader);
        assert_eq!(fixture.segment_files(), 0);
    });
}

#[test]
fn commits_that_wait_together_become_durable_together() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let writers = (0..64).map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut transaction = database.begin().await;
                append(&mut transaction, id, number..number + 1).await?;
                transaction.commit().await
            })
        });
        let mut seqs: Vec<u64> = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            seqs.push(writer.await.expect("it ends").expect("it commits").0);
        }
        seqs.sort_unstable();
        assert_eq!(seqs, (2..66).collect::<Vec<_>>(), "numbers without gaps");
    });
    fixture.close(database);
    let database = fixture.open().expect("it opens again");
    let snapshot = database.snapshot();
    assert_eq!(fixture.runtime.block_on(numbers(table(&snapshot))), (0..64).collect::<Vec<_>>());
}

#[test]
fn a_directory_is_opened_once() {
    let fixture = Fixture::new();
    let (database, _) = fixture.with_table();
    let error = fixture.open().err().expect("it is open already");
    assert_eq!(error.code(), ErrorCode::StoreLocked, "{error}");
    fixture.close(database);
    assert!(fixture.open().is_ok());
    let options = Options { error_if_exists: true, ..Options::default() };
    let error =
        Database::open(fixture.dir.path(), &options, fixture.runtime.handle()).err().expect("it exists");
    assert_eq!(error.code(), ErrorCode::StoreExists, "{error}");
    let options = Options { create_if_missing: false, ..Options::default() };
    let missing = fixture.dir.path().join("nowhere");
    let error = Database::open(&missing, &options, fixture.runtime.handle()).err().expect("it is missing");
    assert_eq!(error.code(), ErrorCode::StoreMissing, "{error}");
    assert!(!missing.exists(), "nothing is left behind");
}
