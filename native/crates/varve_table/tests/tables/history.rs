//! Random histories against a model: a set of numbers that is changed alike.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use futures::StreamExt;
use varve_files::simulate::Random;
use varve_table::{
    ColumnId, Database, Layout, PRIMARY, Rewrite, RowAddress, RowSet, SegmentId, Table, TableId, Transaction,
};

use crate::fixture::{Fixture, append, define, numbers, rows, table};

struct History {
    random: Random,
    database: Database,
    id: TableId,
    model: BTreeSet<i64>,
}

impl History {
    async fn step(&mut self) {
        match self.random.below(10) {
            0..4 => self.append().await,
            4..7 => self.delete().await,
            7 => self.roll_back().await,
            8 => self.rewrite().await,
            _ => self.rewrite_during_a_delete().await,
        }
        let snapshot = self.database.snapshot();
        assert_eq!(numbers(table(&snapshot)).await, self.model.iter().copied().collect::<Vec<_>>());
        assert_eq!(table(&snapshot).live_rows(), self.model.len() as u64);
    }

    /// Numbers that are not there, few or many.
    fn fresh(&mut self) -> std::ops::Range<i64> {
        let start = self.model.last().map_or(0, |last| last + 1);
        let count = if self.random.below(6) == 0 { 66_000 } else { self.random.below(40) };
        start..start + count as i64
    }

    async fn append(&mut self) {
        let numbers = self.fresh();
        let mut transaction = self.database.begin().await;
        append(&mut transaction, self.id, numbers.clone()).await.expect("rows");
        transaction.commit().await.expect("it commits");
        self.model.extend(numbers);
    }

    /// Some of the numbers that are there, with their rows as the key finds them.
    fn some(&mut self, transaction: &Transaction) -> (Vec<i64>, RowSet) {
        let snapshot = transaction.snapshot();
        let version = table(&snapshot);
        let step = 1 + self.random.below(50);
        let skip = self.random.below(1 + self.model.len() as u64);
        let picked: Vec<i64> =
            self.model.iter().skip(skip as usize).step_by(step as usize).take(3_000).copied().collect();
        let lookup = version.lookup(PRIMARY);
        let find = |number: &i64| {
            let stored = version.table.store_batch(&rows(*number..number + 1)).expect("it fits");
            let keys = version.hot.keys()[0].keys(&stored).expect("a key");
            let found = lookup.find_one(keys.get(0).expect("a key")).expect("no damage");
            found.unwrap_or_else(|| panic!("{number} is not found"))
        };
        let rows = picked.iter().map(find).collect();
        (picked, rows)
    }

    async fn delete(&mut self) {
        let mut transaction = self.database.begin().await;
        let (picked, rows) = self.some(&transaction);
        assert_eq!(transaction.delete(self.id, rows).expect("rows"), picked.len() as u64);
        transaction.commit().await.expect("it commits");
        self.model.retain(|number| !picked.contains(number));
    }

    async fn roll_back(&mut self) {
        let fresh = self.fresh();
        let mut transaction = self.database.begin().await;
        let savepoint = transaction.savepoint();
        append(&mut transaction, self.id, fresh).await.expect("rows");
        let (_, rows) = self.some(&transaction);
        transaction.delete(self.id, rows).expect("rows");
        if self.random.below(2) == 0 {
            transaction.roll_back_to(&savepoint);
            transaction.commit().await.expect("it commits");
        }
    }

    fn what(&mut self) -> Rewrite {
        let snapshot = self.database.snapshot();
        let ids: Vec<SegmentId> = table(&snapshot).segments.iter().map(|live| live.segment.id()).collect();
        Rewrite {
            hot: self.random.below(2) == 0,
            segments: ids.into_iter().filter(|_| self.random.below(2) == 0).collect(),
            layout: Layout::ordered_by(&[ColumnId(1)][self.random.below(2) as usize..]),
            bytes_max: None,
        }
    }

    async fn rewrite(&mut self) {
        let what = self.what();
        self.database.rewrite(self.id, &what).await.expect("it is rewritten");
    }

    /// Rows that are deleted while they are rewritten are deleted in what is written.
    async fn rewrite_during_a_delete(&mut self) {
        let what = self.what();
        let mut transaction = self.database.begin().await;
        let (picked, rows) = self.some(&transaction);
        let (database, id) = (self.database.clone(), self.id);
        let rewriting = tokio::spawn(async move { database.rewrite(id, &what).await });
        // The rewrite reads its snapshot now, and waits for the writer at its end.
        tokio::time::sleep(std::time::Duration::from_millis(self.random.below(30))).await;
        transaction.delete(self.id, rows).expect("rows");
        transaction.commit().await.expect("it commits");
        rewriting.await.expect("it ends").expect("it is rewritten");
        self.model.retain(|number| !picked.contains(number));
    }
}

#[test]
fn random_histories_end_as_their_model() {
    for seed in 1..=4 {
        println!("seed {seed}");
        let fixture = Fixture::new();
        let database = fixture.open().expect("it opens");
        fixture.runtime.block_on(async {
            let mut transaction = database.begin().await;
            let definition = Table { primary_key: vec![ColumnId(0)], ..define(transaction.next_id()) };
            let id = definition.id;
            transaction.put_table(definition).expect("a new table");
            transaction.commit().await.expect("it commits");
            let mut history = History { random: Random::new(seed), database, id, model: BTreeSet::new() };
            for _ in 0..25 {
                history.step().await;
            }
            let History { database, model, .. } = history;
            database.close().await;
            let database = fixture.open().expect("it opens again");
            let snapshot = database.snapshot();
            assert_eq!(numbers(table(&snapshot)).await, model.into_iter().collect::<Vec<_>>());
        });
    }
}

/// A rewrite in an order gives segments whose rows lie in it.
#[test]
fn a_rewrite_sorts() {
    let fixture = Fixture::new();
    let (database, id) = fixture.with_table();
    fixture.runtime.block_on(async {
        let mut transaction = database.begin().await;
        for start in [500, 0, 1_000] {
            append(&mut transaction, id, start..start + 400).await.expect("rows");
        }
        transaction.delete(id, [RowAddress::of_hot(400)].into_iter().collect()).expect("a row");
        transaction.commit().await.expect("it commits");
        let what = Rewrite { hot: true, layout: Layout::ordered_by(&[ColumnId(0)]), ..Rewrite::default() };
        assert!(database.rewrite(id, &what).await.expect("it is rewritten"));
        let snapshot = database.snapshot();
        let [live] = table(&snapshot).segments.as_slice() else { panic!("one segment") };
        let mut batches =
            Box::pin(live.segment.read(&table(&snapshot).table, &[ColumnId(0)]).expect("a scan"));
        let mut lying = Vec::new();
        while let Some(batch) = batches.next().await {
            lying.extend_from_slice(batch.expect("a batch").column(0).as_primitive::<Int64Type>().values());
        }
        let expected: Vec<i64> = (1..400).chain(500..900).chain(1_000..1_400).collect();
        assert_eq!(lying, expected);
        assert!(table(&snapshot).hot.chunks().is_empty());
    });
}
