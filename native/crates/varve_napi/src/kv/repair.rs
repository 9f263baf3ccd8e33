//! Repair, of a store with the native log and of one whose log is the caller's.

use std::path::PathBuf;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Float64Array, Object, Uint8Array};
use napi_derive::napi;
use varve_kv::error::{argument, closed};
use varve_kv::files::RealFiles;
use varve_kv::{ExternalRepair, FoundLog};
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

/// Takes the lock of a store whose log is the caller's, to salvage it.
#[napi(ts_return_type = "Promise<NativeRepair | Failed>")]
pub fn begin_repair(env: &Env, dir: String) -> napi::Result<Object<'_>> {
    promise_of(env, "varve-repair", move || {
        let repair = ExternalRepair::begin(PathBuf::from(dir), Arc::new(RealFiles))?;
        Ok(NativeRepair { repair: Some(Arc::new(repair)) })
    })
}

/// A repair under way; it holds the store's lock until `close`.
#[napi]
pub struct NativeRepair {
    repair: Option<Arc<ExternalRepair>>,
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

#[napi]
impl NativeRepair {
    /// Verifies the segments; unless all is sound, makes new ones of what is left of them and of the log's commits.
    #[napi(ts_return_type = "Promise<Salvaged | Failed>")]
    pub fn salvage<'env>(&self, env: &'env Env, found: FoundCommits) -> napi::Result<Object<'env>> {
        let repair = self.repair.clone();
        let found = found_log(&found);
        promise_of(env, "varve-repair", move || {
            let (report, salvaged) = repair.ok_or_else(closed)?.salvage(&found?)?;
            Ok(Salvaged {
                report: report.into(),
                folded_sequence: salvaged.as_ref().map_or(0, |salvaged| salvaged.folded) as f64,
                catalogue: salvaged.map(|salvaged| Uint8Array::new(salvaged.catalogue)),
            })
        })
    }

    /// Removes the segments that it made, none of which is live.
    #[napi]
    pub fn discard(&self) {
        if let Some(repair) = &self.repair {
            repair.discard();
        }
    }

    /// Lets go of the lock.
    #[napi]
    pub fn close(&mut self) {
        self.repair = None;
    }
}

fn found_log(found: &FoundCommits) -> Result<FoundLog, VarveError> {
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
