//! Lengths that Arrow IPC claims, compared with what is there before a reader believes them.
//!
//! Arrow's readers take the memory for a message before they read it, and memory for what a packed buffer claims to unpack to.
//! A claim of a petabyte then ends the process: a failed allocation is no error that can be caught.

use std::io::{Read, Result as IoResult, Seek, SeekFrom};

use arrow_ipc::{Message, MessageHeader, RecordBatch, root_as_footer, root_as_message};
use arrow_schema::ArrowError;

const CONTINUATION: [u8; 4] = [0xff; 4];
/// The length of the footer and the mark at the end of a file.
const TAIL_BYTES: u64 = 10;
/// Rows that a batch may have beyond one per bit of its buffers: columns of nothing but NULL have none.
const ROWS_WITHOUT_BITS_MAX: u64 = 1 << 20;

type Checked<T = ()> = Result<T, ArrowError>;

/// Checks a stream from its beginning; `room` is how many bytes the buffers of one message may unpack to. Bytes behind the end
/// of the stream are not looked at.
///
/// Cost: reads all that describes data, and of packed data a few bytes per buffer.
///
/// # Errors
/// A claim that cannot be true, or is beyond `room`.
pub fn check_stream(source: &mut (impl Read + Seek), room: u64) -> Checked {
    let size = source.seek(SeekFrom::End(0))?;
    let mut at = 0;
    while at + 4 <= size {
        let mut length = read_at::<4>(source, at)?;
        at += 4;
        if length == CONTINUATION {
            length = read_at(source, at)?;
            at += 4;
        }
        let length = u64::from(u32::from_le_bytes(length));
        if length == 0 {
            break;
        }
        let metadata = read_part(source, at, length, size)?;
        at += length;
        let body = check_message(source, &metadata, at, size, room)?;
        at += body;
    }
    Ok(())
}

/// The same of a file, whose footer tells where its messages are.
///
/// # Errors
/// As [`check_stream`].
pub fn check_file(source: &mut (impl Read + Seek), room: u64) -> Checked {
    let size = source.seek(SeekFrom::End(0))?;
    let tail = size.checked_sub(TAIL_BYTES).ok_or_else(|| wrong("it has no footer"))?;
    let length = u64::from(u32::from_le_bytes(read_at(source, tail)?));
    let start = tail.checked_sub(length).ok_or_else(|| wrong("its footer is longer than the file"))?;
    let footer = read_part(source, start, length, tail)?;
    let footer = root_as_footer(&footer).map_err(|error| wrong(&format!("its footer: {error}")))?;
    let (dictionaries, batches) = (footer.dictionaries(), footer.recordBatches());
    for block in dictionaries.iter().flatten().chain(batches.iter().flatten()) {
        let (at, metadata) = (length_of(block.offset())?, length_of(i64::from(block.metaDataLength()))?);
        let body = length_of(block.bodyLength())?;
        let bytes = read_part(source, at, metadata, size)?;
        within(at + metadata, body, size)?;
        let described = match bytes.get(..4) {
            Some(start) if start == CONTINUATION => bytes.get(8..),
            _ => bytes.get(4..),
        };
        let described = described.ok_or_else(|| wrong("a message is cut short"))?;
        check_message(source, described, at + metadata, at + metadata + body, room)?;
    }
    Ok(())
}

/// The length of the message's body, which begins at `at` and must end at `end` or before.
fn check_message(
    source: &mut (impl Read + Seek),
    metadata: &[u8],
    at: u64,
    end: u64,
    room: u64,
) -> Checked<u64> {
    let message = root_as_message(metadata).map_err(|error| wrong(&format!("a message: {error}")))?;
    let body = length_of(message.bodyLength())?;
    within(at, body, end)?;
    if let Some(batch) = batch_of(&message) {
        check_batch(source, &batch, at, body, room)?;
    }
    Ok(body)
}

fn batch_of<'a>(message: &Message<'a>) -> Option<RecordBatch<'a>> {
    match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch()?.data(),
        _ => None,
    }
}

fn check_batch(
    source: &mut (impl Read + Seek),
    batch: &RecordBatch<'_>,
    at: u64,
    body: u64,
    room: u64,
) -> Checked {
    let is_packed = batch.compression().is_some();
    let mut unpacked = 0_u64;
    for buffer in batch.buffers().iter().flatten() {
        let (offset, length) = (length_of(buffer.offset())?, length_of(buffer.length())?);
        within(offset, length, body)?;
        let claimed = match is_packed && length > 0 {
            true => i64::from_le_bytes(read_at(source, at + offset)?),
            false => -1,
        };
        // -1 says that the buffer is not packed.
        unpacked += if claimed == -1 { length } else { length_of(claimed)?.min(u64::MAX >> 32) };
        if is_packed && unpacked > room {
            return Err(wrong(&format!("a message unpacks to more than {room} bytes")));
        }
    }
    let rows_max = unpacked.saturating_mul(8).saturating_add(ROWS_WITHOUT_BITS_MAX);
    let lengths = batch.nodes().into_iter().flatten().map(|node| node.length()).chain([batch.length()]);
    for length in lengths {
        if length_of(length)? > rows_max {
            return Err(wrong(&format!("a batch has {length} rows in {unpacked} bytes")));
        }
    }
    Ok(())
}

fn read_at<const N: usize>(source: &mut (impl Read + Seek), at: u64) -> IoResult<[u8; N]> {
    let mut bytes = [0; N];
    source.seek(SeekFrom::Start(at))?;
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_part(source: &mut (impl Read + Seek), at: u64, length: u64, end: u64) -> Checked<Vec<u8>> {
    within(at, length, end)?;
    let length = usize::try_from(length).map_err(|_| wrong("a message is longer than memory"))?;
    let mut bytes = vec![0; length];
    source.seek(SeekFrom::Start(at))?;
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn within(at: u64, length: u64, end: u64) -> Checked {
    match at.checked_add(length) {
        Some(its_end) if its_end <= end => Ok(()),
        _ => Err(wrong(&format!("it claims {length} bytes at {at}, where {} are", end.saturating_sub(at)))),
    }
}

fn length_of(claimed: i64) -> Checked<u64> {
    u64::try_from(claimed).map_err(|_| wrong(&format!("it claims {claimed} bytes or rows")))
}

fn wrong(what: &str) -> ArrowError {
    ArrowError::IpcError(what.to_owned())
}
