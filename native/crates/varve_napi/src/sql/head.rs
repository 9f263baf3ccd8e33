//! The beginning of an answer, which for small answers is all of it.

use napi::bindgen_prelude::{ToNapiValue, Uint8Array, sys};
use napi_derive::napi;
#[cfg(feature = "sql")]
use varve_types::VarveError;

#[cfg(feature = "sql")]
use crate::sql::{ipc, packed_row};

/// Whole answers of so few rows come packed too: decoding Arrow costs JavaScript some 100 us, whatever is in it.
pub const PACKED_ROWS_MAX: usize = 16;

/// The beginning of an answer.
#[napi(object, object_from_js = false)]
pub struct NativeHead {
    /// The schema message.
    pub schema: Uint8Array,
    /// Absent for a statement that only reads.
    pub rows_affected: Option<f64>,
    /// The first batches, when they were there already.
    pub first: Option<Uint8Array>,
    /// The rows of a small whole answer once more, packed.
    pub packed: Option<Uint8Array>,
    /// Nothing comes after `first`.
    pub is_whole: bool,
}

/// The same before it is JavaScript's.
pub struct Head {
    pub schema: Vec<u8>,
    pub rows_affected: Option<u64>,
    pub first: Option<Vec<u8>>,
    pub packed: Option<Vec<u8>>,
    pub is_whole: bool,
}

#[cfg(feature = "sql")]
impl Head {
    /// The whole answer of a statement that changed so many rows and returns none.
    pub fn of_change(rows: u64) -> Result<Self, VarveError> {
        let schema = ipc::schema_message(&arrow_schema::Schema::empty())?;
        Ok(Self { schema, rows_affected: Some(rows), first: None, packed: None, is_whole: true })
    }

    /// The whole answer of a query.
    pub fn of_batch(batch: &arrow_array::RecordBatch) -> Result<Self, VarveError> {
        let mut encoder = ipc::Encoder::new(&batch.schema())?;
        let first = Some(encoder.encode(batch)?).filter(|_| batch.num_rows() > 0);
        let is_packed = (1..=PACKED_ROWS_MAX).contains(&batch.num_rows());
        let packed = is_packed.then(|| packed_row::pack_all(batch)).transpose()?;
        Ok(Self { schema: encoder.schema(), rows_affected: None, first, packed, is_whole: true })
    }
}

impl ToNapiValue for Head {
    unsafe fn to_napi_value(env: sys::napi_env, head: Self) -> napi::Result<sys::napi_value> {
        let head = NativeHead {
            schema: Uint8Array::new(head.schema),
            rows_affected: head.rows_affected.map(|rows| rows as f64),
            first: head.first.map(Uint8Array::new),
            packed: head.packed.map(Uint8Array::new),
            is_whole: head.is_whole,
        };
        // SAFETY: the caller vouches for `env`.
        unsafe { NativeHead::to_napi_value(env, head) }
    }
}
