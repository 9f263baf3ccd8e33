//! The public face of an open store.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use varve_types::{ErrorCode, Result, VarveError};

use crate::commit::{Done, Pending};
use crate::cursor::Cursor;
use crate::error::{argument, closed, io, limit};
use crate::hash::hash;
use crate::inner::{Inner, memtable_need, new_memtable};
use crate::levels::Levels;
use crate::limits::{BLOCK_BYTES, MEMTABLE_BYTES_MIN, TRIAL_POLICIES_MAX};
use crate::segment::{SegmentCurve, SegmentTrial};
use crate::version::{Snapshot, Version};
use crate::{
    Batch, Durability, Fields, Found, IndexPolicy, OpenOptions, PackedKeys, PackedMany, Range, Receipt,
    Stats, Threads, VerifyReport, read, verify,
};

/// Keys deleted per commit of `clear_range`.
const CLEAR_KEYS: usize = 4096;

/// An open store; cheap to share as `Arc<Store>`. Dropping it closes it.
pub struct Store {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What [`Store::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to do.
    Idle,
    /// One group commit.
    Committed,
    /// One flush, or one chunk of a merge.
    Background,
}

impl Store {
    /// Opens or creates the store in `dir` and replays its log.
    ///
    /// Errors: `STORE_LOCKED`, `STORE_MISSING`, `STORE_EXISTS`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`,
    /// `STORE_DAMAGED`, `STORE_UNWRITABLE`, `STORE_FULL`, `STORE_DESCRIPTORS`, `STORE_IO`,
    /// `ARGUMENT_INVALID`. Blocks.
    pub fn open(dir: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let own_threads = options.threads == Threads::Own;
        let inner = crate::open::open(dir.as_ref(), options)?;
        let store = Self { inner, threads: Mutex::new(Vec::new()) };
        if own_threads {
            store.spawn("varve-kv-background", Inner::run_background)?;
            if !store.inner.settings.external {
                store.spawn("varve-kv-log", Inner::run_log)?;
            }
            store.inner.threaded.store(true, Ordering::Release);
        }
        Ok(store)
    }

    fn spawn(&self, name: &str, run: impl Fn(&Inner) + Send + 'static) -> Result<()> {
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&inner));
        self.threads.lock().push(thread.map_err(|error| io("start a thread for", &self.inner.dir, error))?);
        Ok(())
    }

    /// Queues `batch` for the next group commit; `options.acks` learns the outcome under `token`.
    /// Never waits for the disk.
    ///
    /// Errors at once, without queueing: `LIMIT_EXCEEDED` when the queue is full (wait for an
    /// acknowledgement), `STORE_POISONED`, `STORE_CLOSED`.
    pub fn write(&self, batch: Batch, durability: Durability, token: u64) -> Result<()> {
        self.inner.enqueue(Pending { batch, durability, done: Done::Token(token) })
    }

    /// As [`Store::write`]; `done` is called once, on the log's thread.
    pub fn write_with(
        &self,
        batch: Batch,
        durability: Durability,
        done: impl FnOnce(Result<Receipt>) + Send + 'static,
    ) -> Result<()> {
        self.inner.enqueue(Pending { batch, durability, done: Done::Call(Box::new(done)) })
    }

    /// As [`Store::write`], but waits for the outcome. With `Threads::Manual` it commits at once.
    pub fn write_wait(&self, batch: Batch, durability: Durability) -> Result<Receipt> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.write_with(batch, durability, move |outcome| {
            // The receiver lives until the outcome came.
            let _received = sender.send(outcome);
        })?;
        if self.inner.settings.threads == Threads::Manual {
            while self.inner.commit_waiting() {}
        }
        receiver.recv().unwrap_or_else(|_| Err(closed()))
    }

    /// External log: applies a batch that the caller has logged as commit `sequence`, which must be the
    /// last one plus 1. With own threads it never waits: `LIMIT_EXCEEDED` while too many memtables wait
    /// for their fold, and nothing has changed then.
    pub fn apply(&self, batch: &Batch, sequence: u64) -> Result<()> {
        self.inner.check_writable()?;
        if !self.inner.settings.external {
            return Err(argument("this store keeps its own log: use write"));
        }
        let _writer = self.inner.writer.lock();
        let expected = self.inner.visible.load(Ordering::Acquire) + 1;
        if sequence != expected {
            return Err(argument(format!("commit {sequence} was applied, commit {expected} is next")));
        }
        let needed = memtable_need(batch);
        // A flush may have taken the room since `can_apply`. Waiting here could be for ever: the caller's thread may be
        // the one that commits folds.
        if self.inner.threaded.load(Ordering::Acquire) && !self.inner.has_room(needed) {
            let hint = "commit the open fold, then apply again";
            return Err(crate::error::limit("too many memtables wait for their fold", hint));
        }
        self.inner.make_room(needed)?;
        self.inner.insert(batch, sequence);
        self.inner.version.load().active.note_sequence(sequence);
        self.inner.visible.store(sequence, Ordering::Release);
        Ok(())
    }

    /// External log: true when [`Store::apply`] of `batch` would not wait.
    pub fn can_apply(&self, batch: &Batch) -> bool {
        self.inner.has_room(memtable_need(batch))
    }

    /// External log: the catalogue of [`crate::Event::Fold`] `ticket` is durable; the segment goes live.
    pub fn fold_committed(&self, ticket: u64) -> Result<()> {
        self.inner.finish_fold(ticket, true)
    }

    /// External log: storing the catalogue failed; the work is undone and retried later.
    pub fn fold_failed(&self, ticket: u64) -> Result<()> {
        self.inner.finish_fold(ticket, false)
    }

    /// External log: the catalogue as it stands. Store it before the first `apply` of a new store.
    pub fn catalogue(&self) -> Vec<u8> {
        self.inner.keeper.get().encode()
    }

    /// A view of everything acknowledged so far.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    /// Copies the value of `key` to the start of `out`; `view` is the latest state when `None`.
    ///
    /// No allocation. Errors: `STORE_DAMAGED`, `STORE_CLOSED`.
    #[inline]
    pub fn get_into(&self, view: Option<&Snapshot>, key: &[u8], out: &mut [u8]) -> Result<Found> {
        self.read(view, key, |value| match value {
            None => Found::Missing,
            Some(value) => match out.get_mut(..value.len()) {
                Some(out) => {
                    out.copy_from_slice(value);
                    Found::Value(value.len())
                }
                None => Found::TooSmall(value.len()),
            },
        })
    }

    /// As [`Store::get_into`], into a fresh vector.
    pub fn get(&self, view: Option<&Snapshot>, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(view, key, |value| value.map(<[u8]>::to_vec))
    }

    #[inline]
    fn read<T>(
        &self,
        view: Option<&Snapshot>,
        key: &[u8],
        take: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Result<T> {
        self.inner.check_open()?;
        match view {
            Some(view) => self.read_at(&view.version, view.sequence, key, take),
            None => {
                let version = self.inner.version.load();
                let sequence = self.inner.visible.load(Ordering::Acquire);
                self.read_at(&version, sequence, key, take)
            }
        }
    }

    #[inline]
    fn read_at<T>(
        &self,
        version: &Version,
        sequence: u64,
        key: &[u8],
        take: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Result<T> {
        let key_hash = hash(key);
        let reads = &self.inner.reads;
        if reads.count(1) {
            return reads.sampled_get(version, key, key_hash, sequence).map(take);
        }
        version.get(key, key_hash, sequence).map(take)
    }

    /// Looks `keys` up in groups with prefetch, at one moment. Values are written one after another to
    /// `values`; `ends[i]` is the end of value `i`, with [`crate::MISSING`] set when there is none.
    ///
    /// `ends` must hold `keys.len()` items. Stops early when a value does not fit (`needed`).
    /// `values` beyond 2 GiB is not used. No allocation.
    pub fn get_many_packed(
        &self,
        view: Option<&Snapshot>,
        keys: PackedKeys<'_>,
        values: &mut [u8],
        ends: &mut [u32],
    ) -> Result<PackedMany> {
        self.inner.check_open()?;
        if ends.len() < keys.len() {
            return Err(argument(format!("{} ends cannot hold {} answers", ends.len(), keys.len())));
        }
        let sample = self.inner.reads.count(keys.len() as u64);
        let latest = self.inner.version.load();
        let (version, sequence) = match view {
            Some(view) => (&*view.version, view.sequence),
            None => (&**latest, self.inner.visible.load(Ordering::Acquire)),
        };
        if sample && !keys.is_empty() {
            let key = keys.get(0);
            self.inner.reads.sampled_get(version, key, hash(key), sequence)?;
        }
        read::get_many(version, sequence, keys, values, ends)
    }

    /// Opens a cursor on `range`, of `view` or of a fresh snapshot.
    pub fn cursor(&self, view: Option<&Snapshot>, range: Range) -> Result<Cursor> {
        self.inner.check_open()?;
        Ok(match view {
            Some(view) => Cursor::new(view, range),
            None => Cursor::new(&self.snapshot(), range),
        })
    }

    /// Deletes every key of `range` by logged writes (native log); returns how many. Blocks.
    ///
    /// It works in commits of a few thousand keys: other writers may come between them.
    pub fn clear_range(&self, range: Range, durability: Durability) -> Result<u64> {
        let mut cursor = self.cursor(None, range)?;
        let (mut keys, mut ends) = (vec![0; 1 << 20], vec![0; CLEAR_KEYS]);
        let mut cleared = 0;
        loop {
            let filled = cursor.fill(Fields::Keys, &mut keys, &mut ends)?;
            let mut batch = Batch::new();
            for key in PackedKeys::new(&keys, &ends[..filled.entries])?.iter() {
                batch.delete(key)?;
            }
            if !batch.is_empty() {
                self.write_wait(batch, durability)?;
            }
            cleared += filled.entries as u64;
            if filled.done {
                return Ok(cleared);
            }
        }
    }

    /// Bytes that the entries between the bounds take in segments, from the index alone.
    pub fn approximate_size(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> u64 {
        let version = self.inner.version.load();
        let blocks = |segment: &Arc<crate::segment::Segment>| {
            let run_of = |bound: Bound<&[u8]>, open_end: usize| match bound {
                Bound::Included(key) | Bound::Excluded(key) if key > segment.key_range().1 => segment.runs(),
                Bound::Included(key) | Bound::Excluded(key) => segment.locate(key),
                Bound::Unbounded => open_end,
            };
            let (from, to) = (run_of(lower, 0), run_of(upper, segment.runs()));
            let block_of = |run: usize| match run < segment.runs() {
                true => segment.start_of(run),
                false => segment.footer().blocks,
            };
            block_of(to.max(from)) - block_of(from)
        };
        version.levels.segments().map(blocks).sum::<u64>() * BLOCK_BYTES as u64
    }

    /// Folds everything written so far into segments and waits for it.
    pub fn flush(&self) -> Result<()> {
        self.inner.check_open()?;
        self.commit_queued()?;
        self.inner.state.lock().failed = None;
        let target = loop {
            // Never held while waiting: with an external log, whoever commits the fold that makes room may first
            // need the lock for `apply`.
            let writer = self.inner.writer.lock();
            if self.inner.version.load().active.is_empty() || self.inner.try_freeze(0)? {
                let version = self.inner.version.load();
                break version.frozen.first().map_or(0, |memtable| memtable.last_sequence());
            }
            drop(writer);
            if !self.wait_for_progress()? {
                return Err(VarveError::new(ErrorCode::LimitExceeded, "a fold waits for its commit", ""));
            }
        };
        self.wait_until(|inner| inner.folded.load(Ordering::Acquire) >= target)
    }

    /// Flushes, merges what meets into one level, drops what is deleted, puts small segments together, and gives unused
    /// log space back. It ends while others write: what they add is not its concern. Blocks.
    pub fn compact(&self) -> Result<()> {
        self.flush()?;
        {
            let mut state = self.inner.state.lock();
            state.compact_below = Some(self.inner.keeper.next_file_number());
            state.failed = None;
            self.inner.work.notify_all();
        }
        self.wait_until(|inner| inner.state.lock().compact_below.is_none())?;
        let shrunk = self.inner.writer.lock().as_mut().map_or(Ok(()), crate::log::Log::shrink);
        shrunk.inspect_err(|error| self.inner.poison_after(error))
    }

    /// Everything queued before the call is committed.
    fn commit_queued(&self) -> Result<()> {
        if self.inner.settings.external {
            return Ok(());
        }
        self.write_wait(Batch::new(), Durability::Fast).map(drop)
    }

    /// Waits until `done`, or does the work itself without threads.
    fn wait_until(&self, done: impl Fn(&Inner) -> bool) -> Result<()> {
        while !done(&self.inner) {
            if !self.wait_for_progress()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits for a change by the background thread, or makes one; false when nothing can be done.
    fn wait_for_progress(&self) -> Result<bool> {
        if self.inner.settings.threads == Threads::Manual {
            return self.inner.background_step();
        }
        let mut state = self.inner.state.lock();
        if let Some(failure) = state.failed.take() {
            return Err(failure.to_error());
        }
        self.inner.check_writable()?;
        self.inner.work.notify_all();
        // A bounded wait, because `done` is checked outside the lock.
        self.inner.progress.wait_for(&mut state, std::time::Duration::from_millis(20));
        Ok(true)
    }

    /// Reads and checks every block, filter, index and log record; `progress` gets (done, total) blocks.
    /// Damage is in the report, not an error.
    pub fn verify(&self, progress: impl FnMut(u64, u64)) -> Result<VerifyReport> {
        self.inner.check_open()?;
        verify::verify(&self.inner, progress)
    }

    /// Sizes, counters and telemetry.
    pub fn stats(&self) -> Stats {
        let inner = &self.inner;
        let version = inner.version.load();
        let counters = &inner.log_counters;
        let queued_bytes = inner.queue.lock().bytes() as u64;
        let state = inner.state.lock();
        Stats {
            sequence: inner.visible.load(Ordering::Acquire),
            folded_sequence: inner.folded.load(Ordering::Acquire),
            synced_sequence: counters.synced.load(Ordering::Acquire),
            memtable_bytes: version.memtables().map(|memtable| memtable.bytes() as u64).sum(),
            memtable_entries: version.memtables().map(|memtable| memtable.entries()).sum(),
            frozen_memtables: version.frozen.len() as u64,
            log_bytes: counters.bytes.load(Ordering::Relaxed),
            queued_bytes,
            commits: counters.commits.load(Ordering::Relaxed),
            groups: counters.groups.load(Ordering::Relaxed),
            syncs: counters.syncs.load(Ordering::Relaxed),
            flushes: state.flushes,
            merges: state.merges,
            segment_bytes_written: state.bytes_written,
            entries_written: state.entries_written,
            writing_ns: state.writing_ns,
            reads: inner.reads.stats(),
            segments: version.levels.stats(),
            poisoned: inner.poison.get().cloned(),
        }
    }

    /// Index kind of the segments that later flushes and merges build. The next compaction rebuilds even a lone
    /// segment, also when the policy is the same: `Auto` then measures anew.
    pub fn set_index_policy(&self, policy: IndexPolicy) {
        let mut state = self.inner.state.lock();
        state.rebuild_below = self.inner.keeper.next_file_number();
        state.policy = policy;
    }

    /// The index policy in force for the segments that later flushes and merges build.
    pub fn index_policy(&self) -> IndexPolicy {
        self.inner.state.lock().policy
    }

    /// Builds indexes of `policies` for every live segment, in the order of `stats`, beside the live ones, and times all of
    /// them and a plain binary search on the keys of recent lookups. What serves reads is not touched. Blocks.
    ///
    /// Cost: about 0.5 us per separator and policy, and some milliseconds per segment. Errors: `STORE_CLOSED`,
    /// `LIMIT_EXCEEDED` for more than [`crate::limits::TRIAL_POLICIES_MAX`] policies.
    pub fn trial(&self, policies: &[IndexPolicy]) -> Result<Vec<SegmentTrial>> {
        self.inner.check_open()?;
        if policies.len() > TRIAL_POLICIES_MAX {
            let message =
                format!("a trial of {} policies, the limit is {TRIAL_POLICIES_MAX}", policies.len());
            return Err(limit(message, "try fewer at once"));
        }
        let version = self.inner.version.load_full();
        let sampled = self.inner.reads.recent_keys();
        version.levels.segments().map(|segment| segment.trial(policies, &sampled)).collect()
    }

    /// How the index of every segment, in the order of `stats`, maps keys to positions: at most `points_max` separators each,
    /// beside what the live model expects, or that of `policy`. For pictures. Cost: as a trial of one policy.
    /// Errors: `STORE_CLOSED`.
    pub fn curve(&self, policy: Option<IndexPolicy>, points_max: usize) -> Result<Vec<SegmentCurve>> {
        self.inner.check_open()?;
        let version = self.inner.version.load_full();
        version.levels.segments().map(|segment| segment.curve(policy, points_max)).collect()
    }

    /// `Threads::Manual`: does one piece of waiting work.
    pub fn step(&self) -> Result<Step> {
        self.inner.check_open()?;
        if self.inner.commit_waiting() {
            return Ok(Step::Committed);
        }
        Ok(if self.inner.background_step()? { Step::Background } else { Step::Idle })
    }

    /// Commits what is queued, syncs, marks the clean end and stops the threads. Later calls answer
    /// `STORE_CLOSED`; snapshots and cursors stay readable. Blocks. Closing twice is fine.
    pub fn close(&self) -> Result<()> {
        let inner = &self.inner;
        {
            let _queue = inner.queue.lock();
            inner.closing.store(true, Ordering::Release);
            inner.queue_filled.notify_all();
        }
        {
            let _state = inner.state.lock();
            inner.work.notify_all();
            inner.progress.notify_all();
        }
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                inner.poison_with(&argument("a thread of the store panicked"));
            }
        }
        while inner.commit_waiting() {}
        let closed = match inner.writer.lock().take() {
            Some(mut log) if inner.poison.get().is_none() => log.close(),
            _ => Ok(()),
        };
        self.let_go();
        inner.lock.lock().take();
        closed
    }

    /// Memory and maps go with the last snapshot or cursor now, not with this object, which its owner may keep for long.
    fn let_go(&self) {
        let mut state = self.inner.state.lock();
        state.retired.clear();
        // Without memory for an empty version the old one stays, which is no harm.
        if let Ok(memtable) = new_memtable(MEMTABLE_BYTES_MIN) {
            let empty = Version { active: Arc::new(memtable), frozen: Vec::new(), levels: Levels::default() };
            self.inner.version.store(Arc::new(empty));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Whoever wants to know the outcome calls `close`.
        let _outcome = self.close();
    }
}
