//! The beginning of an answer, which for small answers is all of it.

use napi_derive::napi;
#[cfg(feature = "sql")]
use varve_types::VarveError;

use crate::sql::piece::Piece;
#[cfg(feature = "sql")]
use crate::sql::{ipc, packed_row};

/// Whole answers of so few rows come packed too: decoding Arrow costs JavaScript some 100 us, whatever is in it.
pub const PACKED_ROWS_MAX: usize = 16;

/// The beginning of an answer.
#[napi(js_name = "NativeHead", object, object_from_js = false)]
pub struct Head {
    /// The schema message.
    #[napi(ts_type = "Uint8Array | string")]
    pub schema: Piece,
    /// Absent for a statement that only reads.
    pub rows_affected: Option<f64>,
    /// The first batches, when they were there already.
    #[napi(ts_type = "Uint8Array | string")]
    pub first: Option<Piece>,
    /// The rows of a small whole answer once more, packed.
    #[napi(ts_type = "Uint8Array | string")]
    pub packed: Option<Piece>,
    /// Nothing comes after `first`.
    pub is_whole: bool,
}

#[cfg(feature = "sql")]
impl Head {
    /// The whole answer of a statement that changed so many rows and returns none.
    pub fn of_change(rows: u64) -> Result<Self, VarveError> {
        let schema = Piece(ipc::schema_message(&arrow_schema::Schema::empty())?);
        Ok(Self { schema, rows_affected: Some(rows as f64), first: None, packed: None, is_whole: true })
    }

    /// The whole answer of a query.
    pub fn of_batch(batch: &arrow_array::RecordBatch) -> Result<Self, VarveError> {
        let mut encoder = ipc::Encoder::new(&batch.schema())?;
        let first = Some(Piece(encoder.encode(batch)?)).filter(|_| batch.num_rows() > 0);
        let is_packed = (1..=PACKED_ROWS_MAX).contains(&batch.num_rows());
        let packed = is_packed.then(|| packed_row::pack_all(batch).map(Piece)).transpose()?;
        Ok(Self { schema: Piece(encoder.schema()), rows_affected: None, first, packed, is_whole: true })
    }
}
