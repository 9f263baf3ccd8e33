//! Makes finished segments live: one catalogue commit, then the new version, then the removal of what it replaces.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use varve_types::Result;

use crate::Event;
use crate::catalogue::{Catalogue, SegmentEntry};
use crate::error::{Failure, argument, failed_sync};
use crate::event::Job;
use crate::inner::Inner;
use crate::levels::Levels;
use crate::memtable::Memtable;
use crate::rectangle::Extent;
use crate::segment::Segment;
use crate::version::Version;

/// What was built, and what it replaces.
pub struct Install {
    pub segments: Vec<Arc<Segment>>,
    pub inputs: Vec<Arc<Segment>>,
    /// The one that a flush writes.
    pub memtable: Option<Arc<Memtable>>,
    pub started: Instant,
}

impl Install {
    /// A merge, unless a memtable is flushed.
    pub fn job(&self) -> Job {
        if self.memtable.is_some() { Job::Flush } else { Job::Merge }
    }

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
        match self.job() {
            Job::Flush => Event::Flush { segments, entries, bytes, elapsed_ms },
            _ => Event::Merge { inputs: ids(&self.inputs), segments, entries, bytes, elapsed_ms },
        }
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
    /// Makes what was built durable by name, then live; with an external log the caller commits first.
    pub fn install(&self, install: Install) -> Result<()> {
        if !install.segments.is_empty() {
            self.files.sync_dir(&self.dir).map_err(|error| failed_sync(&self.dir, error))?;
        }
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
        }
        let active = version.active.clone();
        self.version.store(Arc::new(Version { active, frozen, levels }));
        drop(version);
        if let Some(memtable) = &install.memtable {
            // Behind the version: whoever waits for a flush looks at this alone, and then at what is live.
            self.folded.fetch_max(memtable.last_sequence(), Ordering::AcqRel);
        }
        match install.job() {
            Job::Flush => state.flushes += 1,
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
}
