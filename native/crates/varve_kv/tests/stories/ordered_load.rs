//! While writers never paused, flushes came before merges and folded into the newest segment again and again: 10 M
//! records were written forty times, whatever their order. Keys in order need not be rewritten at all.

use varve_files::simulate::Disk;
use varve_kv::{Batch, Durability, MISSING, OpenOptions, PackedKeys, Range, Store};

use super::{DIR, options};

const COUNT: u32 = 20_000;

/// Loads keys `order(0..COUNT)` and answers how often the average entry was written.
fn check(name: &str, order: impl Fn(u32) -> u32, rewrites_max: u64) {
    let disk = Disk::new(1);
    let small = OpenOptions { segment_bytes: 256 << 10, ..options(&disk) };
    let store = Store::open(DIR, small).unwrap();
    for from in (0..COUNT).step_by(100) {
        let mut batch = Batch::new();
        for key in (from..from + 100).map(&order) {
            batch.put(&key.to_be_bytes(), &[key as u8; 100]).unwrap();
        }
        store.write_wait(batch, Durability::Fast).unwrap();
    }
    store.flush().unwrap();
    let stats = store.stats();
    let levels = stats.segments.iter().map(|segment| segment.level + 1).max();
    assert!(stats.flushes > 30, "{name}: {} flushes", stats.flushes);
    assert!(levels <= Some(4), "{name}: {levels:?} levels");
    let written = stats.entries_written;
    assert!(written <= rewrites_max * u64::from(COUNT), "{name}: {written} entries written");
    reads(&store, name);
    store.compact().unwrap();
    assert!(store.stats().segments.iter().all(|segment| segment.level == 0), "{name}");
    reads(&store, name);
}

/// Every way to read, over several segments of a level.
fn reads(store: &Store, name: &str) {
    let keys: Vec<u8> = (0..COUNT).flat_map(|n| (n * 7919 % (COUNT + 100)).to_be_bytes()).collect();
    let ends: Vec<u32> = (1..=COUNT).map(|n| 4 * n).collect();
    let (mut values, mut value_ends) = (vec![0; 100 * COUNT as usize], vec![0; COUNT as usize]);
    let packed = PackedKeys::new(&keys, &ends).unwrap();
    store.get_many_packed(None, packed, &mut values, &mut value_ends).unwrap();
    let mut start = 0;
    for (at, end) in value_ends.into_iter().enumerate() {
        let key = at as u32 * 7919 % (COUNT + 100);
        let value = (end & MISSING == 0).then(|| &values[start..end as usize]);
        start = (end & !MISSING) as usize;
        let expected = (key < COUNT).then_some([key as u8; 100]);
        assert_eq!(value, expected.as_ref().map(|value| &value[..]), "{name}: {key}");
        assert_eq!(store.get(None, &key.to_be_bytes()).unwrap().as_deref(), value, "{name}: {key}");
    }
    for reverse in [false, true] {
        let mut cursor = store.cursor(None, Range { reverse, ..Range::default() }).unwrap();
        for at in 0..COUNT {
            let key = if reverse { COUNT - 1 - at } else { at };
            let (found, value) = cursor.next_entry().unwrap().unwrap();
            assert_eq!((found, value), (&key.to_be_bytes()[..], &[key as u8; 100][..]), "{name}: {key}");
        }
        assert!(cursor.next_entry().unwrap().is_none(), "{name}");
    }
}

#[test]
fn in_order() {
    check("ascending", |at| at, 2);
    check("descending", |at| COUNT - 1 - at, 2);
    check("two streams", |at| if at % 2 == 0 { at / 2 } else { COUNT / 2 + at / 2 }, 9);
}

#[test]
fn at_random() {
    check("random", |at| at * 7919 % COUNT, 9);
}
