//! SQL behind the face: statements.

use std::path::PathBuf;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{JsValue, Object, ToNapiValue, Uint8Array, sys};
use napi_derive::napi;
use varve_sql::{AtOnce, Options, Params, StatementShape, number_names};
use varve_table::Version;
use varve_types::VarveError;

use crate::outcome::Outcome;
use crate::sql::adaptation::Adapted;
use crate::sql::database::{NativeDatabase, NativeOptions, Place, Shared, closed};
use crate::sql::given::given;
use crate::sql::head::Head;
use crate::sql::ipc;
use crate::sql::query::NativeQuery;
use crate::sql::slot::Slot;

pub use varve_sql::{Engine, Output, Progress, Session, TableShape};

/// Opens the engine on a directory.
pub fn open(directory: PathBuf, options: NativeOptions) -> Result<Engine, VarveError> {
    super::blocks::keep();
    let mut ours = Options { directory: Some(directory), ..Options::default() };
    ours.database.read_only = options.read_only.unwrap_or(false);
    ours.database.create_if_missing = options.create_if_missing.unwrap_or(true);
    ours.database.error_if_exists = options.error_if_exists.unwrap_or(false);
    ours.database.adapt = options.adapt.unwrap_or(true);
    ours.memory_bytes = options.memory_bytes.map_or(ours.memory_bytes, |bytes| bytes as usize);
    ours.threads = options.threads.map_or(ours.threads, |threads| threads as usize);
    ours.spill_folder = options.spill_directory.map(PathBuf::from);
    ours.allowed_folders =
        options.allowed_folders.unwrap_or_default().into_iter().map(PathBuf::from).collect();
    Engine::open(&ours)
}

/// A session of one user.
pub fn session(engine: &Engine) -> Session {
    engine.session().without_control()
}

/// A session that sees the database as it was.
pub fn session_at(engine: &Engine, version: &Arc<Version>) -> Session {
    engine.session_at(Arc::clone(version)).without_control()
}

/// Starts a statement.
///
/// # Safety
/// `env`, `params` and `options` are valid for this call, on the JavaScript thread.
unsafe fn query(
    shared: &Shared,
    env: sys::napi_env,
    sql: String,
    params: sys::napi_value,
    options: sys::napi_value,
) -> napi::Result<Started> {
    // SAFETY: the caller vouches for all of them.
    let (given, place) = unsafe { (given(env, params)?, shared.place(env, options)?) };
    let params = given.values.into_iter().collect::<Params>();
    let Some(names) = given.names else {
        return Ok(match at_once(shared, &place, &sql, &params) {
            Some(started) => started,
            None => Started::Query(
                shared.start(place, async move |session| session.execute_here(&sql, &params).await),
            ),
        });
    };
    Ok(Started::Query(shared.start(place, async move |session| {
        session.execute_here(&number_names(&sql, &names)?, &params).await
    })))
}

/// A statement that was started.
pub enum Started {
    Query(NativeQuery),
    /// It is at its end already.
    Answer(Outcome<Head>),
}

impl ToNapiValue for Started {
    unsafe fn to_napi_value(env: sys::napi_env, started: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the caller vouches for `env`.
        unsafe {
            match started {
                Self::Query(query) => NativeQuery::to_napi_value(env, query),
                Self::Answer(answer) => Outcome::to_napi_value(env, answer),
            }
        }
    }
}

/// Does a statement here and now, if that takes no longer than to hand it to a task.
fn at_once(shared: &Shared, place: &Place, sql: &str, params: &Params) -> Option<Started> {
    let session = place.session.as_ref().ok().filter(|_| place.batch_rows.is_none())?;
    let slot = Arc::new(Slot::default());
    let told = Arc::clone(&slot);
    let inserted = move |outcome: Result<u64, VarveError>| told.set(outcome.and_then(Head::of_change));
    Some(match Outcome::of(|| Ok(session.at_once(sql, params, inserted))).0 {
        Ok(None) => return None,
        Ok(Some(AtOnce::Inserting)) => Started::Query(NativeQuery::committing(slot, shared.tasks().clone())),
        Ok(Some(AtOnce::Answered(rows))) => Started::Answer(Outcome::of(|| Head::of_batch(&rows?))),
        Err(defect) => Started::Answer(Outcome(Err(defect))),
    })
}

#[napi]
impl NativeDatabase {
    /// Starts a statement and returns at once, so that it can be cancelled from its first moment; or with its answer, if that
    /// is there by then.
    #[napi(
        ts_args_type = "sql: string, params: object, options: object",
        ts_return_type = "NativeQuery | NativeHead | Failed"
    )]
    pub fn query(
        &self,
        env: &Env,
        sql: String,
        params: Object<'_>,
        options: Object<'_>,
    ) -> napi::Result<Started> {
        // SAFETY: the handles are valid for this call, which runs on the JavaScript thread.
        unsafe { query(&self.shared, env.raw(), sql, params.raw(), options.raw()) }
    }

    /// Plans a statement once, to say what it takes and answers.
    #[napi(ts_return_type = "Promise<NativeStatement | Failed>")]
    pub fn prepare<'env>(&self, env: &'env Env, sql: String) -> napi::Result<Object<'env>> {
        let shared = Arc::clone(&self.shared);
        self.shared.tasks().promise(env, async move {
            let shape = shared.engine()?.session().shape(&sql).await?;
            NativeStatement::new(&shared, sql, &shape)
        })
    }

    /// Lays tables out for what was asked of them, as far as that pays; what was done.
    #[napi(ts_return_type = "Promise<NativeAdaptation[] | Failed>")]
    pub fn adapt<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let engine = self.shared.engine();
        let mut closing = self.shared.closing();
        self.shared.tasks().promise(env, async move {
            let engine = engine?;
            tokio::select! {
                done = engine.adapt() => done.map(|all| all.into_iter().map(Adapted).collect::<Vec<_>>()),
                _ = closing.wait_for(|is_closing| *is_closing) => Err(closed()),
            }
        })
    }

    /// The plan as JSON.
    #[napi(ts_return_type = "Promise<string | Failed>")]
    pub fn explain<'env>(&self, env: &'env Env, sql: String, analyze: bool) -> napi::Result<Object<'env>> {
        let session = self.shared.session(None);
        self.shared.tasks().promise(env, async move { session?.explain(&sql, analyze).await })
    }
}

/// A statement that was planned once.
#[napi]
pub struct NativeStatement {
    shared: Arc<Shared>,
    sql: String,
    parameter_count: u32,
    schema: Vec<u8>,
}

impl NativeStatement {
    fn new(shared: &Arc<Shared>, sql: String, shape: &StatementShape) -> Result<Self, VarveError> {
        Ok(Self {
            shared: Arc::clone(shared),
            sql,
            parameter_count: shape.parameters as u32,
            schema: ipc::schema_message(&shape.columns)?,
        })
    }
}

#[napi]
impl NativeStatement {
    /// How many parameters it has.
    #[napi(getter)]
    pub fn parameter_count(&self) -> u32 {
        self.parameter_count
    }

    /// The schema message of its answer.
    #[napi(getter)]
    pub fn schema(&self) -> Uint8Array {
        Uint8Array::new(self.schema.clone())
    }

    /// As `NativeDatabase.query`.
    #[napi(
        ts_args_type = "params: object, options: object",
        ts_return_type = "NativeQuery | NativeHead | Failed"
    )]
    pub fn query(&self, env: &Env, params: Object<'_>, options: Object<'_>) -> napi::Result<Started> {
        // SAFETY: the handles are valid for this call, which runs on the JavaScript thread.
        unsafe { query(&self.shared, env.raw(), self.sql.clone(), params.raw(), options.raw()) }
    }

    /// Closing again does nothing; queries that were started go on.
    #[napi]
    pub fn close(&self) {}
}
