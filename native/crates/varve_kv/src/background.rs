//! Flushes and merges: build aside, verify, then one catalogue commit.
//!
//! Invariants
//! 1. One step at a time (the `background` lock); flushes come before merges, and a merge runs in small
//!    steps so that a flush never waits long for it.
//! 2. Nothing is live before its file is synced and verified, and the catalogue that names it durable.
//! 3. Input files are removed only after that commit. A file whose commit is in doubt stays, because the
//!    catalogue on disk may name it; the next open removes it if not.
//! 4. Readers are never waited for and never wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use varve_types::Result;

use crate::catalogue::{Catalogue, SegmentEntry};
use crate::cursor::Merge;
use crate::error::{Failure, argument, failed_sync};
use crate::event::Job as JobKind;
use crate::inner::Inner;
use crate::limits::SEGMENTS_MAX;
use crate::memtable::Memtable;
use crate::segment::{SegIter, Segment, SegmentBuilder, SegmentPlan, Verification};
use crate::version::Version;
use crate::{Event, Threads, merge_policy, names};

/// Entries written, or runs verified × 32, in one step of a merge: a few milliseconds.
const STEP_ENTRIES: usize = 8192;

/// The running merge, if any.
#[derive(Default)]
pub struct Background {
    merge: Option<Build>,
}

/// A segment on its way.
struct Build {
    kind: JobKind,
    inputs: Vec<Arc<Segment>>,
    memtable: Option<Arc<Memtable>>,
    /// The oldest data is part of it: tombstones have nothing left to hide.
    drop_tombstones: bool,
    stage: Stage,
    done: u64,
    total: u64,
    started: Instant,
    path: Arc<std::path::Path>,
}

enum Stage {
    Writing(Box<Merge>, Box<SegmentBuilder>),
    Verifying(Box<Verification>),
    Done(Option<Arc<Segment>>),
}

/// A finished build that waits for its catalogue commit.
pub struct Install {
    kind: JobKind,
    segment: Option<Arc<Segment>>,
    inputs: Vec<Arc<Segment>>,
    memtable: Option<Arc<Memtable>>,
    started: Instant,
}

impl Install {
    /// What the commit changes in the catalogue.
    fn change(&self, catalogue: &mut Catalogue, durable: u64) {
        let at = catalogue
            .segments
            .iter()
            .position(|entry| self.inputs.iter().any(|input| input.id() == entry.id));
        catalogue.segments.retain(|entry| self.inputs.iter().all(|input| input.id() != entry.id));
        if let Some(segment) = &self.segment {
            catalogue.segments.insert(at.unwrap_or(0), entry_of(segment));
        }
        if let Some(memtable) = &self.memtable {
            catalogue.folded = catalogue.folded.max(memtable.last_sequence());
        }
        catalogue.durable = catalogue.durable.max(durable);
    }
}

/// The catalogue's line for a segment.
pub fn entry_of(segment: &Segment) -> SegmentEntry {
    let (key_min, key_max) = segment.key_range();
    let footer = segment.footer();
    SegmentEntry {
        id: segment.id(),
        bytes: segment.file_bytes(),
        entries: footer.entries,
        sequences: (footer.sequence_from, footer.sequence_to),
        key_min: key_min.to_vec(),
        key_max: key_max.to_vec(),
    }
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

    fn has_work(&self, state: &crate::inner::State) -> bool {
        if state.pending.is_some() || self.poison.get().is_some() {
            return false;
        }
        let version = self.version.load();
        let sizes: Vec<u64> = version.segments.iter().map(|segment| segment.file_bytes()).collect();
        !version.frozen.is_empty() || state.compact || merge_policy::plan(&sizes).is_some()
    }

    /// One step; a failure is kept for whoever waits and told as an event.
    fn background_step_reporting(&self) -> bool {
        match self.background_step() {
            Ok(worked) => worked,
            Err(error) => {
                let mut state = self.state.lock();
                state.failed = Some(Failure::of(&error));
                state.compact = false;
                self.progress.notify_all();
                drop(state);
                self.tell(Event::BackgroundFailed { job: JobKind::Flush, error });
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
        if let Some(memtable) = version.frozen.last()
            && let Some(inputs) = self.flush_inputs(&version, background.merge.as_ref())
        {
            let mut build = self.begin(JobKind::Flush, Some(memtable.clone()), inputs, &version)?;
            loop {
                match self.advance(&mut build) {
                    Ok(false) => {}
                    Ok(true) => break,
                    Err(error) => {
                        self.discard(&build);
                        return Err(error);
                    }
                }
            }
            self.install(build)?;
            return Ok(true);
        }
        if background.merge.is_none() {
            background.merge = self.plan_merge(&version)?;
        }
        let Some(build) = background.merge.as_mut() else { return Ok(false) };
        match self.advance(build) {
            Ok(false) => {}
            Ok(true) => {
                if let Some(build) = background.merge.take() {
                    self.install(build)?;
                }
            }
            Err(error) => {
                background.merge.take().inspect(|build| self.discard(build));
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Older segments that a flush takes in: none while there is room, else the newest one. `None`
    /// when that one is being merged: the flush has to wait for it.
    fn flush_inputs(&self, version: &Version, merge: Option<&Build>) -> Option<Vec<Arc<Segment>>> {
        if version.segments.len() < SEGMENTS_MAX {
            return Some(Vec::new());
        }
        let newest = version.segments.first()?;
        let busy = merge.is_some_and(|build| build.inputs.iter().any(|input| input.id() == newest.id()));
        (!busy).then(|| vec![newest.clone()])
    }

    fn plan_merge(&self, version: &Version) -> Result<Option<Build>> {
        let sizes: Vec<u64> = version.segments.iter().map(|segment| segment.file_bytes()).collect();
        let mut state = self.state.lock();
        let worth = |segment: &Arc<Segment>| segment.footer().tombstones > 0;
        let range = if state.compact {
            match sizes.len() {
                0 => None,
                1 => (state.policy_changed || version.segments.iter().any(worth)).then_some(0..=0),
                SEGMENTS_MAX.. => Some(1..=sizes.len() - 1),
                count => Some(0..=count - 1),
            }
        } else {
            merge_policy::plan(&sizes)
        };
        let Some(range) = range else {
            state.compact = false;
            self.progress.notify_all();
            return Ok(None);
        };
        if range == (0..=sizes.len() - 1) {
            state.policy_changed = false;
        }
        drop(state);
        let inputs = version.segments[range].to_vec();
        self.begin(JobKind::Merge, None, inputs, version).map(Some)
    }

    fn begin(
        &self,
        kind: JobKind,
        memtable: Option<Arc<Memtable>>,
        inputs: Vec<Arc<Segment>>,
        version: &Version,
    ) -> Result<Build> {
        let id = self.keeper.take_file_number();
        let path = names::segment(&self.dir, id);
        let older = inputs.iter().map(|input| input.footer().entries).sum::<u64>();
        let total = older + memtable.as_ref().map_or(0, |memtable| memtable.entries());
        let froms = inputs.iter().map(|input| input.footer().sequence_from);
        let tos = inputs.iter().map(|input| input.footer().sequence_to);
        let folded = self.folded.load(Ordering::Acquire);
        let last = memtable.as_ref().map(|memtable| memtable.last_sequence());
        let sequences = (froms.min().unwrap_or(folded + 1), tos.chain(last).max().unwrap_or(folded));
        let oldest = match (inputs.last(), version.segments.last()) {
            (Some(input), Some(oldest)) => input.id() == oldest.id(),
            (None, oldest) => oldest.is_none(),
            (Some(_), None) => false,
        };
        let plan = SegmentPlan {
            id,
            sequences,
            entries_max: total,
            filter_bits: self.settings.filter_bits,
            policy: self.state.lock().policy,
            has_clock: self.settings.threads == Threads::Own,
        };
        let mems = memtable.iter().map(|memtable| memtable.clone().iter(u64::MAX)).collect();
        let segs = inputs.iter().map(|input| SegIter::new(input.clone())).collect();
        let mut merge = Merge::of(mems, segs);
        merge.seek(&[])?;
        let builder = SegmentBuilder::create(&*self.files, path.clone(), plan)?;
        Ok(Build {
            kind,
            inputs,
            memtable,
            drop_tombstones: oldest,
            stage: Stage::Writing(Box::new(merge), Box::new(builder)),
            done: 0,
            total,
            started: Instant::now(),
            path,
        })
    }

    /// Works on a build for a few milliseconds; true when it is finished.
    fn advance(&self, build: &mut Build) -> Result<bool> {
        let stage = std::mem::replace(&mut build.stage, Stage::Done(None));
        build.stage = match stage {
            Stage::Writing(mut merge, mut builder) => {
                let mut more = true;
                for _ in 0..STEP_ENTRIES {
                    let Some((key, value)) = merge.entry()? else {
                        more = false;
                        break;
                    };
                    if value.is_some() || !build.drop_tombstones {
                        builder.add(key, value)?;
                    }
                    build.done += 1;
                    merge.step()?;
                }
                if more {
                    Stage::Writing(merge, builder)
                } else if builder.entries() == 0 {
                    Stage::Done(None)
                } else {
                    Stage::Verifying(Box::new(builder.finish(&*self.files)?))
                }
            }
            Stage::Verifying(mut verification) => match verification.step(&*self.files, STEP_ENTRIES / 32)? {
                true => Stage::Done(Some(verification.into_segment())),
                false => Stage::Verifying(verification),
            },
            done => done,
        };
        self.tell(Event::Progress { job: build.kind, done: build.done, total: build.total.max(build.done) });
        Ok(matches!(build.stage, Stage::Done(_)))
    }

    fn discard(&self, build: &Build) {
        // A file that cannot be removed is an orphan; the next open removes it.
        let _orphan = self.files.remove(&build.path);
    }

    fn install(&self, build: Build) -> Result<()> {
        let Stage::Done(segment) = build.stage else { return Ok(()) };
        if segment.is_some() {
            self.files.sync_dir(&self.dir).map_err(|error| failed_sync(&self.dir, error))?;
        } else {
            let _orphan = self.files.remove(&build.path);
        }
        let install = Install {
            kind: build.kind,
            segment,
            inputs: build.inputs,
            memtable: build.memtable,
            started: build.started,
        };
        if !self.settings.external {
            return self.commit_install(install);
        }
        let mut catalogue = self.keeper.get();
        install.change(&mut catalogue, 0);
        let folded_sequence = catalogue.folded;
        let mut state = self.state.lock();
        state.next_ticket += 1;
        let ticket = state.next_ticket;
        state.pending = Some((ticket, install));
        drop(state);
        self.tell(Event::Fold { ticket, catalogue: catalogue.encode(), folded_sequence });
        Ok(())
    }

    /// The catalogue commit, then the new version, then the removal of what it replaces.
    fn commit_install(&self, install: Install) -> Result<()> {
        let durable = self.log_counters.synced.load(Ordering::Acquire);
        self.keeper.update(|catalogue| install.change(catalogue, durable)).inspect_err(|failure| {
            if let Some(segment) = install.segment.as_ref().filter(|_| !failure.in_doubt) {
                let _orphan = self.files.remove(segment.path());
            }
        })?;
        let mut state = self.state.lock();
        let version = self.version.load_full();
        let replaced = |segment: &Arc<Segment>| install.inputs.iter().any(|input| input.id() == segment.id());
        let at = version.segments.iter().position(replaced).unwrap_or(0);
        let mut segments = version.segments.clone();
        segments.retain(|segment| !replaced(segment));
        if let Some(segment) = &install.segment {
            segments.insert(at, segment.clone());
        }
        let mut frozen = version.frozen.clone();
        if let Some(memtable) = &install.memtable {
            frozen.retain(|other| !Arc::ptr_eq(other, memtable));
            self.folded.fetch_max(memtable.last_sequence(), Ordering::AcqRel);
        }
        let active = version.active.clone();
        self.version.store(Arc::new(Version { active, frozen, segments }));
        drop(version);
        match install.kind {
            JobKind::Flush => state.flushes += 1,
            _ => state.merges += 1,
        }
        state.bytes_written += install.segment.as_ref().map_or(0, |segment| segment.file_bytes());
        state.entries_written += install.segment.as_ref().map_or(0, |segment| segment.footer().entries);
        state.writing_ns += install.started.elapsed().as_nanos() as u64;
        state.retired.extend(install.inputs.iter().cloned());
        self.progress.notify_all();
        drop(state);
        for input in &install.inputs {
            // As in `discard`; readers keep their maps.
            let _orphan = self.files.remove(input.path());
        }
        self.tell_installed(&install);
        Ok(())
    }

    fn tell_installed(&self, install: &Install) {
        let elapsed_ms = install.started.elapsed().as_millis() as u64;
        let segment = install.segment.as_ref().map_or(0, |segment| segment.id());
        let entries = install.segment.as_ref().map_or(0, |segment| segment.footer().entries);
        let bytes = install.segment.as_ref().map_or(0, |segment| segment.file_bytes());
        self.tell(match install.kind {
            JobKind::Flush => Event::Flush { segment, entries, bytes, elapsed_ms },
            _ => {
                let inputs = install.inputs.iter().map(|input| input.id()).collect();
                Event::Merge { inputs, segment, entries, bytes, elapsed_ms }
            }
        });
    }

    /// External log: the fold is durable, or the caller does not know that it is.
    pub fn finish_fold(&self, ticket: u64, committed: bool) -> Result<()> {
        // Nothing else may start on the same memtable meanwhile.
        let _background = self.background.lock();
        let mut state = self.state.lock();
        let Some((_, install)) = state.pending.take_if(|(open, _)| *open == ticket) else {
            return Err(argument(format!("no fold {ticket} is open")));
        };
        drop(state);
        if committed {
            self.commit_install(install)?;
        } else {
            // The segment stays: a catalogue whose storing failed may be there all the same. If it is
            // not, the next open removes the file.
            let mut state = self.state.lock();
            state.failed = Some(Failure::of(&argument("the caller could not store the catalogue")));
            self.progress.notify_all();
        }
        let _state = self.state.lock();
        self.work.notify_all();
        Ok(())
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
