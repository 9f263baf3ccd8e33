//! Makes segments: merges entries, writes them and reads them back, a few milliseconds at a time. Nothing here is live.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use varve_types::Result;

use super::Install;
use crate::cursor::Merge;
use crate::inner::Inner;
use crate::levels::Levels;
use crate::memtable::Memtable;
use crate::rectangle::{Extent, Rectangle};
use crate::segment::{Origin, Segment, SegmentBuilder, SegmentPlan, Span, Verification};
use crate::version::Version;
use crate::{Event, Threads, names};

/// Entries written, or runs verified × 32, in one step of a merge: a few milliseconds.
const STEP_ENTRIES: usize = 8192;

/// Segments on their way.
pub struct Build {
    /// What is finished.
    pub result: Install,
    merge: Box<Merge>,
    /// No older segment meets the inputs: tombstones have nothing left to hide.
    drop_tombstones: bool,
    /// First and last commit that the inputs cover.
    commits: (u64, u64),
    /// What the next segment covers, and with it everything behind it.
    span: Span,
    stage: Stage,
    done: u64,
    total: u64,
}

enum Stage {
    Writing(Box<SegmentBuilder>),
    Verifying(Box<Verification>),
    Done,
}

/// A frozen memtable, and what its segments will cover.
pub struct Unfolded {
    pub memtable: Arc<Memtable>,
    pub rectangle: Rectangle,
}

impl Unfolded {
    /// That of a memtable behind the commits up to `folded`. Cost: two searches, once the memtable is in order.
    pub fn of(memtable: &Arc<Memtable>, folded: u64) -> Self {
        let mut iter = memtable.clone().iter(u64::MAX);
        iter.seek(&[]);
        let low = if iter.valid() { iter.key().to_vec() } else { Vec::new() };
        iter.seek_back(None);
        let high: &[u8] = if iter.valid() { iter.key() } else { &[] };
        let rectangle = Rectangle {
            span: Span::of_keys((&low, high)),
            commits: (folded + 1, memtable.last_sequence()),
            bytes: memtable.bytes() as u64,
        };
        Self { memtable: memtable.clone(), rectangle }
    }
}

impl Inner {
    /// Begins to merge `inputs`, and what a flush writes.
    pub fn begin(
        &self,
        unfolded: Option<Unfolded>,
        inputs: Vec<Arc<Segment>>,
        version: &Version,
    ) -> Result<Build> {
        let (memtable, rectangle) = unfolded.map(|one| (one.memtable, one.rectangle)).unzip();
        let parts = inputs.iter().map(|input| input as &dyn Extent);
        let covered = Rectangle::around(parts.chain(rectangle.as_ref().map(|one| one as &dyn Extent)));
        let Rectangle { span, commits, .. } = covered.expect("a build has something to merge");
        let met = version.levels.iter().flat_map(|level| level.among(&span));
        let drop_tombstones = met.map(Extent::commits).all(|(_, last)| last >= commits.0);
        let entries = inputs.iter().map(|input| input.footer().entries).sum::<u64>();
        let total = entries + memtable.as_ref().map_or(0, |memtable| memtable.entries());
        let memtables = memtable.iter().map(|memtable| memtable.clone().iter(u64::MAX));
        let mut merge = Merge::over(memtables, &Levels::arrange(inputs.iter().cloned()), false);
        merge.seek(&[])?;
        let mut build = Build {
            result: Install { segments: Vec::new(), inputs, memtable, started: Instant::now() },
            merge: Box::new(merge),
            drop_tombstones,
            commits,
            span,
            stage: Stage::Done,
            done: 0,
            total,
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
    pub fn advance(&self, build: &mut Build) -> Result<bool> {
        build.stage = match std::mem::replace(&mut build.stage, Stage::Done) {
            Stage::Writing(builder) => self.write_some(build, builder)?,
            Stage::Verifying(verification) => self.verify_some(build, verification)?,
            Stage::Done => Stage::Done,
        };
        self.tell(Event::Progress {
            job: build.result.job(),
            done: build.done,
            total: build.total.max(build.done),
        });
        Ok(matches!(build.stage, Stage::Done))
    }

    fn verify_some(&self, build: &mut Build, mut verification: Box<Verification>) -> Result<Stage> {
        let verified = verification.step(&*self.files, STEP_ENTRIES / 32);
        if !verified.inspect_err(|_| self.remove(verification.path()))? {
            return Ok(Stage::Verifying(verification));
        }
        build.result.segments.push(verification.into_segment());
        match build.merge.entry()?.is_some() {
            true => self.next_segment(build),
            false => Ok(Stage::Done),
        }
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
                let inputs = build.result.inputs.iter().map(|input| input.id()).collect();
                let verification = builder.finish(&*self.files, Some(Origin { span, inputs }))?;
                Ok(Stage::Verifying(Box::new(verification)))
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
    pub fn remove(&self, path: &Path) {
        let _orphan = self.files.remove(path);
    }

    /// Gives up a build and removes what it made.
    pub fn discard(&self, build: &Build) {
        match &build.stage {
            Stage::Writing(builder) => self.remove(builder.path()),
            Stage::Verifying(verification) => self.remove(verification.path()),
            Stage::Done => {}
        }
        build.result.segments.iter().for_each(|segment| self.remove(segment.path()));
    }
}
