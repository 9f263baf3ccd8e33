//! Streams of Arrow IPC from anywhere: an error or rows, and never the end of the process.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int64Array, NullArray, RecordBatch, StringViewArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use varve_table::ipc::decode;

fn stream(columns: Vec<(&str, ArrayRef)>, packing: Option<CompressionType>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let options = IpcWriteOptions::default().try_with_compression(packing).expect("it is built in");
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a stream");
    writer.write(&batch).expect("it is written");
    writer.into_inner().expect("it ends")
}

fn samples() -> Vec<Vec<u8>> {
    let words: DictionaryArray<arrow_array::types::Int32Type> = ["a", "b", "a", "c"].into_iter().collect();
    let columns = || -> Vec<(&str, ArrayRef)> {
        vec![
            ("i", Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]))),
            ("s", Arc::new(StringViewArray::from(vec!["short", "more than twelve bytes", "", "x"]))),
            ("d", Arc::new(words.clone())),
        ]
    };
    let packed: Vec<(&str, ArrayRef)> = vec![("i", Arc::new(Int64Array::from(vec![7; 500])))];
    vec![stream(columns(), None), stream(packed, Some(CompressionType::ZSTD))]
}

/// A claimed length of 2^47 bytes took so much memory before anything was read, which ended the process: no error of an
/// allocation reaches its caller.
#[test]
fn every_changed_byte_gives_an_error_or_rows() {
    for whole in samples() {
        decode(&whole).expect("it is whole");
        let (mut refused, mut read) = (0, 0);
        for at in 0..whole.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                match decode(&bytes) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        for end in 0..whole.len() {
            // What ends between two messages is a shorter stream.
            let _either = decode(&whole[..end]);
        }
        println!("{refused} refused, {read} read");
        assert!(refused > read / 10, "{refused} refused, {read} read");
    }
}

/// Rows without bytes are few, or a column of them would be given values in memory that nobody has.
#[test]
fn rows_of_nothing_have_an_end() {
    let of = |rows| stream(vec![("n", Arc::new(NullArray::new(rows)) as ArrayRef)], None);
    decode(&of(1 << 20)).expect("a million is allowed");
    let error = decode(&of(1 << 40)).expect_err("that many are not").to_string();
    assert!(error.contains("rows in 0 bytes"), "{error}");
}

#[test]
fn packed_bytes_are_counted_before_they_are_unpacked() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![0; 1 << 16]));
    let mut bytes = stream(vec![("i", column)], Some(CompressionType::ZSTD));
    // Before the packed values stands their length.
    let length = (8_i64 << 16).to_le_bytes();
    let at = bytes.windows(8).position(|window| window == length).expect("the length of the values");
    for (claimed, why) in [(1_i64 << 46, "unpacks to more"), (i64::MAX, "unpacks to more"), (-2, "claims -2")]
    {
        bytes[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
        let error = decode(&bytes).expect_err("it is refused").to_string();
        assert!(error.contains(why), "{claimed}: {error}");
    }
}
