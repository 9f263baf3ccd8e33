//! Question: what do the store's native paths cost, without JavaScript?
//!
//! Workload: records with random 16-byte keys and 100-byte incompressible values, one thread.
//! Excluded: cold disks, concurrent readers. Run: `cargo run --profile bench --example kv_micro -- [N] [DIR]`.

use std::path::PathBuf;
use std::time::Instant;

use varve_kv::{Batch, Durability, Fields, Found, OpenOptions, PackedKeys, Range, Store};

fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd6e8_feb8_6659_fd93;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn key(n: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(n).to_be_bytes());
    key[8..].copy_from_slice(&mix(n ^ 0xabcd).to_be_bytes());
    key
}

fn value(n: u64, out: &mut [u8; 100]) {
    for (at, chunk) in out.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&mix(n * 31 + at as u64).to_le_bytes()[..chunk.len()]);
    }
}

fn report(name: &str, count: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{name:34} {:9.1} ns  {:10.3} M/s", seconds * 1e9 / count as f64, count as f64 / seconds / 1e6);
}

fn main() -> varve_types::Result<()> {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir =
        std::env::args().nth(2).map_or_else(|| std::env::temp_dir().join("varve-kv-micro"), PathBuf::from);
    let _absent = std::fs::remove_dir_all(&dir);
    let store = Store::open(&dir, OpenOptions::default())?;

    let started = Instant::now();
    let (mut bytes, mut n) = ([0; 100], 0);
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut in_flight = 0;
    while n < count {
        let mut batch = Batch::new();
        for _ in 0..1000.min(count - n) {
            value(n, &mut bytes);
            batch.put(&key(n), &bytes)?;
            n += 1;
        }
        let sender = sender.clone();
        store.write_with(batch, Durability::Fast, move |outcome| {
            let _receiver_lives = sender.send(outcome.is_ok());
        })?;
        in_flight += 1;
        if in_flight > 8 {
            assert_eq!(receiver.recv(), Ok(true));
            in_flight -= 1;
        }
    }
    (0..in_flight).for_each(|_| assert_eq!(receiver.recv(), Ok(true)));
    report("unsynced batches of 1000, per put", count, started);

    let mut out = [0; 128];
    let started = Instant::now();
    for n in 0..count {
        let found = store.get_into(None, &key(mix(n) % count), &mut out)?;
        assert_eq!(found, Found::Value(100));
    }
    report("get_into, as loaded", count, started);

    let started = Instant::now();
    store.compact()?;
    report("compact, per record", count, started);
    let started = Instant::now();
    store.close()?;
    drop(store);
    report("close", 1, started);

    let on_disk: u64 = std::fs::read_dir(&dir)
        .map(|entries| {
            entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
        })
        .unwrap_or(0);
    println!("disk bytes per record: {:.2}", on_disk as f64 / count as f64);

    let started = Instant::now();
    let store = Store::open(&dir, OpenOptions::default())?;
    assert_eq!(store.get_into(None, &key(0), &mut out)?, Found::Value(100));
    report("open to first get", 1, started);

    for round in 0..2 {
        let started = Instant::now();
        for n in 0..count {
            let found = store.get_into(None, &key(mix(n) % count), &mut out)?;
            assert_eq!(found, Found::Value(100));
        }
        report(if round == 0 { "get_into, first touch" } else { "get_into, warm" }, count, started);
    }
    let started = Instant::now();
    let mut missing = 0;
    for n in 0..count {
        missing += u64::from(store.get_into(None, &key(n + count), &mut out)? == Found::Missing);
    }
    report("get_into, missing", count, started);
    assert_eq!(missing, count);

    let mut keys = Vec::new();
    let mut key_ends: Vec<u32> = Vec::new();
    (0..count).for_each(|n| {
        keys.extend_from_slice(&key(mix(n) % count));
        key_ends.push(keys.len() as u32);
    });
    for per_call in [32, 100, 1000] {
        let (mut values, mut ends) = (vec![0; per_call * 100], vec![0; per_call]);
        let started = Instant::now();
        for chunk in keys.chunks(16 * per_call) {
            let keys = PackedKeys::new(chunk, &key_ends[..chunk.len() / 16])?;
            let done = store.get_many_packed(None, keys, &mut values, &mut ends)?;
            assert_eq!(done.found, keys.len());
        }
        report(&format!("get_many_packed of {per_call}, per key"), count, started);
    }

    for (name, reverse, fields) in [
        ("scan keys and values", false, Fields::Both),
        ("scan keys", false, Fields::Keys),
        ("scan values", false, Fields::Values),
        ("scan reverse", true, Fields::Both),
    ] {
        let (mut bytes, mut ends) = (vec![0; 256 << 10], vec![0; 8192]);
        let started = Instant::now();
        let mut cursor = store.cursor(None, Range { reverse, ..Range::default() })?;
        let mut entries = 0;
        loop {
            let filled = cursor.fill(fields, &mut bytes, &mut ends)?;
            entries += filled.entries as u64;
            if filled.done {
                break;
            }
        }
        assert_eq!(entries, count);
        report(name, count, started);
    }

    let started = Instant::now();
    let singles = 2000;
    for n in 0..singles {
        let mut batch = Batch::new();
        batch.put(&key(n), b"synced")?;
        store.write_wait(batch, Durability::Synced)?;
    }
    report("synced single puts, one in flight", singles, started);

    let singles = 50_000;
    let started = Instant::now();
    let (sender, receiver) = std::sync::mpsc::channel();
    for n in 0..singles {
        if n >= 100 {
            assert_eq!(receiver.recv(), Ok(true));
        }
        let mut batch = Batch::new();
        value(n, &mut bytes);
        batch.put(&key(n), &bytes)?;
        let sender = sender.clone();
        store.write_with(batch, Durability::Synced, move |outcome| {
            let _receiver_lives = sender.send(outcome.is_ok());
        })?;
    }
    report("synced single puts, 100 in flight", singles, started);
    let stats = store.stats();
    println!("commits {} groups {} syncs {}", stats.commits, stats.groups, stats.syncs);
    for segment in stats.segments {
        println!(
            "segment: {} entries, {} blocks, filter {} B, index {} {} B",
            segment.entries, segment.blocks, segment.filter_bytes, segment.index_kind, segment.index_bytes
        );
    }
    store.close()
}
