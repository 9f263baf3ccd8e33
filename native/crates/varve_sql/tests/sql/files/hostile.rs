//! Files that were made to break a reader: an error, or rows, and the engine goes on.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataWriter};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::fixture::{Fixture, shared};

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

/// A reader looks each column up among all others: a file of a million columns kept it busy for half an hour.
#[test]
fn files_of_too_many_columns_are_refused() {
    let at = Fixture::new();
    let count = 300_000;
    let names: Vec<String> = (0..count).map(|column| format!("c{column}")).collect();
    let pairs = |from: usize, to: usize| {
        let pairs: Vec<String> = (from..to).map(|column| format!("\"c{column}\":{{\"x\":1}}")).collect();
        format!("{{{}}}\n", pairs.join(","))
    };
    at.write("header.csv", format!("{}\n", names.join(",")));
    at.write("row.csv", format!("a\n{}\n", names.join(",")));
    at.write("quoted.csv", format!("\"{}\"\n{}\n", names.join("\",\""), names.join(",")));
    at.write("one.json", pairs(0, count));
    at.write("many.json", (0..count / 100).map(|at| pairs(at * 100, at * 100 + 100)).collect::<String>());
    let fields: Vec<Field> =
        names.iter().take(20_000).map(|name| Field::new(name, DataType::Int64, true)).collect();
    let rows = RecordBatch::new_empty(Arc::new(Schema::new(fields)));
    let mut parquet = ArrowWriter::try_new(Vec::new(), rows.schema(), None).expect("a writer");
    parquet.write(&rows).expect("it is written");
    at.write("wide.parquet", parquet.into_inner().expect("it is closed"));
    let mut arrow = FileWriter::try_new(Vec::new(), &rows.schema()).expect("a writer");
    arrow.finish().expect("it is closed");
    at.write("wide.arrow", arrow.into_inner().expect("it is written"));
    for name in ["header.csv", "row.csv", "quoted.csv", "one.json", "many.json", "wide.parquet", "wide.arrow"]
    {
        at.refuses(&format!("SELECT * FROM '@/{name}'"), "SQL_LIMIT");
    }
    at.write("long.csv", format!("a\n\"{}\"\n", names.join(",")));
    at.check("SELECT count(*) FROM '@/long.csv'", &["1"]);
    at.write(
        "deep.json",
        format!("{{\"a\":[{}]}}\n", pairs(0, 100).trim().repeat(2_000).replace("}{", "},{")),
    );
    at.check("SELECT array_length(a) FROM '@/deep.json'", &["2000"]);
}

/// What is nested deeply behind the rows that types are inferred from.
#[test]
fn a_late_deep_value_is_no_crash() {
    let at = Fixture::new();
    let deep =
        [b"{\"b\":".to_vec(), b"[".repeat(1_000_000), b"]".repeat(1_000_000), b"}\n".to_vec()].concat();
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

/// Files that were whole, with bytes changed or cut off: an error or rows, and never an end of the process.
#[test]
fn damaged_files_of_every_format_are_survived() {
    let at = Fixture::with_memory(256 << 20);
    at.run("CREATE TABLE t (i BIGINT, d DECIMAL(12,2), s TEXT, at TIMESTAMP, l DOUBLE)").expect("it is made");
    at.run(
        "INSERT INTO t SELECT value, value / 7, 'name ' || (value % 50), \
         to_timestamp(value * 1000), CASE WHEN value % 3 = 0 THEN NULL ELSE value * 0.5 END \
         FROM generate_series(1, 3000)",
    )
    .expect("it is filled");
    for name in ["t.parquet", "t.arrow", "t.csv", "t.json", "t.csv.gz", "t.json.zst"] {
        at.run(&format!("COPY t TO '@/{name}'")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let whole = std::fs::read(at.path(name)).expect("it can be read");
        let (mut failed, mut read) = (0, 0);
        let mut seed = 42_u64;
        for round in 0..32 {
            let mut random = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as usize
            };
            let mut bytes = whole.clone();
            match round % 4 {
                0 => bytes.truncate(random() % bytes.len()),
                1 => {
                    let at = random() % bytes.len();
                    bytes[at] ^= 1 << (random() % 8);
                }
                // What is at the end says how everything else is to be read.
                2 => {
                    let tail = bytes.len().min(600);
                    let at = bytes.len() - 1 - random() % tail;
                    bytes[at] = random() as u8;
                }
                _ => {
                    for _ in 0..20 {
                        let at = random() % bytes.len();
                        bytes[at] = random() as u8;
                    }
                }
            }
            at.write(&format!("bad.{}", &name[2..]), &bytes);
            match at.run(&format!("SELECT * FROM '@/bad.{}'", &name[2..])) {
                Ok(_) => read += 1,
                Err(error) => {
                    failed += 1;
                    let code = error.code().as_str();
                    assert!([MALFORMED, "MEMORY_EXCEEDED"].contains(&code), "{name}, round {round}: {error}");
                }
            }
        }
        println!("{name}: {failed} refused, {read} read");
        at.check("SELECT count(*) FROM t", &["3000"]);
    }
}

/// A few kilobytes that stand for a gigabyte.
#[test]
fn what_unpacks_to_more_than_the_pool_is_refused() {
    let at = Fixture::with_memory(64 << 20);
    at.run("COPY (SELECT repeat('x', 1000000) AS a FROM generate_series(1, 300)) TO '@/bomb.csv.zst'")
        .expect("it is written");
    let size = std::fs::metadata(at.path("bomb.csv.zst")).expect("it is there").len();
    assert!(size < 1 << 20, "{size} bytes");
    at.refuses("SELECT count(*), max(a) FROM '@/bomb.csv.zst'", "MEMORY_EXCEEDED");
}

/// A length of 2^47 bytes in an Arrow file took so much memory before anything was read, which ended the process.
#[test]
fn every_changed_byte_of_an_arrow_file_is_survived() {
    let at = Fixture::with_memory(256 << 20);
    let batch = arrow_batch();
    for (name, whole) in [("file", arrow_file(&batch)), ("stream", arrow_stream(&batch))] {
        at.write("t.arrow", &whole);
        at.check("SELECT count(*) FROM '@/t.arrow'", &["4"]);
        let (mut refused, mut read) = (0, 0);
        for position in 0..whole.len() {
            for value in [0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[position] = value;
                at.write("t.arrow", &bytes);
                match at.run("SELECT * FROM '@/t.arrow'") {
                    Ok(_) => read += 1,
                    Err(error) => {
                        refused += 1;
                        let code = error.code().as_str();
                        let is_expected = [MALFORMED, "MEMORY_EXCEEDED", "SQL_UNSUPPORTED"].contains(&code);
                        assert!(is_expected, "{name}, byte {position} as {value}: {error}");
                    }
                }
            }
        }
        println!("{name}: {refused} refused, {read} read");
        assert!(refused > 50, "{name}: {refused} refused, {read} read");
    }
}

fn arrow_batch() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]));
    let words: DictionaryArray<Int32Type> = ["a", "b", "a", "c"].into_iter().collect();
    RecordBatch::try_from_iter([("i", numbers), ("d", Arc::new(words))]).expect("a batch")
}

fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).expect("a file");
    writer.write(batch).expect("it is written");
    writer.into_inner().expect("it ends")
}

fn arrow_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a stream");
    writer.write(batch).expect("it is written");
    writer.into_inner().expect("it ends")
}

/// A page of Parquet says itself how long it is: as long as its reader can be told, and less than nothing.
#[test]
fn parquet_pages_that_claim_too_much_are_survived() {
    let at = Fixture::with_memory(256 << 20);
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..5_000));
    let batch = RecordBatch::try_from_iter([("i", numbers)]).expect("a batch");
    for packing in [Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default()), Compression::UNCOMPRESSED] {
        for claimed in [i32::MAX, i32::MIN, -1, 0, 7] {
            at.write("page.parquet", parquet_claiming(&batch, packing, Some(claimed)));
            match at.run("SELECT sum(i) FROM '@/page.parquet'") {
                // Nobody needs the claim of a page that is not packed.
                Ok(rows) => assert_eq!(rows, ["12497500"], "{packing:?} claiming {claimed}"),
                Err(error) => {
                    assert_eq!(error.code().as_str(), MALFORMED, "{packing:?} claiming {claimed}: {error}");
                }
            }
        }
        at.write("page.parquet", parquet_claiming(&batch, packing, None));
        at.check("SELECT sum(i) FROM '@/page.parquet'", &["12497500"]);
    }
}

/// A file of one page whose header claims `length` bytes before packing; the true number by default.
fn parquet_claiming(batch: &RecordBatch, packing: Compression, length: Option<i32>) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(packing)
        .set_dictionary_enabled(false)
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("a file");
    writer.write(batch).expect("it is written");
    let described = writer.close().expect("it ends");
    let chunk = described.row_group(0).column(0);
    let (start, packed) = chunk.byte_range();
    let (start, packed) = (start as usize, packed as usize);
    let mut page = bytes[start..start + packed].to_vec();
    let mut grown = 0;
    if let Some(length) = length {
        // Thrift's compact protocol: the kind of the page, then its length, each behind a byte 0x15.
        assert_eq!([page[0], page[2]], [0x15, 0x15]);
        let end = 3 + page[3..].iter().position(|byte| byte & 0x80 == 0).expect("a number ends") + 1;
        let told = varint(length);
        grown = told.len() as i64 - (end as i64 - 3);
        page.splice(3..end, told);
    }
    let chunk = chunk
        .clone()
        .into_builder()
        .set_total_compressed_size(chunk.compressed_size() + grown)
        .build()
        .expect("a chunk");
    let group = described.row_group(0).clone().into_builder().set_column_metadata(vec![chunk]).build();
    let told = ParquetMetaData::new(described.file_metadata().clone(), vec![group.expect("a group")]);
    let mut changed = [&bytes[..start], &page].concat();
    ParquetMetaDataWriter::new(&mut changed, &told).finish().expect("a footer");
    changed
}

/// Zigzag, seven bits a byte.
fn varint(value: i32) -> Vec<u8> {
    let mut left = ((value << 1) ^ (value >> 31)) as u32;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}
