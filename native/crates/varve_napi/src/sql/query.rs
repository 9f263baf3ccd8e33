//! A statement under way: a task of the engine runs it and encodes batches, at most two ahead of the reader.
//!
//! Invariant: an answer that ends without an error is whole. The task says that it came to the end; a reader that finds no
//! more batches and no such word hears why.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use varve_types::{ErrorCode, VarveError};

use crate::sql::batches::Batches;
use crate::sql::behind::{Output, Progress};
use crate::sql::head::{Head, PACKED_ROWS_MAX};
use crate::sql::packed_row;
use crate::sql::piece::Piece;
use crate::sql::promise::Tasks;
#[cfg(feature = "sql")]
use crate::sql::slot::Slot;

type Answer<T> = Result<T, VarveError>;

/// Batches that wait for their reader.
const WAITING_MAX: usize = 2;
/// How long the head waits for the end of a small answer, which then comes with it.
const HEAD_WAITS: Duration = Duration::from_millis(2);

/// The progress of a query, once it has begun.
type Shown = Arc<Mutex<Option<Arc<Progress>>>>;

/// What the head and later calls of one query share with its task.
struct Channels {
    head: tokio::sync::Mutex<Option<oneshot::Receiver<Answer<Head>>>>,
    batches: tokio::sync::Mutex<mpsc::Receiver<Answer<Vec<u8>>>>,
    progress: Shown,
    end: Arc<OnceLock<End>>,
    /// Closes when the task is gone and has said its word.
    running: watch::Receiver<()>,
}

/// How a query came to its end.
#[derive(Clone, Copy)]
enum End {
    /// Everything was handed over, an error last if there was one.
    Whole,
    /// Its caller stopped it.
    Cancelled,
    /// It panicked.
    Defect,
}

/// Why there is no more; `Ok` when there was no more.
async fn rest_of(channels: &Channels) -> Answer<()> {
    let mut running = channels.running.clone();
    while running.changed().await.is_ok() {}
    match channels.end.get() {
        Some(End::Whole) => Ok(()),
        Some(End::Cancelled) => Err(cancelled_error()),
        Some(End::Defect) => Err(VarveError::new(
            ErrorCode::EngineDefect,
            "a statement panicked",
            "please report the statement",
        )),
        // Its task is gone, or was told to go, because the database closed.
        None => Err(closed_error()),
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
    /// Answers, on a task of the engine.
    pub answer: BoxFuture<'static, Answer<Output>>,
    pub batch_rows: Option<usize>,
    pub tasks: Tasks,
    /// Becomes true when the database closes.
    pub closing: watch::Receiver<bool>,
}

/// A statement under way.
#[napi]
pub struct NativeQuery {
    work: Work,
    tasks: Tasks,
}

/// Who works on a statement.
enum Work {
    /// A task of the engine.
    Task { channels: Arc<Channels>, cancelled: watch::Sender<bool> },
    /// Nobody: what was to be done was done where it was asked. The answer comes when a commit is durable.
    #[cfg(feature = "sql")]
    Committing(Arc<Slot>),
}

impl NativeQuery {
    pub fn begin(start: Start) -> Self {
        let (head_sender, head) = oneshot::channel();
        let (batch_sender, batches) = mpsc::channel(WAITING_MAX);
        let (cancelled, stop) = watch::channel(false);
        let progress = Arc::new(Mutex::new(None));
        let tasks = start.tasks.clone();
        let closing = start.closing.clone();
        let shown = Arc::clone(&progress);
        let end = Arc::new(OnceLock::new());
        let ends = Arc::clone(&end);
        let (runs, running) = watch::channel(());
        tasks.handle().spawn(async move {
            // Says the end before the channels close, whose closing tells the reader to look for it.
            let work = run(start, head_sender, batch_sender, (shown, Arc::clone(&ends)));
            let panics = Arc::clone(&ends);
            let work = AssertUnwindSafe(work).catch_unwind().map(move |ended| {
                if ended.is_err() {
                    let _first_word_stands = panics.set(End::Defect);
                }
            });
            tokio::select! {
                biased;
                () = told(stop, || { let _first_word_stands = ends.set(End::Cancelled); }) => {}
                () = told(closing, || ()) => {}
                () = work => {}
            }
            drop(runs);
        });
        let head = tokio::sync::Mutex::new(Some(head));
        let channels = Channels { head, batches: tokio::sync::Mutex::new(batches), progress, end, running };
        Self { work: Work::Task { channels: Arc::new(channels), cancelled }, tasks }
    }

    /// A statement whose whole answer `slot` gets.
    #[cfg(feature = "sql")]
    pub fn committing(slot: Arc<Slot>, tasks: Tasks) -> Self {
        Self { work: Work::Committing(slot), tasks }
    }

    /// The channels of its task, and the flag that stops it.
    fn task(&self) -> Option<(&Arc<Channels>, &watch::Sender<bool>)> {
        match &self.work {
            Work::Task { channels, cancelled } => Some((channels, cancelled)),
            #[cfg(feature = "sql")]
            Work::Committing(_) => None,
        }
    }
}

#[napi]
impl NativeQuery {
    /// Resolves when the types of the answer are known, and of a statement that changes data when it is done. Once.
    #[napi(ts_return_type = "Promise<NativeHead | Failed>")]
    pub fn start<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let channels = match &self.work {
            Work::Task { channels, .. } => Arc::clone(channels),
            #[cfg(feature = "sql")]
            Work::Committing(slot) => return slot.promise(env, &self.tasks),
        };
        self.tasks.promise(env, async move {
            match channels.head.lock().await.take() {
                Some(head) => match head.await {
                    Ok(head) => head,
                    Err(_) => rest_of(&channels).await.and_then(|()| Err(closed_error())),
                },
                None => Err(started_error()),
            }
        })
    }

    /// The next record batch, with the dictionaries that come before it; null after the last. One call at a time.
    #[napi(ts_return_type = "Promise<Uint8Array | null | Failed>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let task = self.task().map(|(channels, cancelled)| (Arc::clone(channels), cancelled.subscribe()));
        self.tasks.promise(env, async move {
            let Some((channels, stopped)) = task else { return Ok(None) };
            if *stopped.borrow() {
                return Err(cancelled_error());
            }
            let batch = channels.batches.lock().await.recv().await.transpose()?;
            if *stopped.borrow() {
                return Err(cancelled_error());
            }
            match batch {
                Some(batch) => Ok(Some(Uint8Array::new(batch))),
                None => rest_of(&channels).await.map(|()| None),
            }
        })
    }

    /// Stops it and frees what it holds; whoever waits gets `QUERY_CANCELLED`. Afterwards, and at its end, a no-op.
    #[napi]
    pub fn cancel(&self) {
        if let Some((_, cancelled)) = self.task() {
            cancelled.send_replace(true);
        }
    }

    /// Whether all that is left of it is that a commit becomes durable.
    #[napi]
    pub fn is_committing(&self) -> bool {
        match &self.work {
            Work::Task { .. } => false,
            #[cfg(feature = "sql")]
            Work::Committing(slot) => slot.is_open(),
        }
    }

    /// How far it has come.
    #[napi]
    pub fn progress(&self) -> NativeProgress {
        let progress = self.task().and_then(|(channels, _)| channels.progress.lock().clone());
        let of =
            |read: fn(&Progress) -> u64| progress.as_deref().map_or(0.0, |progress| read(progress) as f64);
        NativeProgress {
            rows_scanned: of(Progress::rows_scanned),
            rows_total: of(Progress::rows_total),
            bytes_scanned: of(Progress::bytes_scanned),
        }
    }
}

/// Waits until a flag is set, and says so; waits for ever when whoever could set it is gone.
async fn told(mut flag: watch::Receiver<bool>, say: impl FnOnce()) {
    if flag.wait_for(|is_set| *is_set).await.is_err() {
        std::future::pending::<()>().await;
    }
    say();
}

async fn run(
    start: Start,
    head: oneshot::Sender<Answer<Head>>,
    batches: mpsc::Sender<Answer<Vec<u8>>>,
    (progress, end): (Shown, Arc<OnceLock<End>>),
) {
    let rows_max = start.batch_rows;
    let begun = match start.answer.await {
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
    let is_heard = head.send(Ok(first)).is_ok();
    if is_heard && !is_whole {
        forward(&mut rest, &batches).await;
    }
    let _first_word_stands = end.set(End::Whole);
}

/// Hands batches over until they end, one is an error, or nobody reads them.
async fn forward(rest: &mut Batches, batches: &mpsc::Sender<Answer<Vec<u8>>>) {
    while let Some(batch) = rest.next().await.transpose() {
        let is_last = batch.is_err();
        if batches.send(batch).await.is_err() || is_last {
            return;
        }
    }
}

/// The head, with the whole answer in it when that comes soon and is one batch.
async fn begin(output: Output, rows_max: Option<usize>) -> Answer<(Head, Batches)> {
    let rows_affected = output.rows_affected.map(|rows| rows as f64);
    let mut rest = Batches::new(output, rows_max)?;
    let schema = Piece(rest.schema());
    let mut head = Head { schema, rows_affected, first: None, packed: None, is_whole: false };
    let until = Instant::now() + HEAD_WAITS;
    let Ok(first) = timeout_at(until, rest.next_batch()).await else { return Ok((head, rest)) };
    let Some(first) = first? else {
        head.is_whole = true;
        return Ok((head, rest));
    };
    head.first = Some(Piece(rest.encode(&first)?));
    head.is_whole = timeout_at(until, rest.is_end()).await.is_ok_and(|is_end| is_end);
    if head.is_whole && first.num_rows() <= PACKED_ROWS_MAX {
        head.packed = Some(Piece(packed_row::pack_all(&first)?));
    }
    Ok((head, rest))
}

pub fn started_error() -> VarveError {
    VarveError::new(ErrorCode::ArgumentInvalid, "the query was started already", "")
}

fn cancelled_error() -> VarveError {
    VarveError::new(ErrorCode::QueryCancelled, "the query was cancelled", "")
}

fn closed_error() -> VarveError {
    VarveError::new(
        ErrorCode::StoreClosed,
        "the database was closed before the answer had come to its end",
        "read answers to their end, then close it",
    )
}
