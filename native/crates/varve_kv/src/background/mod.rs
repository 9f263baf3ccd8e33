//! Decides when segments are made: flushes before merges, one step at a time.
//!
//! `build` makes the segments, `install` makes them live, `merge_policy` says which go together.
//!
//! Invariants
//! 1. One step at a time (the `background` lock); flushes come before merges, and a merge runs in small
//!    steps so that a flush never waits long for it.
//! 2. Nothing is live before its file is synced and verified, and the catalogue that names it durable.
//! 3. Input files are removed only after that commit. A file whose commit is in doubt stays, because the
//!    catalogue on disk may name it; the next open removes it if not.
//! 4. Readers are never waited for and never wait.

mod build;
mod install;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use varve_types::Result;

use crate::error::Failure;
use crate::event::Job;
use crate::inner::{Inner, State};
use crate::segment::Segment;
use crate::version::Version;
use crate::{Event, merge_policy};
use build::{Build, Unfolded};
pub use install::{Install, entry_of};

/// The running merge, if any.
#[derive(Default)]
pub struct Background {
    merge: Option<Build>,
}

impl Inner {
    /// The background thread: works until the store closes.
    pub fn run_background(&self) {
        lower_priority();
        loop {
            if self.closing.load(Ordering::Acquire) {
                return self.abandon();
            }
            let idle = self.state.lock().failed.is_some();
            if !idle && self.background_step_reporting() {
                continue;
            }
            let mut state = self.state.lock();
            if self.closing.load(Ordering::Acquire) {
                continue;
            }
            if state.retired.is_empty() && (state.failed.is_some() || !self.has_work(&state)) {
                self.work.wait(&mut state);
            } else if state.failed.is_some() || !self.has_work(&state) {
                let _timeout = self.work.wait_for(&mut state, Duration::from_millis(200));
            }
        }
    }

    fn has_work(&self, state: &State) -> bool {
        if state.pending.is_some() || self.poison.get().is_some() {
            return false;
        }
        let version = self.version.load();
        !version.frozen.is_empty()
            || state.compact_below.is_some()
            || merge_policy::plan(&version.levels, self.settings.segment_bytes).is_some()
    }

    /// One step; a failure is kept for whoever waits and told as an event.
    fn background_step_reporting(&self) -> bool {
        match self.background_step() {
            Ok(worked) => worked,
            Err(error) => {
                let mut state = self.state.lock();
                state.failed = Some(Failure::of(&error));
                state.compact_below = None;
                self.progress.notify_all();
                drop(state);
                self.tell(Event::BackgroundFailed { job: Job::Flush, error });
                false
            }
        }
    }

    /// Does one flush, or one chunk of a merge; false when there is nothing to do.
    pub fn background_step(&self) -> Result<bool> {
        let mut background = self.background.lock();
        self.work_on(&mut background).inspect_err(|error| self.poison_after(error))
    }

    fn work_on(&self, background: &mut Background) -> Result<bool> {
        self.drop_retired();
        if self.state.lock().pending.is_some() || self.poison.get().is_some() {
            return Ok(false);
        }
        let version = self.version.load_full();
        if let Some((unfolded, inputs)) = self.plan_flush(&version, background.merge.as_ref()) {
            let mut build = self.begin(Some(unfolded), inputs, &version)?;
            while !self.advance(&mut build).inspect_err(|_| self.discard(&build))? {}
            self.install(build.result)?;
            return Ok(true);
        }
        let running = background.merge.take();
        let Some(mut build) = running.map_or_else(|| self.plan_merge(&version), |build| Ok(Some(build)))?
        else {
            return Ok(false);
        };
        match self.advance(&mut build).inspect_err(|_| self.discard(&build))? {
            true => self.install(build.result)?,
            false => background.merge = Some(build),
        }
        Ok(true)
    }

    /// The oldest memtable to flush, and the older segments that the flush takes in. `None` when there is none or it has
    /// to wait: for the running merge of one of them, or for a merge that comes first.
    fn plan_flush(&self, version: &Version, merge: Option<&Build>) -> Option<(Unfolded, Vec<Arc<Segment>>)> {
        let memtable = version.frozen.last()?;
        let unfolded = Unfolded::of(memtable, self.folded.load(Ordering::Acquire));
        let inputs = merge_policy::fold(&version.levels, &unfolded.rectangle)?;
        let is_busy = |input: &Arc<Segment>| {
            merge.is_some_and(|build| build.result.inputs.iter().any(|other| other.id() == input.id()))
        };
        (!inputs.iter().any(is_busy)).then_some((unfolded, inputs))
    }

    fn plan_merge(&self, version: &Version) -> Result<Option<Build>> {
        let (levels, segment_bytes) = (&version.levels, self.settings.segment_bytes);
        let mut state = self.state.lock();
        let compaction = state.compact_below.and_then(|below| {
            let rebuild_below = state.rebuild_below;
            let due = |segment: &Arc<Segment>| segment.id() < below;
            let unfit =
                |segment: &Arc<Segment>| segment.footer().tombstones > 0 || segment.id() < rebuild_below;
            merge_policy::compaction(levels, segment_bytes, due, unfit)
        });
        if compaction.is_none() && state.compact_below.take().is_some() {
            self.progress.notify_all();
        }
        drop(state);
        let inputs = compaction.or_else(|| merge_policy::plan(levels, segment_bytes));
        inputs.map(|inputs| self.begin(None, inputs, version)).transpose()
    }

    /// Drops replaced segments that no reader holds any more, here instead of on a reader's path.
    fn drop_retired(&self) {
        let mut unused = Vec::new();
        let mut state = self.state.lock();
        state.retired.retain(|segment| {
            let held = Arc::strong_count(segment) > 1;
            if !held {
                unused.push(segment.clone());
            }
            held
        });
        drop(state);
        unused.iter().for_each(|segment| segment.map().release());
    }

    /// Closing: the running merge is given up; its inputs are live, so nothing is lost.
    fn abandon(&self) {
        if let Some(build) = self.background.lock().merge.take() {
            self.discard(&build);
        }
        self.drop_retired();
    }
}

/// Background work yields to everything else.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    // SAFETY: plain system calls on the calling thread; a failure leaves the priority as it is.
    unsafe {
        let thread = libc::syscall(libc::SYS_gettid) as libc::id_t;
        libc::setpriority(libc::PRIO_PROCESS, thread, 10);
    }
}
