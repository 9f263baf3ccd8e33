//! A log record that a full disk cut short is refused, and overwritten by the next one. Verifying in
//! between reported the cut record as damage.

use varve_files::simulate::{Action, Disk, Verdict};
use varve_kv::Durability;
use varve_types::ErrorCode;

use super::{batch, is, open, put};

#[test]
fn a_refused_record_is_no_damage() {
    let disk = Disk::new(1);
    let store = open(&disk);
    put(&store, "key", b"value");
    super::fail_once(&disk, Verdict::FailHalfway(libc::ENOSPC), |call| is(call, Action::Write, ".vlog"));
    let refused = store.write_wait(batch("more", &[1; 1000]), Durability::Synced).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreFull);
    assert_eq!(store.verify(|_, _| {}).unwrap().damage, []);
    put(&store, "more", b"fits");
    assert_eq!(store.verify(|_, _| {}).unwrap().damage, []);
}
