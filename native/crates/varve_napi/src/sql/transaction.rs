//! Transactions and snapshots.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use parking_lot::Mutex;
use varve_table::Version;
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Nothing;
use crate::sql::behind::Session;
use crate::sql::promise::Tasks;

/// The session of a transaction; `None` after its end.
pub type Open = Arc<Mutex<Option<Session>>>;

/// A transaction; statements name it in their options. Savepoints are SQL.
#[napi]
pub struct NativeTransaction {
    pub(crate) open: Open,
    pub(crate) tasks: Tasks,
}

#[napi]
impl NativeTransaction {
    /// Makes its changes durable and visible.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn commit<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let session = self.open.lock().take();
        self.tasks.promise(env, async move { session.ok_or_else(ended)?.commit().await.map(|()| Nothing) })
    }

    /// Undoes its changes. Also after a failed commit, and of one that has ended.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn rollback<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let session = self.open.lock().take();
        self.tasks.promise(env, async move {
            if let Some(session) = session {
                session.roll_back().await;
            }
            Ok(Nothing)
        })
    }
}

impl NativeTransaction {
    pub(crate) fn session(&self) -> Result<Session, VarveError> {
        self.open.lock().clone().ok_or_else(ended)
    }
}

/// A view of one moment.
#[napi(js_name = "NativeSqlSnapshot")]
pub struct NativeSqlSnapshot {
    pub(crate) version: Option<Arc<Version>>,
}

#[napi]
impl NativeSqlSnapshot {
    /// Lets go of it. Again does nothing.
    #[napi]
    pub fn release(&mut self) {
        self.version = None;
    }
}

fn ended() -> VarveError {
    VarveError::new(ErrorCode::TransactionState, "the transaction has ended", "begin another one")
}
