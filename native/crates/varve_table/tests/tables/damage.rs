//! Damage is reported, never guessed away.

use std::path::Path;

use futures::StreamExt;
use varve_table::RowAddress;
use varve_types::{ErrorCode, VarveError};

use crate::fixture::{Fixture, append, numbers, table};

/// What is wrong with a directory, done to it while it is closed, and the code of the error.
type Hurt = (&'static str, fn(&Path), ErrorCode);

/// A new file under the old name: a scan that was given up may still read the old one through its map.
fn replace(path: &Path, bytes: &[u8]) {
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, bytes).expect("a file");
    std::fs::rename(fresh, path).expect("a file");
}

fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    replace(path, &bytes);
}

fn segment_file(dir: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(dir.join("segments")).expect("a folder");
    files.next().expect("a segment").expect("an entry").path()
}

fn sql(dir: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(dir.join("catalogue.db")).expect("it opens");
    connection.execute_batch(statement).expect("it runs");
}

#[test]
fn damage_is_reported_when_the_database_is_opened_or_the_part_is_read() {
    let hurts: &[Hurt] = &[
        ("footer", |dir| flip(&segment_file(dir), |len| len - 20), ErrorCode::StoreDamaged),
        (
            "segment cut short",
            |dir| {
                let path = segment_file(dir);
                let bytes = std::fs::read(&path).expect("a file");
                replace(&path, &bytes[..bytes.len() / 2]);
            },
            ErrorCode::StoreDamaged,
        ),
        ("segment gone", |dir| std::fs::remove_file(segment_file(dir)).expect("a file"), ErrorCode::StoreIo),
        ("hot rows gone", |dir| sql(dir, "DELETE FROM hot"), ErrorCode::StoreDamaged),
        ("deletion gone", |dir| sql(dir, "DELETE FROM deletions"), ErrorCode::StoreDamaged),
        ("hot rows of another table", |dir| sql(dir, "UPDATE hot SET owner = 99"), ErrorCode::StoreDamaged),
        ("table gone", |dir| sql(dir, "DELETE FROM tables"), ErrorCode::StoreDamaged),
        ("state gone", |dir| sql(dir, "DELETE FROM state"), ErrorCode::StoreDamaged),
        ("a newer format", |dir| sql(dir, "PRAGMA user_version = 99"), ErrorCode::StoreNewerFormat),
        ("another application's", |dir| sql(dir, "PRAGMA application_id = 7"), ErrorCode::StoreForeign),
        (
            "a commit behind the mark",
            |dir| {
                let number = 99u64.to_le_bytes();
                let sum = crc32c::crc32c(&number).to_le_bytes();
                std::fs::write(dir.join("last-commit"), [&number[..], &sum[..]].concat()).expect("a file");
            },
            ErrorCode::StoreDamaged,
        ),
        (
            "no database",
            |dir| std::fs::remove_file(dir.join("catalogue.db")).expect("a file"),
            ErrorCode::StoreForeign,
        ),
    ];
    for (name, hurt, code) in hurts {
        let fixture = Fixture::new();
        let (database, id) = fixture.with_table();
        fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            append(&mut transaction, id, 0..3).await.expect("rows");
            append(&mut transaction, id, 0..100_000).await.expect("rows");
            transaction.delete(id, [RowAddress::of_hot(1)].into_iter().collect()).expect("a row");
            transaction.commit().await.expect("it commits");
        });
        fixture.close(database);
        hurt(fixture.dir.path());
        let error = fixture.open().err().unwrap_or_else(|| panic!("{name}: it opens"));
        assert_eq!(error.code(), *code, "{name}: {error}");
    }
}

#[test]
fn every_flipped_byte_of_a_segment_is_noticed_or_harmless() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        append(&mut transaction, id, 0..70_000).await.expect("rows");
        transaction.commit().await.expect("it commits");
    });
    fixture.close(database);
    let path = segment_file(fixture.dir.path());
    let whole = std::fs::read(&path).expect("a file");
    let expected: Vec<i64> = (0..70_000).collect();
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        flip(&path, |_| at);
        let seen = fixture.open().and_then(|database| {
            let snapshot = database.snapshot();
            let scan = fixture.runtime.block_on(async {
                let live = &table(&snapshot).segments[0];
                let mut stream = live.segment.scan().into_stream().expect("a scan");
                let mut arrays = Vec::new();
                while let Some(array) = stream.next().await {
                    arrays.push(array.map_err(|error| error.to_string()));
                }
                arrays.into_iter().collect::<std::result::Result<Vec<_>, _>>()
            });
            match scan {
                Ok(_) => Ok(fixture.runtime.block_on(numbers(table(&snapshot)))),
                Err(why) => Err(VarveError::new(ErrorCode::StoreDamaged, why, "")),
            }
        });
        if let Ok(seen) = seen {
            assert_eq!(seen, expected, "byte {at} of {}", whole.len());
        }
        replace(&path, &whole);
    }
    assert!(fixture.open().is_ok());
}
