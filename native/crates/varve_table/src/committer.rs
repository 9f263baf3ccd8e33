//! Group commit: one thread owns the catalogue and makes everything durable that waits, with one sync.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvError, Sender, TryRecvError, unbounded};
use varve_types::{ErrorCode, Result, VarveError};

use crate::catalogue::{Catalogue, Commit};
use crate::change::Change;
use crate::stored_file::StoredFile;
use crate::version::Version;

/// So many commits share a sync at most; a bound on the size of one SQLite transaction.
const GROUP_MAX: usize = 256;

/// One commit often follows another, and a thread that sleeps takes some 50 us to wake up: so long it looks for the next
/// one before it sleeps, where there are other processors for those who work.
const WATCH: Duration = Duration::from_micros(100);

/// A commit that waits to become durable.
pub(crate) struct Job {
    pub changes: Vec<Change>,
    /// What the database holds after it.
    pub version: Arc<Version>,
    /// Files that it takes out of use.
    pub retired: Vec<Arc<StoredFile>>,
    /// Told when it is durable and readers see it.
    pub done: Done,
}

/// Who waits for a commit; told once, on the committing thread, whose time it must not take.
pub(crate) struct Done(Option<Box<dyn FnOnce(Result<()>) + Send>>);

impl Done {
    /// `tell` is called with the outcome.
    pub(crate) fn new(tell: impl FnOnce(Result<()>) + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    fn send(mut self, outcome: Result<()>) {
        if let Some(tell) = self.0.take() {
            tell(outcome);
        }
    }
}

impl Drop for Done {
    /// A commit that nobody took because the committing thread had ended.
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(Err(VarveError::new(ErrorCode::StoreClosed, "the database is closed", "")));
        }
    }
}

/// The way to the committing thread, which ends when this is dropped.
pub(crate) struct Committer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread. What is durable appears in `head`.
    pub(crate) fn start(
        catalogue: Catalogue,
        head: Arc<ArcSwap<Version>>,
        next_id: Arc<AtomicU64>,
    ) -> Result<Self> {
        let (jobs, waiting) = unbounded();
        let thread = std::thread::Builder::new()
            .name("varve-commit".into())
            .spawn(move || Loop { catalogue, head, next_id, failure: None }.run(&waiting))
            .map_err(|error| {
                VarveError::new(ErrorCode::StoreIo, "the committing thread cannot be started", "")
                    .caused_by(error)
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands a commit over; commits become durable in the order in which they are handed over.
    pub(crate) fn submit(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // When the thread is gone, `done` is dropped, and whoever waits learns it.
            let _gone = jobs.send(job);
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

struct Loop {
    catalogue: Catalogue,
    head: Arc<ArcSwap<Version>>,
    next_id: Arc<AtomicU64>,
    /// Why nothing is written any more.
    failure: Option<String>,
}

impl Loop {
    fn run(mut self, waiting: &Receiver<Job>) {
        let is_alone = std::thread::available_parallelism().is_ok_and(|count| count.get() == 1);
        let watch = if is_alone { Duration::ZERO } else { WATCH };
        while let Ok(first) = next(waiting, watch) {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(GROUP_MAX - 1));
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Vec<Job>) {
        if self.failure.is_none() {
            for file in group.iter().flat_map(|job| &job.changes).filter_map(added_file) {
                file.keep();
            }
            let commits: Vec<Commit<'_>> =
                group.iter().map(|job| Commit { seq: job.version.seq, changes: &job.changes }).collect();
            let written = self.catalogue.write(&commits, &self.next_id);
            drop(commits);
            match written {
                Ok(()) => return self.publish(group),
                Err(error) => {
                    self.failure = Some(error.to_string());
                    let mut group = group.into_iter();
                    if let Some(first) = group.next() {
                        first.done.send(Err(error));
                    }
                    return self.refuse(group);
                }
            }
        }
        self.refuse(group.into_iter());
    }

    fn publish(&self, group: Vec<Job>) {
        if let Some(last) = group.last() {
            self.head.store(Arc::clone(&last.version));
        }
        for Job { changes, version, retired, done } in group {
            for file in &retired {
                file.retire();
            }
            // Whoever is told may look whether the files are gone.
            drop((changes, version, retired));
            done.send(Ok(()));
        }
    }

    fn refuse(&self, jobs: impl Iterator<Item = Job>) {
        let why = self.failure.as_deref().unwrap_or_default();
        for job in jobs {
            job.done.send(Err(poisoned(why)));
        }
    }
}

/// The next job, which is looked for so long before the thread sleeps.
fn next(waiting: &Receiver<Job>, watch: Duration) -> std::result::Result<Job, RecvError> {
    let begun = Instant::now();
    while begun.elapsed() < watch {
        match waiting.try_recv() {
            Ok(job) => return Ok(job),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Err(TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
    waiting.recv()
}

fn added_file(change: &Change) -> Option<&Arc<StoredFile>> {
    match change {
        Change::AddSegment { segment, .. } => Some(segment.stored()),
        Change::AddKeyRun { run, .. } => Some(run.stored()),
        _ => None,
    }
}

/// After a failed commit nobody knows what is on disk.
fn poisoned(why: &str) -> VarveError {
    VarveError::new(
        ErrorCode::StorePoisoned,
        format!("an earlier commit failed, so nothing is written any more: {why}"),
        "close the database and open it again: what was acknowledged is there",
    )
}
