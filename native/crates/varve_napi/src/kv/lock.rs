//! The lock of a directory, for a caller who keeps a log of its own there, and what is done while it is held.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;
use varve_files::RealFiles;
use varve_kv::error::closed;
use varve_kv::{ExternalRepair, StoreLock};
use varve_types::VarveError;

use crate::kv::repair::{FoundCommits, Salvaged, found_log};
use crate::work::promise_of;

/// Takes the lock of the store in `dir`, before whatever the caller keeps there is touched.
#[napi(ts_return_type = "Promise<NativeLock | Failed>")]
pub fn lock_store(env: &Env, dir: String, create_if_missing: bool) -> napi::Result<Object<'_>> {
    promise_of(env, "varve-lock", move || {
        let dir = PathBuf::from(dir);
        let lock = StoreLock::take(&dir, &RealFiles, create_if_missing)?;
        Ok(NativeLock { dir, lock: Some(lock), repair: Arc::default() })
    })
}

/// A lock that is held until `release`, and for as long as a store that was opened with it is open.
#[napi]
pub struct NativeLock {
    dir: PathBuf,
    lock: Option<StoreLock>,
    /// From `salvage` on.
    repair: Arc<OnceLock<ExternalRepair>>,
}

#[napi]
impl NativeLock {
    /// Verifies the segments; unless all is sound, makes new ones of what is left of them and of the log's commits. Once.
    #[napi(ts_return_type = "Promise<Salvaged | Failed>")]
    pub fn salvage<'env>(&self, env: &'env Env, found: FoundCommits) -> napi::Result<Object<'env>> {
        let (dir, lock, repair) = (self.dir.clone(), self.share(), Arc::clone(&self.repair));
        let found = found_log(&found);
        promise_of(env, "varve-repair", move || {
            let begun = ExternalRepair::begin(dir, Arc::new(RealFiles), lock?)?;
            let (report, salvaged) = repair.get_or_init(|| begun).salvage(&found?)?;
            Ok(Salvaged {
                report: report.into(),
                folded_sequence: salvaged.as_ref().map_or(0, |salvaged| salvaged.folded) as f64,
                catalogue: salvaged.map(|salvaged| Uint8Array::new(salvaged.catalogue)),
            })
        })
    }

    /// Removes the segments that `salvage` made, none of which is live.
    #[napi]
    pub fn discard(&self) {
        if let Some(repair) = self.repair.get() {
            repair.discard();
        }
    }

    /// Lets go of it; a store that was opened with it still holds it.
    #[napi]
    pub fn release(&mut self) {
        self.lock = None;
        self.repair = Arc::default();
    }
}

impl NativeLock {
    /// Errors: `STORE_CLOSED` when it was released.
    pub fn share(&self) -> Result<StoreLock, VarveError> {
        self.lock.clone().ok_or_else(closed)
    }
}
