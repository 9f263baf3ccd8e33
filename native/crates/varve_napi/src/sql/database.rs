//! The database: opened on a thread of its own, then everything runs on the engine's runtime.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::{FutureExt, stream};
use napi::Env;
use napi::bindgen_prelude::{JsValue, Object, ToNapiValue, Uint8Array, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use tokio::sync::watch;
use varve_types::{ErrorCode, VarveError};

use crate::outcome::{Nothing, Outcome};
use crate::sql::append::NativeAppender;
use crate::sql::behind::{self, Engine, Output, Session, TableShape};
use crate::sql::ipc;
use crate::sql::params::{instance, property};
use crate::sql::point::Bound;
use crate::sql::promise::{Tasks, Way};
use crate::sql::query::{NativeQuery, Start};
use crate::sql::transaction::{NativeSqlSnapshot, NativeTransaction, Open};
use crate::work::promise_of;

/// How long closing waits for statements that were told to stop.
const CLOSE_WAITS: Duration = Duration::from_secs(10);

/// How a database is opened; what is absent has the engine's default.
#[napi(object, object_to_js = false)]
pub struct NativeOptions {
    /// Refuses whatever changes the database.
    pub read_only: Option<bool>,
    /// Creates the directory and the database when there is none.
    pub create_if_missing: Option<bool>,
    /// Fails with `STORE_EXISTS` when there is one.
    pub error_if_exists: Option<bool>,
    /// Limit of the memory pool of queries.
    pub memory_bytes: Option<f64>,
    /// Threads of the engine's own pool.
    pub threads: Option<u32>,
    /// Where queries spill.
    pub spill_directory: Option<String>,
    /// Lays tables out anew in the background when that pays.
    pub adapt: Option<bool>,
    /// Folders that SQL may read and write files in.
    pub allowed_folders: Option<Vec<String>>,
}

/// Opens a directory; one process owns it until `close`.
#[napi(ts_return_type = "Promise<NativeDatabase | Failed>")]
pub fn open_database<'env>(
    env: &'env Env,
    directory: String,
    options: NativeOptions,
) -> napi::Result<Object<'env>> {
    let way = Way::new(env)?;
    promise_of(env, "varve-sql-open", move || {
        let engine = behind::open(PathBuf::from(directory), options)?;
        let tasks = Tasks::new(engine.handle().clone(), way);
        let shared = Shared {
            engine: Mutex::new(Some(engine)),
            closing: watch::Sender::new(false),
            transactions: Mutex::default(),
            tasks,
        };
        Ok(NativeDatabase { shared: Arc::new(shared) })
    })
}

/// Where a statement runs, and how its answer comes.
pub struct Place {
    pub session: Result<Session, VarveError>,
    /// Rows that a batch has at most, if the caller said so.
    pub batch_rows: Option<usize>,
}

pub struct Shared {
    engine: Mutex<Option<Engine>>,
    closing: watch::Sender<bool>,
    transactions: Mutex<Vec<Weak<Mutex<Option<Session>>>>>,
    tasks: Tasks,
}

impl Shared {
    pub fn engine(&self) -> Result<Engine, VarveError> {
        self.engine.lock().clone().ok_or_else(closed)
    }

    pub fn session(&self, transaction: Option<&NativeTransaction>) -> Result<Session, VarveError> {
        let engine = self.engine()?;
        transaction.map_or_else(|| Ok(behind::session(&engine)), NativeTransaction::session)
    }

    /// Where a statement runs, as `options` say.
    ///
    /// # Safety
    /// `env` and `options` are valid for this call, on the JavaScript thread.
    pub unsafe fn place(&self, env: sys::napi_env, options: sys::napi_value) -> napi::Result<Place> {
        // SAFETY: the caller vouches for both.
        let (transaction, snapshot, batch_rows) = unsafe {
            let batch_rows = property(env, options, c"batchRows")?;
            let batch_rows = batch_rows
                .map(|rows| <u32 as napi::bindgen_prelude::FromNapiValue>::from_napi_value(env, rows));
            (
                instance::<NativeTransaction>(env, options, c"transaction")?,
                instance::<NativeSqlSnapshot>(env, options, c"snapshot")?,
                batch_rows.transpose()?.map(|rows| rows as usize),
            )
        };
        let session = match snapshot.as_deref() {
            None => self.session(transaction.as_deref()),
            Some(NativeSqlSnapshot { version: Some(version) }) => {
                self.engine().map(|engine| behind::session_at(&engine, version))
            }
            Some(_) => Err(VarveError::new(ErrorCode::StoreClosed, "the snapshot was released", "")),
        };
        Ok(Place { session, batch_rows })
    }

    /// Starts what `answer` makes of the session.
    pub fn start<F>(
        &self,
        Place { session, batch_rows }: Place,
        answer: impl FnOnce(Session) -> F + Send + 'static,
    ) -> NativeQuery
    where
        F: Future<Output = Result<Output, VarveError>> + Send + 'static,
    {
        let answer = async move { answer(session?).await }.boxed();
        let closing = self.closing.subscribe();
        NativeQuery::begin(Start { answer, batch_rows, tasks: self.tasks.clone(), closing })
    }

    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Tells when the database closes.
    #[cfg(feature = "sql")]
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

/// An open database.
#[napi]
pub struct NativeDatabase {
    pub(crate) shared: Arc<Shared>,
}

#[napi]
impl NativeDatabase {
    /// Begins a transaction.
    #[napi(ts_return_type = "Promise<NativeTransaction | Failed>")]
    pub fn begin<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.promise(env, async move {
            let session = behind::session(&shared.engine()?);
            session.begin().await?;
            let open: Open = Arc::new(Mutex::new(Some(session)));
            let mut known = shared.transactions.lock();
            known.retain(|open| open.strong_count() > 0);
            known.push(Arc::downgrade(&open));
            Ok(NativeTransaction { open, tasks: shared.tasks.clone() })
        })
    }

    /// A view of this moment.
    #[napi(ts_return_type = "NativeSqlSnapshot | Failed")]
    pub fn snapshot(&self) -> Outcome<NativeSqlSnapshot> {
        Outcome::of(|| {
            let version = self.shared.engine()?.database()?.snapshot();
            Ok(NativeSqlSnapshot { version: Some(version) })
        })
    }

    /// Appends the rows of one IPC stream, all or none.
    #[napi(
        ts_args_type = "table: string, ipc: Uint8Array, options: object",
        ts_return_type = "Promise<number | Failed>"
    )]
    pub fn append<'env>(
        &self,
        env: &'env Env,
        table: String,
        ipc: Uint8Array,
        options: Object<'_>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session_in(env, &options)?;
        self.shared.tasks.promise(env, async move {
            let session = session?;
            let (schema, rows) = ipc::decode(&ipc)?;
            let rows = stream::iter(rows.into_iter().map(Ok));
            session.append(&table, schema, rows).await.map(|rows| rows as f64)
        })
    }

    /// Begins an append whose rows come in pieces, all or none.
    #[napi(ts_args_type = "table: string, options: object")]
    pub fn appender(&self, env: &Env, table: String, options: Object<'_>) -> napi::Result<NativeAppender> {
        let session = self.session_in(env, &options)?;
        Ok(NativeAppender::begin(session, table, self.shared.closing.subscribe(), &self.shared.tasks))
    }

    /// All tables and views, by schema and name.
    #[napi(ts_return_type = "Promise<NativeTable[] | Failed>")]
    pub fn tables<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let session = self.shared.session(None);
        self.shared.tasks.promise(env, async move {
            session?.tables().await?.iter().map(Shape::of).collect::<Result<Vec<_>, _>>()
        })
    }

    /// One table, by its name as SQL writes it; null when there is none.
    #[napi(
        ts_args_type = "table: string, options: object",
        ts_return_type = "Promise<NativeTable | null | Failed>"
    )]
    pub fn describe<'env>(
        &self,
        env: &'env Env,
        table: String,
        options: Object<'_>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session_in(env, &options)?;
        self.shared
            .tasks
            .promise(env, async move { session?.describe(&table).await?.as_ref().map(Shape::of).transpose() })
    }

    /// Binds point reads to a table.
    #[napi(
        ts_args_type = "table: string, key: Uint8Array, row: Uint8Array",
        ts_return_type = "NativePointReader | Failed"
    )]
    pub fn point_reader(&self, table: String, key: Object<'_>, row: Object<'_>) -> Outcome<Bound> {
        Outcome::of(|| Bound::new(&self.shared, &table, (key.raw(), row.raw())))
    }

    /// Cancels queries, rolls back, lets go of the directory.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let shared = Arc::clone(&self.shared);
        promise_of(env, "varve-sql-close", move || {
            let Some(engine) = shared.engine.lock().take() else { return Ok(Nothing) };
            shared.closing.send_replace(true);
            engine.interrupt();
            for open in shared.transactions.lock().drain(..).filter_map(|open| open.upgrade()) {
                open.lock().take();
            }
            let begun = Instant::now();
            while engine.users() > 1 && begun.elapsed() < CLOSE_WAITS {
                sleep(Duration::from_millis(1));
            }
            let is_free = engine.users() == 1;
            engine.close();
            if is_free {
                return Ok(Nothing);
            }
            Err(VarveError::new(
                ErrorCode::EngineDefect,
                format!("a statement did not stop within {} s of closing", CLOSE_WAITS.as_secs()),
                "the directory is free when it ends; please report the statement",
            ))
        })
    }
}

impl NativeDatabase {
    /// The session of the transaction that `options` name, or one of its own.
    pub(crate) fn session_in(
        &self,
        env: &Env,
        options: &Object<'_>,
    ) -> napi::Result<Result<Session, VarveError>> {
        // SAFETY: the handles are valid for this call, which runs on the JavaScript thread.
        let transaction = unsafe { instance::<NativeTransaction>(env.raw(), options.raw(), c"transaction")? };
        Ok(self.shared.session(transaction.as_deref()))
    }
}

/// A table or view.
#[napi(object, object_from_js = false)]
pub struct NativeTable {
    /// The SQL schema that it is in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// A view has no rows of its own.
    pub is_view: bool,
    /// The schema message of its columns.
    pub columns: Uint8Array,
    /// Places of the primary key's columns; empty without one.
    pub primary_key: Vec<u32>,
}

/// A table or view on its way to the JavaScript thread.
struct Shape {
    shape: TableShape,
    columns: Vec<u8>,
}

impl Shape {
    fn of(shape: &TableShape) -> Result<Self, VarveError> {
        Ok(Self { shape: shape.clone(), columns: ipc::schema_message(&shape.columns)? })
    }
}

impl ToNapiValue for Shape {
    unsafe fn to_napi_value(
        env: sys::napi_env,
        Self { shape, columns }: Self,
    ) -> napi::Result<sys::napi_value> {
        let table = NativeTable {
            schema: shape.schema,
            name: shape.name,
            is_view: shape.is_view,
            columns: Uint8Array::new(columns),
            primary_key: shape.primary_key.into_iter().map(|at| at as u32).collect(),
        };
        // SAFETY: the caller vouches for `env`.
        unsafe { NativeTable::to_napi_value(env, table) }
    }
}

pub fn closed() -> VarveError {
    VarveError::new(ErrorCode::StoreClosed, "the database is closed", "open it again")
}
