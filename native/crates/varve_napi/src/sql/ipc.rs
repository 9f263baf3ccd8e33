//! Record batches to Arrow IPC messages and back.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::{
    DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message,
};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use varve_types::{ErrorCode, VarveError};

/// Encodes the batches of one answer, each with the dictionaries that come before it.
pub struct Encoder {
    generator: IpcDataGenerator,
    options: IpcWriteOptions,
    dictionaries: DictionaryTracker,
    context: IpcWriteContext,
    schema: Vec<u8>,
}

impl Encoder {
    /// An encoder of batches of `schema`.
    pub fn new(schema: &Schema) -> Result<Self, VarveError> {
        let (generator, options) = (IpcDataGenerator::default(), IpcWriteOptions::default());
        let mut dictionaries = DictionaryTracker::new(false);
        let encoded = generator.schema_to_bytes_with_dictionary_tracker(schema, &mut dictionaries, &options);
        let mut bytes = Vec::new();
        write_message(&mut bytes, encoded, &options).map_err(cannot_encode)?;
        Ok(Self { generator, options, dictionaries, context: IpcWriteContext::default(), schema: bytes })
    }

    /// The schema message.
    pub fn schema(&self) -> Vec<u8> {
        self.schema.clone()
    }

    /// The messages of one batch.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, VarveError> {
        let (dictionaries, batch) = self
            .generator
            .encode(batch, &mut self.dictionaries, &self.options, &mut self.context)
            .map_err(cannot_encode)?;
        let mut bytes = Vec::with_capacity(batch.arrow_data.len() + batch.ipc_message.len() + 64);
        for encoded in dictionaries.into_iter().chain([batch]) {
            write_message(&mut bytes, encoded, &self.options).map_err(cannot_encode)?;
        }
        Ok(bytes)
    }
}

/// The schema message of columns.
pub fn schema_message(schema: &Schema) -> Result<Vec<u8>, VarveError> {
    Ok(Encoder::new(schema)?.schema)
}

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
