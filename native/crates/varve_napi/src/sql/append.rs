//! Appends whose rows come in pieces: a task of the engine takes them as they come, and commits them together.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use futures::{Stream, StreamExt, stream};
use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Nothing;
use crate::sql::behind::Session;
use crate::sql::ipc;
use crate::sql::promise::Tasks;

type Answer<T> = Result<T, VarveError>;
type Batch = arrow_array::RecordBatch;

/// Pieces that wait for the engine.
const WAITING_MAX: usize = 4;

/// What JavaScript hands over, decoded.
enum Piece {
    Rows(SchemaRef, Vec<Batch>),
    End,
}

/// An append whose rows come in pieces.
#[napi]
pub struct NativeAppender {
    pieces: Mutex<Option<mpsc::Sender<Piece>>>,
    done: Arc<tokio::sync::Mutex<Option<oneshot::Receiver<Answer<u64>>>>>,
    tasks: Tasks,
}

impl NativeAppender {
    /// Begins it; `closing` becomes true when the database closes.
    pub fn begin(
        session: Answer<Session>,
        table: String,
        mut closing: watch::Receiver<bool>,
        tasks: &Tasks,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING_MAX);
        let (ends, done) = oneshot::channel();
        tasks.handle().spawn(async move {
            let answer = tokio::select! {
                biased;
                Ok(_) = closing.wait_for(|is_set| *is_set) => Err(closed()),
                answer = run(session, &table, pieces) => answer,
            };
            let _nobody_waits = ends.send(answer);
        });
        let done = Arc::new(tokio::sync::Mutex::new(Some(done)));
        Self { pieces: Mutex::new(Some(sender)), done, tasks: tasks.clone() }
    }
}

#[napi]
impl NativeAppender {
    /// Hands over the rows of one IPC stream; all have the schema of the first. Resolves when there is room for more, with the
    /// reason when they were refused. One call at a time; the bytes are read before it returns.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn push<'env>(&self, env: &'env Env, ipc: Uint8Array) -> napi::Result<Object<'env>> {
        let pieces = self.pieces.lock().clone();
        let done = Arc::clone(&self.done);
        // Here, so that JavaScript can write the next piece over this one.
        let decoded = ipc::decode(&ipc);
        self.tasks.promise(env, async move {
            let (pieces, (schema, batches)) = (pieces.ok_or_else(ended)?, decoded?);
            if pieces.send(Piece::Rows(schema, batches)).await.is_ok() {
                return Ok(Nothing);
            }
            outcome(&done).await.and_then(|_| Err(ended()))
        })
    }

    /// Resolves when all rows are appended, with their number, or when none is.
    #[napi(ts_return_type = "Promise<number | Failed>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let pieces = self.pieces.lock().take();
        let done = Arc::clone(&self.done);
        self.tasks.promise(env, async move {
            // A task that is gone has its reason to tell.
            let _gone = pieces.ok_or_else(ended)?.send(Piece::End).await;
            outcome(&done).await.map(|rows| rows as f64)
        })
    }

    /// Resolves when nothing of it is left.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn cancel<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        drop(self.pieces.lock().take());
        let done = Arc::clone(&self.done);
        self.tasks.promise(env, async move {
            let _why_it_ended = outcome(&done).await;
            Ok(Nothing)
        })
    }
}

/// What the append came to; told once.
async fn outcome(done: &tokio::sync::Mutex<Option<oneshot::Receiver<Answer<u64>>>>) -> Answer<u64> {
    let done = done.lock().await.take().ok_or_else(ended)?;
    done.await.unwrap_or_else(|_| {
        Err(VarveError::new(ErrorCode::EngineDefect, "an append panicked", "please report the table"))
    })
}

async fn run(session: Answer<Session>, table: &str, mut pieces: mpsc::Receiver<Piece>) -> Answer<u64> {
    let session = session?;
    let (schema, first) = match pieces.recv().await {
        Some(Piece::Rows(schema, batches)) => (schema, batches),
        Some(Piece::End) => return Ok(0),
        None => return Err(given_up()),
    };
    let wanted = Arc::clone(&schema);
    let others = pieces_of(pieces).map(move |piece| {
        let (schema, batches) = piece?;
        if schema == wanted {
            return Ok(batches);
        }
        Err(VarveError::new(ErrorCode::ArgumentInvalid, "a piece has another schema than the first", ""))
    });
    let rows = stream::iter([Ok(first)]).chain(others).flat_map(|batches: Answer<Vec<Batch>>| {
        let (batches, error) = match batches {
            Ok(batches) => (batches, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        stream::iter(batches.into_iter().map(Ok).chain(error))
    });
    session.append(table, schema, rows).await
}

/// The pieces up to the end; an error when there is no end.
fn pieces_of(pieces: mpsc::Receiver<Piece>) -> impl Stream<Item = Answer<(SchemaRef, Vec<Batch>)>> {
    stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Piece::Rows(schema, batches)) => Some((Ok((schema, batches)), Some(pieces))),
            Some(Piece::End) => None,
            None => Some((Err(given_up()), None)),
        }
    })
}

fn given_up() -> VarveError {
    VarveError::new(ErrorCode::QueryCancelled, "the append was given up", "")
}

fn ended() -> VarveError {
    VarveError::new(ErrorCode::ArgumentInvalid, "the append has ended", "begin another one")
}

fn closed() -> VarveError {
    VarveError::new(ErrorCode::StoreClosed, "the database was closed before the append was done", "")
}
