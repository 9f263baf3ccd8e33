//! Iteration in packed chunks.

use std::ops::Bound;

use napi::bindgen_prelude::{Uint8Array, Uint8ArraySlice, Uint32ArraySlice};
use napi_derive::napi;
use varve_kv::error::{argument, closed};
use varve_kv::{Cursor, Fields, Range};
use varve_types::Result;

use crate::outcome::{Nothing, Outcome};

/// A range of keys in byte order; an absent bound is open.
#[napi(object)]
#[derive(Default)]
pub struct KeyRange {
    /// Greater than; not used when `gte` is there.
    pub gt: Option<Uint8Array>,
    /// Greater than or equal.
    pub gte: Option<Uint8Array>,
    /// Less than; not used when `lte` is there.
    pub lt: Option<Uint8Array>,
    /// Less than or equal.
    pub lte: Option<Uint8Array>,
    /// Descending keys.
    pub reverse: Option<bool>,
    /// Entries at most; absent or negative for all.
    pub limit: Option<f64>,
}

impl From<KeyRange> for Range {
    fn from(range: KeyRange) -> Self {
        let bound = |open: Option<Uint8Array>, closed: Option<Uint8Array>| match (open, closed) {
            (_, Some(key)) => Bound::Included(key.to_vec()),
            (Some(key), None) => Bound::Excluded(key.to_vec()),
            (None, None) => Bound::Unbounded,
        };
        Self {
            lower: bound(range.gt, range.gte),
            upper: bound(range.lt, range.lte),
            reverse: range.reverse.unwrap_or(false),
            limit: range.limit.filter(|limit| *limit >= 0.0).map_or(u64::MAX, |limit| limit as u64),
        }
    }
}

/// Iterates one snapshot's range; `close` lets go of it.
#[napi]
pub struct NativeCursor {
    cursor: Option<Cursor>,
}

impl NativeCursor {
    /// Wraps an open cursor.
    pub fn new(cursor: Cursor) -> Self {
        Self { cursor: Some(cursor) }
    }

    fn open(&mut self) -> Result<&mut Cursor> {
        self.cursor.as_mut().ok_or_else(closed)
    }
}

#[napi]
impl NativeCursor {
    /// Moves to the first entry at or after `key` in the cursor's direction.
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn seek(&mut self, key: &[u8]) -> Outcome<Nothing> {
        Outcome::of(|| self.open()?.seek(key).map(|()| Nothing))
    }

    /// Copies as many next entries as fit into `bytes`, with one end per field in `ends`.
    ///
    /// `fields` is 0 for keys, 1 for values, 2 for both. `filled` receives entries, bytes, 1 when the range is
    /// exhausted, and the bytes that the next entry needs when not one fitted; shape [4].
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn fill(
        &mut self,
        fields: u32,
        mut bytes: Uint8ArraySlice<'_>,
        mut ends: Uint32ArraySlice<'_>,
        mut filled: Uint32ArraySlice<'_>,
    ) -> Outcome<Nothing> {
        Outcome::of(|| {
            let fields = match fields {
                0 => Fields::Keys,
                1 => Fields::Values,
                2 => Fields::Both,
                other => return Err(argument(format!("fields {other} is not 0, 1 or 2"))),
            };
            // SAFETY: the slices belong to this call, and JavaScript does not run until it returns.
            let (bytes, ends, filled) = unsafe { (bytes.as_mut(), ends.as_mut(), filled.as_mut()) };
            let [entries, used, done, needed] = filled else {
                return Err(argument("filled does not have 4 items"));
            };
            let answer = self.open()?.fill(fields, bytes, ends)?;
            *entries = answer.entries as u32;
            *used = answer.bytes as u32;
            *done = u32::from(answer.done);
            *needed = answer.needed as u32;
            Ok(Nothing)
        })
    }

    /// Lets go of the snapshot; later calls answer `STORE_CLOSED`.
    #[napi]
    pub fn close(&mut self) {
        self.cursor = None;
    }
}
