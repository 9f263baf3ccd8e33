//! Record batches as Arrow IPC streams: hot rows, the types and constants of table definitions, and what is appended.

mod claims;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};

pub use claims::{check_file, check_stream};

/// Bytes that the buffers of one message of a stream in memory unpack to at most.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// One stream of `batches`, all of `schema`.
pub(crate) fn encode(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.into_inner()
}

/// Schema and batches of one stream. Everything in it is checked, lengths before memory is taken for them: the bytes may come
/// from anywhere.
///
/// # Errors
/// Arrow's, of bytes that are no such stream.
pub fn decode(bytes: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    check_stream(&mut Cursor::new(bytes), UNPACKED_BYTES_MAX)?;
    let read = || {
        let reader = StreamReader::try_new(bytes, None)?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        Ok((schema, batches))
    };
    // Arrow asserts that buffers lie within their message, and that types are those it knows.
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ArrowError::IpcError("its decoder panicked".to_owned())))
}
