//! What every file layer does, the real one and the simulated one alike.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use varve_files::simulate::Disk;
use varve_files::{Access, Files, RealFiles};

/// Runs `check` over a fresh folder of each layer.
fn check(name: &str, check: impl Fn(&dyn Files, &Path)) {
    let folder = std::env::temp_dir().join(format!("varve-files-{name}-{}", std::process::id()));
    RealFiles.create_dir(&folder).expect("a folder");
    check(&RealFiles, &folder);
    std::fs::remove_dir_all(&folder).expect("the folder is there");

    let folder = PathBuf::from("/simulated");
    let disk = Disk::new(1);
    disk.create_dir(&folder).expect("a folder");
    check(&disk, &folder);
}

fn kind<T>(result: std::io::Result<T>) -> ErrorKind {
    result.err().map_or(ErrorKind::Other, |error| error.kind())
}

#[test]
fn what_is_written_is_read() {
    check("write", |files, folder| {
        let path = folder.join("a");
        let file = files.open(&path, Access::Create).expect("a file");
        file.write_at(b"hello", 3).expect("it is written");
        assert_eq!(file.len().expect("a length"), 8, "the hole in front counts");
        let mut bytes = [9; 8];
        file.read_at(&mut bytes, 0).expect("it is read");
        assert_eq!(&bytes, b"\0\0\0hello");
        assert_eq!(kind(file.read_at(&mut bytes, 1)), ErrorKind::UnexpectedEof);
        file.sync_data().expect("it is synced");
        let map = file.map(8).expect("a map");
        assert_eq!(&map[..], b"\0\0\0hello");
        files.remove(&path).expect("it is removed");
        assert_eq!(&map[3..], b"hello", "a map outlives the name of its file");
    });
}

#[test]
fn opening_creates_and_empties_only_when_asked_to() {
    check("open", |files, folder| {
        let path = folder.join("a");
        for access in [Access::Read, Access::ReadWrite] {
            assert_eq!(kind(files.open(&path, access)), ErrorKind::NotFound, "{access:?}");
        }
        files.open(&path, Access::Create).and_then(|file| file.write_at(b"1", 0)).expect("a file");
        let again = files.open(&path, Access::ReadWrite).expect("a file");
        assert_eq!(again.len().expect("a length"), 1);
        let emptied = files.open(&path, Access::Create).expect("a file");
        assert_eq!(emptied.len().expect("a length"), 0);
    });
}

#[test]
fn names_are_listed_renamed_and_removed() {
    check("names", |files, folder| {
        for name in ["a", "b"] {
            files
                .open(&folder.join(name), Access::Create)
                .and_then(|file| file.write_at(name.as_bytes(), 0))
                .expect("a file");
        }
        files.rename(&folder.join("a"), &folder.join("b")).expect("it is replaced");
        files.sync_dir(folder).expect("it is synced");
        assert_eq!(files.list(folder).expect("names"), ["b"]);
        let mut bytes = [0; 1];
        files
            .open(&folder.join("b"), Access::Read)
            .and_then(|file| file.read_at(&mut bytes, 0))
            .expect("a file");
        assert_eq!(&bytes, b"a");
        files.remove(&folder.join("b")).expect("it is removed");
        assert_eq!(kind(files.remove(&folder.join("b"))), ErrorKind::NotFound);
        assert!(files.list(folder).expect("names").is_empty());
    });
}

#[test]
fn a_lock_has_one_holder() {
    check("lock", |files, folder| {
        let path = folder.join("lock");
        let held = files.lock(&path).expect("it can be asked").expect("it is free");
        assert!(files.lock(&path).expect("it can be asked").is_none());
        drop(held);
        assert!(files.lock(&path).expect("it can be asked").is_some());
    });
}

#[test]
fn no_two_random_numbers_are_equal() {
    check("random", |files, _| {
        assert_ne!(files.random().expect("a number"), files.random().expect("a number"));
    });
}
