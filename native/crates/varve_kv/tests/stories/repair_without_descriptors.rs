//! Repair took a segment that it could not open a second time for lost, whatever the reason: without a
//! free descriptor at that moment it would have dropped every entry of a slightly damaged segment.

use std::sync::Arc;

use varve_files::simulate::{Action, Disk, Verdict};
use varve_kv::repair;
use varve_types::ErrorCode;

use super::{DIR, file, is, open, put};

#[test]
fn a_passing_error_loses_nothing() {
    let disk = Disk::new(1);
    let store = open(&disk);
    for number in 0..60 {
        put(&store, &format!("key {number:03}"), &[number; 400]);
    }
    store.flush().unwrap();
    store.close().unwrap();
    let path = file(&disk, ".vseg");
    let mut bytes = disk.bytes(&path).unwrap();
    bytes[4096 + 50] ^= 1;
    disk.put(&path, Some(bytes));
    // Opened by the check, by the salvage, and for its blocks.
    let mut opened = 0;
    disk.set_plan(Some(Box::new(move |call| {
        opened += u32::from(is(call, Action::Open, ".vseg"));
        if opened == 3 { Verdict::Fail(libc::EMFILE) } else { Verdict::Proceed }
    })));
    let error = repair(DIR, Arc::new(disk.clone())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreDescriptors);
    disk.set_plan(None);
    let report = repair(DIR, Arc::new(disk.clone())).unwrap();
    assert_eq!(report.lost_keys.len(), 1);
    assert!(report.kept_entries >= 50, "{report:?}");
    assert_eq!(open(&disk).get(None, b"key 059").unwrap().unwrap(), [59; 400]);
}
