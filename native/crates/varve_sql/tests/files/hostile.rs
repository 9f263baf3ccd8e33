//! Files that were made to break a reader: an error, or rows, and the engine goes on.

use crate::fixture::{Fixture, shared};

const MALFORMED: &str = "FILE_MALFORMED";

#[test]
fn text_without_sense_is_refused() {
    let at = Fixture::new();
    let rows: [(&str, Vec<u8>); 9] = [
        ("empty.csv", Vec::new()),
        ("ragged.csv", b"a,b\n1,2\n3\n".to_vec()),
        ("late.csv", [b"a\n".to_vec(), b"1\n".repeat(5_000), b"x\n".to_vec()].concat()),
        ("bytes.csv", vec![b'a', b'\n', 0xff, 0xfe, b'\n']),
        ("empty.json", Vec::new()),
        ("open.json", b"{\"a\":[1,2".to_vec()),
        ("other.json", b"{\"a\":1}\n{\"a\":{\"b\":1}}\n".to_vec()),
        ("scalar.json", b"1\n2\n".to_vec()),
        ("deep.json", [b"{\"a\":".repeat(100_000), b"1".to_vec(), b"}".repeat(100_000)].concat()),
    ];
    for (name, bytes) in rows {
        at.write(name, bytes);
        at.refuses(&format!("SELECT * FROM '@/{name}'"), MALFORMED);
    }
    for name in ["x.parquet", "x.arrow", "x.csv.gz", "x.json.zst", "x.csv.bz2", "x.csv.xz"] {
        for bytes in [Vec::new(), b"PAR1".to_vec(), b"ARROW1\0\0".to_vec(), vec![0x5a; 5_000]] {
            at.write(name, bytes);
            at.refuses(&format!("SELECT * FROM '@/{name}'"), MALFORMED);
        }
    }
}

/// What is nested deeply behind the rows that types are inferred from.
#[test]
fn a_late_deep_value_is_no_crash() {
    let at = Fixture::new();
    let deep = [b"{\"b\":".to_vec(), b"[".repeat(1_000_000), b"]".repeat(1_000_000), b"}\n".to_vec()].concat();
    at.write("late.json", [b"{\"a\":1}\n".repeat(2_000), deep].concat());
    let _either = at.run("SELECT count(a) FROM '@/late.json'");
    at.check("SELECT 1", &["1"]);
}

#[test]
fn a_record_without_an_end_is_refused() {
    let at = Fixture::with_memory(256 << 20);
    let long = vec![b'x'; 40 << 20];
    at.write("line.csv", [b"a\n1\n".as_slice(), &long].concat());
    at.refuses("SELECT * FROM '@/line.csv'", MALFORMED);
    at.write("quote.csv", [b"a\n\"".to_vec(), b"x\n".repeat(20 << 20)].concat());
    at.refuses("SELECT count(*) FROM '@/quote.csv'", MALFORMED);
    at.write("line.json", [b"{\"a\":\"".as_slice(), &long].concat());
    at.refuses("SELECT * FROM '@/line.json'", MALFORMED);
}

/// Many long records, each allowed, are more than the memory pool together.
#[test]
fn records_are_charged_to_the_memory_pool() {
    let at = Fixture::with_memory(32 << 20);
    let record = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    at.write("wide.csv", [b"a\nx\n".repeat(2_000), record.repeat(64)].concat());
    at.refuses("SELECT count(*), max(a) FROM '@/wide.csv'", "MEMORY_EXCEEDED");
}

#[test]
fn parquet_files_that_broke_other_readers_are_survived() {
    let Some(folder) = shared("parquet-bad") else {
        println!("there is no corpus parquet-bad");
        return;
    };
    let at = Fixture::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "parquet") {
            continue;
        }
        count += 1;
        at.write("bad.parquet", std::fs::read(&path).expect("it can be read"));
        match at.run("SELECT * FROM '@/bad.parquet'") {
            Ok(rows) => println!("{}: {} rows", path.display(), rows.len()),
            Err(error) => {
                println!("{}: {error}", path.display());
                assert_eq!(error.code().as_str(), MALFORMED, "{}: {error}", path.display());
            }
        }
        at.check("SELECT 1", &["1"]);
    }
    assert!(count > 0, "the corpus is empty");
}
