//! Plans behind the face: queries and changes without SQL.

use std::path::PathBuf;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{JsValue, Object, Uint8Array};
use napi_derive::napi;
use varve_scan::{Options, QueryPlan};
use varve_table::Version;
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Nothing;
use crate::sql::database::{NativeDatabase, NativeOptions};
use crate::sql::ipc;
use crate::sql::query::NativeQuery;

pub use varve_scan::{Engine, Output, Progress, Session, TableShape};

/// Opens the engine on a directory. Folders for files and for what is spilled are SQL's.
pub fn open(directory: PathBuf, options: NativeOptions) -> Result<Engine, VarveError> {
    let mut ours = Options { directory, ..Options::default() };
    ours.database.read_only = options.read_only.unwrap_or(false);
    ours.database.create_if_missing = options.create_if_missing.unwrap_or(true);
    ours.database.error_if_exists = options.error_if_exists.unwrap_or(false);
    ours.database.adapt = options.adapt.unwrap_or(true);
    ours.memory_bytes = options.memory_bytes.map_or(ours.memory_bytes, |bytes| bytes as usize);
    ours.threads = options.threads.map_or(ours.threads, |threads| threads as usize);
    if options.spill_directory.is_none() && options.allowed_folders.is_none_or(|folders| folders.is_empty()) {
        return Engine::open(&ours);
    }
    Err(VarveError::new(
        ErrorCode::CapabilityMissing,
        "this engine neither spills nor reads files",
        "leave spillDirectory and allowedFolders out, or use the pc tier (@varve/pc)",
    ))
}

/// A session of one user.
pub fn session(engine: &Engine) -> Session {
    engine.session()
}

/// A session that sees the database as it was.
pub fn session_at(engine: &Engine, version: &Arc<Version>) -> Session {
    engine.session_at(Arc::clone(version))
}

#[napi]
impl NativeDatabase {
    /// Starts a plan, JSON as core/sql encodes it, and returns at once, so that it can be cancelled from its first moment.
    #[napi(ts_args_type = "plan: string, options: object")]
    pub fn query_plan(&self, env: &Env, plan: String, options: Object<'_>) -> napi::Result<NativeQuery> {
        // SAFETY: the handles are valid for this call, which runs on the JavaScript thread.
        let place = unsafe { self.shared.place(env.raw(), options.raw())? };
        Ok(self
            .shared
            .start(place, async move |session: Session| session.query(&QueryPlan::parse(&plan)?).await))
    }

    /// Makes a table of the columns of an IPC stream, whose rows are not looked at.
    #[napi(
        ts_args_type = "table: string, columns: Uint8Array, primaryKey: string[], options: object",
        ts_return_type = "Promise<undefined | Failed>"
    )]
    pub fn create_table<'env>(
        &self,
        env: &'env Env,
        table: String,
        columns: Uint8Array,
        primary_key: Vec<String>,
        options: Object<'_>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session_in(env, &options)?;
        self.shared.tasks().promise(env, async move {
            let (schema, _) = ipc::decode(&columns)?;
            session?.create_table(&table, &schema, &primary_key).await.map(|()| Nothing)
        })
    }

    /// Drops a table with its rows.
    #[napi(ts_args_type = "table: string, options: object", ts_return_type = "Promise<undefined | Failed>")]
    pub fn drop_table<'env>(
        &self,
        env: &'env Env,
        table: String,
        options: Object<'_>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session_in(env, &options)?;
        self.shared.tasks().promise(env, async move { session?.drop_table(&table).await.map(|()| Nothing) })
    }

    /// Appends the rows of one IPC stream in the place of those with the same primary keys.
    #[napi(
        ts_args_type = "table: string, ipc: Uint8Array, options: object",
        ts_return_type = "Promise<number | Failed>"
    )]
    pub fn put<'env>(
        &self,
        env: &'env Env,
        table: String,
        ipc: Uint8Array,
        options: Object<'_>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session_in(env, &options)?;
        self.shared.tasks().promise(env, async move {
            let (schema, rows) = ipc::decode(&ipc)?;
            session?.put(&table, schema, rows).await.map(|rows| rows as f64)
        })
    }

    /// Deletes the rows with the primary keys of one IPC stream.
    #[napi(
        ts_args_type = "table: string, keys: Uint8Array, options: object",
        ts_return_type = "Promise<number | Failed>"
    )]
    pub fn delete_keys<'env>(
        &self,
        env: &'env Env,
        table: String,
        keys: Uint8Array,
        options: Object<'_>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session_in(env, &options)?;
        self.shared.tasks().promise(env, async move {
            let (_, keys) = ipc::decode(&keys)?;
            session?.delete(&table, keys).await.map(|rows| rows as f64)
        })
    }
}
