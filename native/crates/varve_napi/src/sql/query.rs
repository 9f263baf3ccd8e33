//! A statement under way: a task of the engine runs it and encodes batches, at most two ahead of the reader.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue, Uint8Array, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use varve_sql::{Output, Params, Progress, Session, number_names};
use varve_types::{ErrorCode, VarveError};

use crate::sql::ipc::Encoder;
use crate::sql::params::Given;
use crate::sql::promise::promise_on;

type Answer<T> = Result<T, VarveError>;

/// Batches that wait for their reader.
const WAITING_MAX: usize = 2;
/// How long the head waits for the end of a small answer, which then comes with it.
const HEAD_WAITS: Duration = Duration::from_millis(2);

/// What the head and later calls of one query share with its task.
struct Channels {
    head: tokio::sync::Mutex<Option<oneshot::Receiver<Answer<Head>>>>,
    batches: tokio::sync::Mutex<mpsc::Receiver<Answer<Vec<u8>>>>,
    progress: Arc<Mutex<Option<Arc<Progress>>>>,
}

/// The beginning of an answer.
#[napi(object, object_from_js = false)]
pub struct NativeHead {
    /// The schema message.
    pub schema: Uint8Array,
    /// Absent for a statement that only reads.
    pub rows_affected: Option<f64>,
    /// The first batches, when they were there already.
    pub first: Option<Uint8Array>,
    /// Nothing comes after `first`.
    pub is_whole: bool,
}

struct Head {
    schema: Vec<u8>,
    rows_affected: Option<u64>,
    first: Option<Vec<u8>>,
    is_whole: bool,
}

impl ToNapiValue for Head {
    unsafe fn to_napi_value(env: sys::napi_env, head: Self) -> napi::Result<sys::napi_value> {
        let head = NativeHead {
            schema: Uint8Array::new(head.schema),
            rows_affected: head.rows_affected.map(|rows| rows as f64),
            first: head.first.map(Uint8Array::new),
            is_whole: head.is_whole,
        };
        // SAFETY: the caller vouches for `env`.
        unsafe { NativeHead::to_napi_value(env, head) }
    }
}

/// How far a statement has come.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    /// Rows that were looked at or skipped.
    pub rows_scanned: f64,
    /// Rows that the scans that have begun will look at.
    pub rows_total: f64,
    /// Bytes that were read, in memory form.
    pub bytes_scanned: f64,
}

/// What a query runs with.
pub struct Start {
    pub session: Answer<Session>,
    pub sql: String,
    pub given: Given,
    pub batch_rows: Option<usize>,
    pub handle: Handle,
    /// Becomes true when the database closes.
    pub closing: watch::Receiver<bool>,
}

/// A statement under way.
#[napi]
pub struct NativeQuery {
    channels: Arc<Channels>,
    cancelled: watch::Sender<bool>,
    handle: Handle,
}

impl NativeQuery {
    pub fn begin(start: Start) -> Self {
        let (head_sender, head) = oneshot::channel();
        let (batch_sender, batches) = mpsc::channel(WAITING_MAX);
        let (cancelled, stop) = watch::channel(false);
        let progress = Arc::new(Mutex::new(None));
        let handle = start.handle.clone();
        let closing = start.closing.clone();
        let shown = Arc::clone(&progress);
        handle.spawn(async move {
            let failures = batch_sender.clone();
            let work = run(start, head_sender, batch_sender, shown);
            tokio::select! {
                biased;
                () = told(stop) => {}
                () = told(closing) => {}
                () = work => return,
            }
            // A reader that waits hears of it; one that is ahead has room for nothing more, and finds the end.
            let _nobody_waits = failures.try_send(Err(cancelled_error()));
        });
        let head = tokio::sync::Mutex::new(Some(head));
        let channels = Channels { head, batches: tokio::sync::Mutex::new(batches), progress };
        Self { channels: Arc::new(channels), cancelled, handle }
    }
}

#[napi]
impl NativeQuery {
    /// Resolves when the types of the answer are known, and of a statement that changes data when it is done. Once.
    #[napi(ts_return_type = "Promise<NativeHead | Failed>")]
    pub fn start<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let channels = Arc::clone(&self.channels);
        promise_on(env, &self.handle, async move {
            match channels.head.lock().await.take() {
                Some(head) => head.await.unwrap_or_else(|_| Err(cancelled_error())),
                None => Err(VarveError::new(ErrorCode::ArgumentInvalid, "the query was started already", "")),
            }
        })
    }

    /// The next record batch, with the dictionaries that come before it; null after the last. One call at a time.
    #[napi(ts_return_type = "Promise<Uint8Array | null | Failed>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let channels = Arc::clone(&self.channels);
        let stopped = self.cancelled.subscribe();
        promise_on(env, &self.handle, async move {
            if *stopped.borrow() {
                return Err(cancelled_error());
            }
            let batch = channels.batches.lock().await.recv().await.transpose()?;
            if *stopped.borrow() {
                return Err(cancelled_error());
            }
            Ok(batch.map(Uint8Array::new))
        })
    }

    /// Stops it and frees what it holds; whoever waits gets `QUERY_CANCELLED`. Afterwards, and at its end, a no-op.
    #[napi]
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// How far it has come.
    #[napi]
    pub fn progress(&self) -> NativeProgress {
        let progress = self.channels.progress.lock();
        let of =
            |read: fn(&Progress) -> u64| progress.as_deref().map_or(0.0, |progress| read(progress) as f64);
        NativeProgress {
            rows_scanned: of(Progress::rows_scanned),
            rows_total: of(Progress::rows_total),
            bytes_scanned: of(Progress::bytes_scanned),
        }
    }
}

/// Waits until a flag is set; for ever when whoever could set it is gone.
async fn told(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|is_set| *is_set).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn run(
    start: Start,
    head: oneshot::Sender<Answer<Head>>,
    batches: mpsc::Sender<Answer<Vec<u8>>>,
    progress: Arc<Mutex<Option<Arc<Progress>>>>,
) {
    let rows_max = start.batch_rows.unwrap_or(usize::MAX).max(1);
    let begun = match open(start).await {
        Ok(output) => {
            *progress.lock() = Some(Arc::clone(&output.progress));
            begin(output, rows_max).await
        }
        Err(error) => Err(error),
    };
    let (first, mut rest) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let _nobody_waits = head.send(Err(error));
            return;
        }
    };
    let is_whole = first.is_whole;
    if head.send(Ok(first)).is_err() || is_whole {
        return;
    }
    while let Some(batch) = rest.next().await.transpose() {
        let is_last = batch.is_err();
        if batches.send(batch).await.is_err() || is_last {
            return;
        }
    }
}

async fn open(start: Start) -> Answer<Output> {
    let session = start.session?;
    let sql = match &start.given.names {
        Some(names) => number_names(&start.sql, names)?,
        None => start.sql,
    };
    session.execute(&sql, start.given.values.into_iter().collect::<Params>()).await
}

/// The head, with the whole answer in it when that comes soon and is one batch.
async fn begin(output: Output, rows_max: usize) -> Answer<(Head, Rest)> {
    let encoder = Encoder::new(&output.schema)?;
    let mut head =
        Head { schema: encoder.schema(), rows_affected: output.rows_affected, first: None, is_whole: false };
    let mut rest = Rest { output, encoder, rows_max, left: None };
    let until = Instant::now() + HEAD_WAITS;
    let Ok(first) = timeout_at(until, rest.next()).await else { return Ok((head, rest)) };
    head.first = first?;
    head.is_whole = match head.first {
        None => true,
        Some(_) => rest.left.is_none() && timeout_at(until, rest.peek()).await.is_ok_and(|is_end| is_end),
    };
    Ok((head, rest))
}

/// What is still to come of an answer.
struct Rest {
    output: Output,
    encoder: Encoder,
    rows_max: usize,
    /// A batch, or a part of one, that was taken and not sent.
    left: Option<Answer<arrow_array::RecordBatch>>,
}

impl Rest {
    async fn next(&mut self) -> Answer<Option<Vec<u8>>> {
        loop {
            let batch = match self.left.take() {
                Some(batch) => batch?,
                None => match self.output.next().await {
                    Some(batch) => batch?,
                    None => return Ok(None),
                },
            };
            let rows = batch.num_rows();
            if rows == 0 {
                continue;
            }
            if rows > self.rows_max {
                self.left = Some(Ok(batch.slice(self.rows_max, rows - self.rows_max)));
            }
            return self.encoder.encode(&batch.slice(0, rows.min(self.rows_max))).map(Some);
        }
    }

    /// Whether nothing comes any more.
    async fn peek(&mut self) -> bool {
        self.left = self.output.next().await;
        self.left.is_none()
    }
}

fn cancelled_error() -> VarveError {
    VarveError::new(ErrorCode::QueryCancelled, "the query was cancelled", "")
}
