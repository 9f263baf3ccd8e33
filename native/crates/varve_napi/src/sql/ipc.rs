//! Record batches to Arrow IPC messages and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use varve_types::{ErrorCode, VarveError};

/// Encodes the batches of one answer, each with the dictionaries that come before it.
pub struct Encoder {
    writer: StreamWriter<Vec<u8>>,
    schema: Vec<u8>,
}

impl Encoder {
    /// An encoder of batches of `schema`.
    pub fn new(schema: &Schema) -> Result<Self, VarveError> {
        let mut writer = StreamWriter::try_new(Vec::new(), schema).map_err(cannot_encode)?;
        let schema = std::mem::take(writer.get_mut());
        Ok(Self { writer, schema })
    }

    /// The schema message.
    pub fn schema(&self) -> Vec<u8> {
        self.schema.clone()
    }

    /// The messages of one batch.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, VarveError> {
        // Growing would copy what was written.
        let values: usize = batch.columns().iter().map(sliced_bytes).sum();
        // Each column has a bit for each row there, though it has no NULL, and buffers end where the next may begin.
        let around = batch.num_columns() * (batch.num_rows().div_ceil(8) + COLUMN_BYTES);
        self.writer.get_mut().reserve(HEADER_BYTES + around + values);
        self.writer.write(batch).map_err(cannot_encode)?;
        Ok(std::mem::take(self.writer.get_mut()))
    }
}

/// The schema message of columns.
pub fn schema_message(schema: &Schema) -> Result<Vec<u8>, VarveError> {
    Ok(Encoder::new(schema)?.schema)
}

/// Bytes that the rows of a column take.
pub fn sliced_bytes(values: &ArrayRef) -> usize {
    let buffers = match values.data_type() {
        DataType::Utf8View => values.as_string_view().data_buffers(),
        DataType::BinaryView => values.as_binary_view().data_buffers(),
        _ => {
            let data = values.to_data();
            return data.get_slice_memory_size().unwrap_or_else(|_| values.get_array_memory_size());
        }
    };
    16 * values.len() + buffers.iter().map(arrow_buffer::Buffer::len).sum::<usize>()
}

/// What a message has before its values, more or less.
const HEADER_BYTES: usize = 512;
/// What it has for each column, beside values.
const COLUMN_BYTES: usize = 256;

/// One value as a whole stream of one column with one row.
pub fn value(column: &ArrayRef, at: usize) -> Result<Vec<u8>, VarveError> {
    let schema = Arc::new(Schema::new(vec![Field::new("value", column.data_type().clone(), true)]));
    let row = RecordBatch::try_new(Arc::clone(&schema), vec![column.slice(at, 1)]).map_err(cannot_encode)?;
    let mut encoder = Encoder::new(&schema)?;
    let batch = encoder.encode(&row)?;
    Ok([encoder.schema.as_slice(), &batch, &END_OF_STREAM].concat())
}

/// The mark of a continuation, and a length of 0.
const END_OF_STREAM: [u8; 8] = [255, 255, 255, 255, 0, 0, 0, 0];

/// The batches of one stream, which may come from anywhere: everything in it is checked.
pub fn decode(bytes: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>), VarveError> {
    varve_table::ipc::decode(bytes).map_err(malformed)
}

/// What Arrow says of a batch with a NULL in a column whose field forbids it; it has no kind of its own.
const FORBIDDEN_NULL: &str = "non-nullable but contains null";

fn malformed(error: ArrowError) -> VarveError {
    let message = error.to_string();
    if message.contains(FORBIDDEN_NULL) {
        return VarveError::new(ErrorCode::ConstraintViolated, message, "give every row a value");
    }
    VarveError::new(ErrorCode::FileMalformed, "the bytes are not a stream of Arrow IPC that can be read", "")
        .caused_by(error)
}

fn cannot_encode(error: ArrowError) -> VarveError {
    VarveError::new(ErrorCode::SqlUnsupported, "the answer cannot be written as Arrow IPC", "")
        .caused_by(error)
}
