//! Repair, of a store with the native log and of one whose log is the caller's.

use std::path::PathBuf;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Float64Array, Object, Uint8Array};
use napi_derive::napi;
use varve_files::RealFiles;
use varve_kv::FoundLog;
use varve_kv::error::argument;
use varve_types::VarveError;

use crate::kv::report::RepairReport;
use crate::work::promise_of;

/// Salvages a damaged store in place and says exactly what is gone.
#[napi(ts_return_type = "Promise<RepairReport | Failed>")]
pub fn repair_store(env: &Env, dir: String) -> napi::Result<Object<'_>> {
    promise_of(env, "varve-repair", move || {
        varve_kv::repair(PathBuf::from(dir), Arc::new(RealFiles)).map(RepairReport::from)
    })
}

/// What the caller read from its log.
#[napi(object)]
pub struct FoundCommits {
    /// The newest catalogue; absent when it is lost, or none was ever stored.
    pub catalogue: Option<Uint8Array>,
    /// Number of each commit.
    pub sequences: Float64Array,
    /// End of each commit's batch in `batches`.
    pub ends: Float64Array,
    /// The packed batches.
    pub batches: Uint8Array,
    /// Last commit known to have existed.
    pub known: f64,
    /// The log opened and was read to its end.
    pub is_sound: bool,
}

/// What is to be stored in the place of the log's contents.
#[napi(object)]
pub struct Salvaged {
    /// What was found, saved and lost.
    pub report: RepairReport,
    /// The new catalogue; absent when the store is sound and to be left alone.
    pub catalogue: Option<Uint8Array>,
    /// Every commit up to this one is folded in it.
    pub folded_sequence: f64,
}

/// What `found` says, checked. Errors: `ARGUMENT_INVALID`.
pub fn found_log(found: &FoundCommits) -> Result<FoundLog, VarveError> {
    let mut commits = Vec::with_capacity(found.sequences.len());
    let mut start = 0;
    for (&sequence, &end) in found.sequences.iter().zip(found.ends.iter()) {
        let end = end as usize;
        let batch =
            found.batches.get(start..end).ok_or_else(|| argument("a batch ends outside of batches"))?;
        commits.push((sequence as u64, batch.to_vec()));
        start = end;
    }
    Ok(FoundLog {
        catalogue: found.catalogue.as_ref().map(|bytes| bytes.to_vec()),
        commits,
        known: found.known as u64,
        is_sound: found.is_sound,
    })
}
