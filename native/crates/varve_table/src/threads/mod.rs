//! The threads of an engine, and their end.

mod spread;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime};
use varve_types::{ErrorCode, Result, VarveError};

use spread::Spread;

/// Tasks that were told to end get so long.
const ENDING_MAX: Duration = Duration::from_secs(1);
/// How often one looks whether they have.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// Plans are recursed over, in frames of a few hundred bytes for each node above another. Pages that are not touched cost
/// nothing.
const STACK_BYTES: usize = 16 << 20;

/// How nice the threads are: where others want the same processor, they have about a quarter of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// Lets other threads of the process come first, above all the one that runs JavaScript: with as many threads of its own
/// rank as there are processors, its loop turns only once in several slices of time.
fn give_way() {
    #[cfg(target_os = "linux")]
    // SAFETY: it takes numbers only; 0 is the calling thread.
    let _stays_as_it_was = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
}

/// A runtime that does not wait for its threads when it is dropped, which is forbidden on a thread of another runtime.
pub struct Threads(Option<Runtime>);

impl Threads {
    /// Starts `count` threads of this name, one at least.
    ///
    /// # Errors
    /// `STORE_IO` when the system has none.
    pub fn start(name: &str, count: usize) -> Result<Self> {
        let begins = Arc::new(Spread::default());
        let ends = Arc::clone(&begins);
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(count.max(1))
            .thread_name(name)
            .thread_stack_size(STACK_BYTES)
            .on_thread_start(give_way)
            .on_thread_unpark(move || begins.begin())
            .on_thread_park(move || ends.end())
            .enable_time()
            .build()
            .map(|runtime| Self(Some(runtime)))
            .map_err(|error| {
                VarveError::new(ErrorCode::StoreIo, "threads cannot be started", "").caused_by(error)
            })
    }

    /// The way to them.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it is there until it is dropped").handle()
    }

    /// Waits until tasks that were told to end have ended. A task that is stopped with its runtime may be waiting for
    /// another that was stopped before; Vortex calls that a panic.
    /// Cost: blocks, a second at most; do not call it on a thread of a runtime.
    pub fn settle(&self) {
        let begun = Instant::now();
        while self.handle().metrics().num_alive_tasks() > 0 && begun.elapsed() < ENDING_MAX {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
