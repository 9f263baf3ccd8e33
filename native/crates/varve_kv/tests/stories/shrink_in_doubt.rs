//! Compaction gives log files back by a catalogue without them. When that catalogue's rename took effect
//! but answered an error, the store went on writing to a log file that the catalogue on disk no longer
//! named: the next open removed the file, and every synced write since the compaction with it.

use varve_files::simulate::{Action, Disk, Verdict};

use super::{is, open, put};

#[test]
fn writes_behind_a_shrink_in_doubt_survive() {
    for verdict in [Verdict::FailHalfway(libc::EIO), Verdict::Fail(libc::EIO)] {
        let disk = Disk::new(1);
        let store = open(&disk);
        put(&store, "before", b"1");
        store.flush().unwrap();
        // Nothing is left to merge, so the only rename of the compaction is the one that shrinks the log.
        super::fail_once(&disk, verdict, |call| is(call, Action::Rename, "CATALOGUE"));
        assert!(store.compact().is_err());
        put(&store, "after", b"2");
        disk.end_process();
        drop(store);
        let store = open(&disk);
        assert_eq!(store.get(None, b"before").unwrap().unwrap(), b"1");
        assert_eq!(store.get(None, b"after").unwrap().unwrap(), b"2");
    }
}
