//! Work that writes files of a database.
//!
//! Whoever gives such work up does not wait for its end, but closing the database does: numbers of files that no commit
//! named are given out again by the next opening, and work that goes on then would remove a file that is not its own.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use varve_types::{ErrorCode, Result, VarveError};

use super::SegmentStore;

/// A running piece of work. Dropped before its end, it is told nothing: it ends by itself, and closing waits for it.
pub(crate) struct Writing<T: Send + 'static> {
    store: Arc<SegmentStore>,
    task: Option<JoinHandle<()>>,
    /// Not the task's own answer, so that one that nobody wants goes with the task.
    answer: oneshot::Receiver<Result<T>>,
}

impl<T: Send + 'static> Writing<T> {
    /// Starts `work` as a task.
    pub(crate) fn start(
        store: &Arc<SegmentStore>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Self {
        let (sender, answer) = oneshot::channel();
        let lock = store.lock();
        let task = tokio::spawn(async move {
            let _held = lock;
            let _unwanted = sender.send(work.await);
        });
        Self { store: Arc::clone(store), task: Some(task), answer }
    }

    /// Starts `work`, which blocks, on a thread for that.
    pub(crate) fn start_blocking(
        store: &Arc<SegmentStore>,
        work: impl FnOnce(&Arc<SegmentStore>) -> Result<T> + Send + 'static,
    ) -> Self {
        let (sender, answer) = oneshot::channel();
        let (own, lock) = (Arc::clone(store), store.lock());
        let task = tokio::task::spawn_blocking(move || {
            let _held = lock;
            let _unwanted = sender.send(work(&own));
        });
        Self { store: Arc::clone(store), task: Some(task), answer }
    }

    /// What it came to; its panic goes on here.
    ///
    /// # Errors
    /// Its own; `QUERY_CANCELLED` when its threads ended before it.
    pub(crate) async fn end(mut self) -> Result<T> {
        let ended = (&mut self.answer).await;
        let task = self.task.take();
        match (ended, task) {
            (Ok(answer), _) => answer,
            (Err(_), Some(task)) => Err(task.await.map_or_else(unfinished, |()| cancelled())),
            (Err(_), None) => Err(cancelled()),
        }
    }
}

impl<T: Send + 'static> Drop for Writing<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.store.abandon(task);
        }
    }
}

/// Why a task did not come to its end, as an error; its panic goes on here.
pub(crate) fn unfinished(error: JoinError) -> VarveError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => cancelled(),
    }
}

/// Nobody wants the work any more.
pub(crate) fn cancelled() -> VarveError {
    VarveError::new(ErrorCode::QueryCancelled, "writing was given up", "")
}
