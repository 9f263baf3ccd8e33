//! A cursor that met a damaged block answered the error once. Asked again, one that had failed at its
//! first step said "end", as if the range were empty.

use varve_files::simulate::Disk;
use varve_kv::{Fields, Range};
use varve_types::ErrorCode;

use super::{file, open, put};

#[test]
fn the_error_stays_until_a_seek() {
    let disk = Disk::new(1);
    let store = open(&disk);
    for number in 0..60 {
        put(&store, &format!("key {number:03}"), &[number; 400]);
    }
    store.flush().unwrap();
    store.close().unwrap();
    let path = file(&disk, ".vseg");
    let mut bytes = disk.bytes(&path).unwrap();
    // The first and the third block.
    bytes[4096 + 50] ^= 1;
    bytes[3 * 4096 + 50] ^= 1;
    disk.put(&path, Some(bytes));
    let store = open(&disk);
    let mut cursor = store.cursor(None, Range::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(cursor.next_entry().unwrap_err().code(), ErrorCode::StoreDamaged);
    }
    // Behind the damaged block reading goes on; what comes before the next damage is given first.
    cursor.seek(b"key 010").unwrap();
    let (mut keys, mut ends) = (vec![0; 4096], vec![0; 100]);
    let filled = cursor.fill(Fields::Keys, &mut keys, &mut ends).unwrap();
    assert!(filled.entries > 0 && !filled.done);
    assert!(keys.starts_with(b"key 010"));
    for _ in 0..3 {
        let error = cursor.fill(Fields::Keys, &mut keys, &mut ends).unwrap_err();
        assert_eq!(error.code(), ErrorCode::StoreDamaged);
    }
}
