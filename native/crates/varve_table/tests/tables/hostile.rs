//! Databases that lie under right checksums: an error, or whatever they say, and never a panic.
//!
//! A failure names the seed. `VARVE_SEED` chooses another one, `VARVE_ROUNDS` how many databases.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use futures::StreamExt;
use varve_files::simulate::Random;
use varve_table::simulate::hostile::lie;
use varve_table::{
    ColumnId, Index, IndexId, KeyRef, PRIMARY, PointReader, Rewrite, RowSet, Table, TableVersion,
};
use varve_types::Result;

use crate::fixture::{Fixture, append, define};

#[test]
fn lies_are_survived() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let seed = number("VARVE_SEED").unwrap_or(1_u64);
    let rounds = number("VARVE_ROUNDS").unwrap_or(150);
    let honest = Fixture::new();
    honest.runtime.block_on(fill(&honest)).expect("it is filled");
    let (mut refused, mut read) = (0, 0);
    for round in 0..rounds {
        let copy = Fixture::new();
        copy_folder(honest.dir.path(), copy.dir.path());
        let what = lie(copy.dir.path(), &mut Random::new(seed.wrapping_add(round)));
        let told = format!("seed {}: {what}", seed.wrapping_add(round));
        let outcome = catch_unwind(AssertUnwindSafe(|| look_at_everything(&copy)));
        match outcome.unwrap_or_else(|_| panic!("a panic, {told}")) {
            Ok(()) => read += 1,
            Err(_) => refused += 1,
        }
    }
    println!("seed {seed}: {refused} refused, {read} read");
}

/// A table with two kinds of keys, segments, hot rows, and deleted rows in both.
async fn fill(at: &Fixture) -> Result<()> {
    let database = at.open()?;
    let mut transaction = database.begin().await;
    let table = Table { primary_key: vec![ColumnId(0)], ..define(transaction.next_id()) };
    let id = table.id;
    transaction.put_table(table)?;
    let index = IndexId(transaction.next_id());
    let columns = vec![ColumnId(1)];
    let name = "by_text".to_owned();
    transaction.create_index(Index { id: index, table: id, name, columns, unique: false }).await?;
    append(&mut transaction, id, 0..70_000).await?;
    append(&mut transaction, id, 70_000..70_050).await?;
    transaction.commit().await?;
    let mut transaction = database.begin().await;
    let lookup = transaction.snapshot();
    let lookup = lookup.tables[&id].lookup(PRIMARY);
    let gone: RowSet =
        [5, 60_000, 70_010].into_iter().filter_map(|number| lookup.find_one(key(number)).ok()?).collect();
    transaction.delete(id, gone)?;
    transaction.commit().await?;
    database.close().await;
    Ok(())
}

fn key(number: i64) -> KeyRef<'static> {
    KeyRef::Number(number as u64 ^ (1 << 63))
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir(&target).expect("a folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file");
        }
    }
}

/// Opens the database, reads all rows, asks for some by their keys, writes and moves rows. The first error ends it.
fn look_at_everything(at: &Fixture) -> Result<()> {
    let database = at.open()?;
    let outcome = at.runtime.block_on(async {
        let snapshot = database.snapshot();
        for (id, version) in &snapshot.tables {
            read(version).await?;
            find(version)?;
            let mut transaction = database.begin().await;
            append(&mut transaction, *id, 80_000..80_010).await?;
            transaction.commit().await?;
            let segments = snapshot.tables[id].segments.iter().map(|live| live.segment.id()).collect();
            database.rewrite(*id, &Rewrite { hot: true, segments, ..Rewrite::default() }).await?;
        }
        Ok(())
    });
    at.close(database);
    outcome
}

async fn read(version: &TableVersion) -> Result<()> {
    for live in &version.segments {
        let columns: Vec<ColumnId> = version.table.columns.iter().map(|column| column.id).collect();
        let mut batches = Box::pin(live.segment.read(&version.table, &columns)?);
        while let Some(batch) = batches.next().await {
            batch?;
        }
    }
    Ok(())
}

fn find(version: &TableVersion) -> Result<()> {
    for keys in version.hot.keys().iter() {
        let lookup = version.lookup(keys.index);
        for number in [0, 5, 69_999, 70_000, i64::MAX] {
            lookup.find_one(key(number))?;
            lookup.find_one(KeyRef::Bytes(b"row number 9"))?;
        }
    }
    let mut reader = PointReader::new(std::sync::Arc::clone(&version.table));
    for number in [0, 6, 8_192, 69_999, 70_049, -1] {
        reader.find(version, key(number))?;
    }
    Ok(())
}
