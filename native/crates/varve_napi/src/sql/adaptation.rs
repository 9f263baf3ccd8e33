//! What adapting did to a table, on its way to JavaScript.

use std::collections::HashMap;

use napi::bindgen_prelude::{ToNapiValue, sys};
use napi_derive::napi;
use varve_sql::TableAdaptation;

/// What was done to one table.
#[napi(object, object_from_js = false)]
pub struct NativeAdaptation {
    /// The SQL schema that the table is in.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Its number in the log of the table.
    pub number: f64,
    /// Columns by which the rows are sorted now.
    pub sort_key: Vec<String>,
    /// Columns that are not kept as fresh rows are, and how each is.
    pub profiles: HashMap<String, String>,
    /// Segments that were rewritten.
    pub segments: u32,
    /// What it promised to save within the horizon.
    pub saving_ms: f64,
    /// What it was to cost.
    pub cost_ms: f64,
    /// What it took.
    pub took_ms: f64,
    /// Bytes of the segments before.
    pub bytes_before: f64,
    /// Bytes of those in their place.
    pub bytes_after: f64,
}

/// The same before it is JavaScript's.
pub struct Adapted(pub TableAdaptation);

impl ToNapiValue for Adapted {
    unsafe fn to_napi_value(env: sys::napi_env, Self(done): Self) -> napi::Result<sys::napi_value> {
        let ms = |ns: u64| ns as f64 / 1e6;
        let log = &done.adaptation;
        let sum = |of: fn(&varve_table::Done) -> u64| log.done.iter().map(of).sum::<u64>();
        let native = NativeAdaptation {
            schema: done.schema,
            table: done.table,
            number: log.number as f64,
            sort_key: done.sort_key,
            profiles: done
                .profiles
                .into_iter()
                .map(|(column, profile)| (column, profile.to_owned()))
                .collect(),
            segments: log.done.len() as u32,
            saving_ms: ms(log.saving_ns()),
            cost_ms: ms(log.cost_ns()),
            took_ms: ms(sum(|done| done.ns)),
            bytes_before: sum(|done| done.bytes_before) as f64,
            bytes_after: sum(|done| done.bytes_after) as f64,
        };
        // SAFETY: the caller vouches for `env`.
        unsafe { NativeAdaptation::to_napi_value(env, native) }
    }
}
