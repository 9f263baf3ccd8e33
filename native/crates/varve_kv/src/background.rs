//! Flushes and merges: build aside, verify, then one catalogue commit.
//!
//! Invariants
//! 1. One step at a time (the `background` lock); flushes come before merges, and a merge runs in small
//!    steps so that a flush never waits long for it.
//! 2. Nothing is live before its file is synced and verified, and the catalogue that names it durable.
//! 3. Input files are removed only after that commit. A file whose commit is in doubt stays, because the
//!    catalogue on disk may name it; the next open removes it if not.
//! 4. Readers are never waited for and never wait.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use varve_types::Result;

use crate::catalogue::{Catalogue, SegmentEntry};
use crate::cursor::Merge;
use crate::error::{Failure, argument, failed_sync};
use crate::event::Job as JobKind;
use crate::inner::Inner;
use crate::levels::{Extent, Levels};
use crate::memtable::Memtable;
use crate::segment::{Origin, Segment, SegmentBuilder, SegmentPlan, Span, Verification};
use crate::version::Version;
use crate::{Event, Threads, merge_policy, names};

/// Entries written, or runs verified × 32, in one step of a merge: a few milliseconds.
const STEP_ENTRIES: usize = 8192;

/// The running merge, if any.
#[derive(Default)]
pub struct Background {
    merge: Option<Build>,
}

/// Segments on their way.
struct Build {
    kind: JobKind,
    inputs: Vec<Arc<Segment>>,
    memtable: Option<Arc<Memtable>>,
    merge: Box<Merge>,
    /// No older segment meets the inputs: tombstones have nothing left to hide.
    drop_tombstones: bool,
    /// First and last commit that the inputs cover.
    commits: (u64, u64),
    /// What the next segment covers, and with it everything behind it.
    span: Span,
    stage: Stage,
    outputs: Vec<Arc<Segment>>,
    done: u64,
    total: u64,
    started: Instant,
}

enum Stage {
    Writing(Box<SegmentBuilder>),
    /// The path of what is verified is needed should it fail.
    Verifying(Box<Verification>, Arc<Path>),
    Done,
}

/// A finished build that waits for its catalogue commit.
pub struct Install {
    kind: JobKind,
    segments: Vec<Arc<Segment>>,
    inputs: Vec<Arc<Segment>>,
    memtable: Option<Arc<Memtable>>,
    started: Instant,
}

impl Install {
    /// What the commit changes in the catalogue.
    fn change(&self, catalogue: &mut Catalogue, durable: u64) {
        catalogue.segments.retain(|entry| self.inputs.iter().all(|input| input.id() != entry.id));
        catalogue.segments.extend(self.segments.iter().map(|segment| entry_of(segment)));
        if let Some(memtable) = &self.memtable {
            catalogue.folded = catalogue.folded.max(memtable.last_sequence());
        }
        catalogue.durable = catalogue.durable.max(durable);
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(Extent::bytes).sum()
    }

    fn entries(&self) -> u64 {
        self.segments.iter().map(|segment| segment.footer().entries).sum()
    }

    fn event(&self) -> Event {
        let elapsed_ms = self.started.elapsed().as_millis() as u64;
        let ids = |segments: &[Arc<Segment>]| segments.iter().map(|segment| segment.id()).collect();
        let (segments, entries, bytes) = (ids(&self.segments), self.entries(), self.bytes());
        match self.kind {
            JobKind::Flush => Event::Flush { segments, entries, bytes, elapsed_ms },
            _ => Event::Merge { inputs: ids(&self.inputs), segments, entries, bytes, elapsed_ms },
        }
    }
}

/// What the segment of a memtable will cover.
struct Unfolded {
    span: Span,
    commits: (u64, u64),
    bytes: u64,
}

impl Unfolded {
    fn of(memtable: &Arc<Memtable>, folded: u64) -> Self {
        let mut iter = memtable.clone().iter(u64::MAX);
        iter.seek(&[]);
        let low = if iter.valid() { iter.key().to_vec() } else { Vec::new() };
        iter.seek_back(None);
        let high = if iter.valid() { iter.key().to_vec() } else { Vec::new() };
        let commits = (folded + 1, memtable.last_sequence());
        Self { span: Span::of_keys((&low, &high)), commits, bytes: memtable.bytes() as u64 }
    }
}

impl Extent for Unfolded {
    fn span(&self) -> &Span {
        &self.span
    }

    fn commits(&self) -> (u64, u64) {
        self.commits
    }

    fn bytes(&self) -> u64 {
        self.bytes
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
            && let Some(inputs) = self.flush_inputs(&version, memtable, background.merge.as_ref())
        {
            let mut build = self.begin(JobKind::Flush, Some(memtable), inputs, &version)?;
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

    /// Older segments that a flush takes in. `None` when the flush has to wait: for the running merge of one of them,
    /// or for a merge that comes first.
    fn flush_inputs(
        &self,
        version: &Version,
        memtable: &Arc<Memtable>,
        merge: Option<&Build>,
    ) -> Option<Vec<Arc<Segment>>> {
        let unfolded = Unfolded::of(memtable, self.folded.load(Ordering::Acquire));
        let inputs = merge_policy::fold(&version.levels, &unfolded)?;
        let busy = |input: &Arc<Segment>| {
            merge.is_some_and(|build| build.inputs.iter().any(|other| other.id() == input.id()))
        };
        (!inputs.iter().any(busy)).then_some(inputs)
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
        inputs.map(|inputs| self.begin(JobKind::Merge, None, inputs, version)).transpose()
    }

    fn begin(
        &self,
        kind: JobKind,
        memtable: Option<&Arc<Memtable>>,
        inputs: Vec<Arc<Segment>>,
        version: &Version,
    ) -> Result<Build> {
        let unfolded = memtable.map(|memtable| Unfolded::of(memtable, self.folded.load(Ordering::Acquire)));
        let commits = inputs.iter().map(Extent::commits).chain(unfolded.as_ref().map(Extent::commits));
        let commits = commits.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default();
        let spans = inputs.iter().map(Extent::span).chain(unfolded.as_ref().map(Extent::span));
        let span = spans.cloned().reduce(Span::and).unwrap_or_default();
        let met = version.levels.iter().flat_map(|level| level.among(&span));
        let drop_tombstones = met.map(Extent::commits).all(|(_, last)| last >= commits.0);
        let entries = inputs.iter().map(|input| input.footer().entries).sum::<u64>();
        let total = entries + memtable.map_or(0, |memtable| memtable.entries());
        let memtables = memtable.map(|memtable| memtable.clone().iter(u64::MAX)).into_iter();
        let mut merge = Merge::over(memtables, &Levels::arrange(inputs.iter().cloned()), false);
        merge.seek(&[])?;
        let mut build = Build {
            kind,
            inputs,
            memtable: memtable.cloned(),
            merge: Box::new(merge),
            drop_tombstones,
            commits,
            span,
            stage: Stage::Done,
            outputs: Vec::new(),
            done: 0,
            total,
            started: Instant::now(),
        };
        build.stage = self.next_segment(&build)?;
        Ok(build)
    }

    /// Creates the next segment of a build.
    fn next_segment(&self, build: &Build) -> Result<Stage> {
        let id = self.keeper.take_file_number();
        let plan = SegmentPlan {
            id,
            sequences: build.commits,
            entries_max: (build.total - build.done.min(build.total)).min(self.entries_max()),
            filter_bits: self.settings.filter_bits,
            policy: self.state.lock().policy,
            has_clock: self.settings.threads == Threads::Own,
        };
        let builder = SegmentBuilder::create(&*self.files, names::segment(&self.dir, id), plan)?;
        Ok(Stage::Writing(Box::new(builder)))
    }

    /// Entries at which a segment is cut, however small they are: a filter in the making takes memory for all of them.
    fn entries_max(&self) -> u64 {
        self.settings.segment_bytes / 32
    }

    /// Works on a build for a few milliseconds; true when it is finished.
    fn advance(&self, build: &mut Build) -> Result<bool> {
        build.stage = match std::mem::replace(&mut build.stage, Stage::Done) {
            Stage::Writing(builder) => self.write_some(build, builder)?,
            Stage::Verifying(mut verification, path) => {
                let verified = verification.step(&*self.files, STEP_ENTRIES / 32);
                if verified.is_err() {
                    self.remove(&path);
                }
                match verified? {
                    false => Stage::Verifying(verification, path),
                    true => {
                        build.outputs.push(verification.into_segment());
                        match build.merge.entry()?.is_some() {
                            true => self.next_segment(build)?,
                            false => Stage::Done,
                        }
                    }
                }
            }
            Stage::Done => Stage::Done,
        };
        self.tell(Event::Progress { job: build.kind, done: build.done, total: build.total.max(build.done) });
        Ok(matches!(build.stage, Stage::Done))
    }

    fn write_some(&self, build: &mut Build, mut builder: Box<SegmentBuilder>) -> Result<Stage> {
        let path = builder.path().clone();
        let written = self.write_entries(build, &mut builder);
        let finished = written.and_then(|more| match (more, builder.entries()) {
            (true, _) => Ok(Stage::Writing(builder)),
            (false, 0) => {
                self.remove(&path);
                Ok(Stage::Done)
            }
            (false, _) => {
                // The next segment begins with the next key, and this one is all there is before it.
                let rest = build.merge.entry()?.map(|(key, _)| key.to_vec());
                let (span, rest) = build.span.split_at(rest);
                build.span = rest;
                let inputs = build.inputs.iter().map(|input| input.id()).collect();
                let verification = builder.finish(&*self.files, Some(Origin { span, inputs }))?;
                Ok(Stage::Verifying(Box::new(verification), path.clone()))
            }
        });
        finished.inspect_err(|_| self.remove(&path))
    }

    /// Adds entries for a few milliseconds; false when the segment is to be finished.
    fn write_entries(&self, build: &mut Build, builder: &mut SegmentBuilder) -> Result<bool> {
        for _ in 0..STEP_ENTRIES {
            if builder.bytes() >= self.settings.segment_bytes || builder.entries() >= self.entries_max() {
                return Ok(false);
            }
            let Some((key, value)) = build.merge.entry()? else { return Ok(false) };
            if value.is_some() || !build.drop_tombstones {
                builder.add(key, value)?;
            }
            build.done += 1;
            build.merge.step()?;
        }
        Ok(true)
    }

    /// Removes a file that is not live. One that stays is an orphan; the next open removes it.
    fn remove(&self, path: &Path) {
        let _orphan = self.files.remove(path);
    }

    fn discard(&self, build: &Build) {
        if let Stage::Writing(builder) = &build.stage {
            self.remove(builder.path());
        }
        if let Stage::Verifying(_, path) = &build.stage {
            self.remove(path);
        }
        build.outputs.iter().for_each(|segment| self.remove(segment.path()));
    }

    fn install(&self, build: Build) -> Result<()> {
        if !build.outputs.is_empty() {
            self.files.sync_dir(&self.dir).map_err(|error| failed_sync(&self.dir, error))?;
        }
        let install = Install {
            kind: build.kind,
            segments: build.outputs,
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
            if !failure.in_doubt {
                install.segments.iter().for_each(|segment| self.remove(segment.path()));
            }
        })?;
        let mut state = self.state.lock();
        let version = self.version.load_full();
        let live = |segment: &&Arc<Segment>| install.inputs.iter().all(|input| input.id() != segment.id());
        let segments = version.levels.segments().filter(live).chain(&install.segments);
        let levels = Levels::arrange(segments.cloned());
        debug_assert!(levels.conflict().is_none(), "a merge left out what belongs to it");
        let mut frozen = version.frozen.clone();
        if let Some(memtable) = &install.memtable {
            frozen.retain(|other| !Arc::ptr_eq(other, memtable));
            self.folded.fetch_max(memtable.last_sequence(), Ordering::AcqRel);
        }
        let active = version.active.clone();
        self.version.store(Arc::new(Version { active, frozen, levels }));
        drop(version);
        match install.kind {
            JobKind::Flush => state.flushes += 1,
            _ => state.merges += 1,
        }
        state.bytes_written += install.bytes();
        state.entries_written += install.entries();
        state.writing_ns += install.started.elapsed().as_nanos() as u64;
        state.retired.extend(install.inputs.iter().cloned());
        self.progress.notify_all();
        drop(state);
        // Readers keep their maps.
        install.inputs.iter().for_each(|input| self.remove(input.path()));
        self.tell(install.event());
        Ok(())
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
