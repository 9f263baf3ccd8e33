//! A store on the real disk: write, read, flush, reopen, lock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use varve_kv::{Batch, Durability, OpenOptions, Range, Store};
use varve_types::ErrorCode;

fn temp(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("varve-kv-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&dir);
    dir
}

#[test]
fn write_read_flush_reopen() {
    let dir = temp("smoke");
    let options = || OpenOptions { memtable_bytes: 64 << 10, ..OpenOptions::default() };
    for round in 0..3u32 {
        let store = Store::open(&dir, options()).unwrap();
        assert_eq!(Store::open(&dir, options()).err().unwrap().code(), ErrorCode::StoreLocked);
        for n in 0..3000u32 {
            let mut batch = Batch::new();
            batch.put(&n.to_be_bytes(), &(n + round).to_le_bytes()).unwrap();
            if n % 7 == 0 {
                batch.delete(&(n / 2).to_be_bytes()).unwrap();
            }
            let durability = if n % 100 == 0 { Durability::Synced } else { Durability::Fast };
            assert_eq!(
                store.write_wait(batch, durability).unwrap().sequence,
                u64::from(round * 3000 + n) + 1
            );
        }
        let check = |store: &Store| {
            let mut cursor = store.cursor(None, Range::default()).unwrap();
            let mut count = 0;
            while let Some((key, value)) = cursor.next_entry().unwrap() {
                let n = u32::from_be_bytes(key.try_into().unwrap());
                assert_eq!(value, (n + round).to_le_bytes());
                count += 1;
            }
            let deleted =
                (0..3000u32).filter(|n| n % 7 == 0).map(|n| n / 2).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(count, 3000 - deleted.len());
            for n in 0..3000u32 {
                let expected = (!deleted.contains(&n)).then(|| (n + round).to_le_bytes().to_vec());
                assert_eq!(store.get(None, &n.to_be_bytes()).unwrap(), expected, "{n}");
            }
        };
        check(&store);
        if round == 1 {
            store.compact().unwrap();
            check(&store);
            assert_eq!(store.stats().segments.len(), 1);
            let report = store.verify(|_, _| {}).unwrap();
            assert_eq!(report.damage, []);
        }
        store.close().unwrap();
        let store = Store::open(&dir, options()).unwrap();
        check(&store);
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
