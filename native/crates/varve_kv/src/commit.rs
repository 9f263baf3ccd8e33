//! Group commit: everything that waits becomes one record, one sync, one round of acknowledgements.
//!
//! Invariants
//! 1. A batch is logged, synced when any member of its group asked for it, applied, made visible, and
//!    only then acknowledged.
//! 2. Room in the memtable is made before anything is logged, so that a logged group can always be
//!    applied.
//! 3. After a failed write or sync nothing is logged any more and nothing of the group is acknowledged.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use varve_types::{Result, VarveError};

use crate::error::{Failure, limit};
use crate::inner::{Inner, memtable_need};
use crate::log::AppendError;
use crate::{Batch, Durability, Receipt};

/// Bytes after which a group is closed, unless its first batch alone is larger.
const GROUP_BYTES: usize = 4 << 20;

/// Idle time after which the mark is synced.
const IDLE: Duration = Duration::from_millis(20);

/// Batches that wait for the next group.
#[derive(Default)]
pub struct Queue {
    waiting: VecDeque<Pending>,
    bytes: usize,
    sleeping: bool,
}

/// One waiting batch.
pub struct Pending {
    pub batch: Batch,
    pub durability: Durability,
    pub done: Done,
}

/// Who learns the outcome.
pub enum Done {
    /// The store's sink, under this token.
    Token(u64),
    /// This call.
    Call(Box<dyn FnOnce(Result<Receipt>) + Send>),
}

impl Queue {
    /// Bytes waiting.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Inner {
    /// Queues a batch.
    pub fn enqueue(&self, pending: Pending) -> Result<()> {
        self.check_writable()?;
        let bytes = pending.batch.bytes().len();
        let mut queue = self.queue.lock();
        if queue.bytes > 0 && queue.bytes + bytes > self.settings.queue_bytes_max {
            let message = format!("{} bytes of batches already wait for the log", queue.bytes);
            return Err(limit(message, "wait for an acknowledgement before writing more"));
        }
        // Close drains the queue after it raised `closing`; whoever comes later is refused here.
        self.check_open()?;
        queue.bytes += bytes;
        queue.waiting.push_back(pending);
        if queue.sleeping {
            self.queue_filled.notify_one();
        }
        Ok(())
    }

    /// Commits one group; false when nothing waits.
    pub fn commit_waiting(&self) -> bool {
        let group = self.take_group();
        if group.is_empty() {
            return false;
        }
        let outcome = self.commit(&group);
        self.acknowledge(group, outcome);
        true
    }

    /// The log thread: commits until the store closes and nothing waits.
    pub fn run_log(&self) {
        loop {
            while self.commit_waiting() {}
            let mut queue = self.queue.lock();
            if !queue.waiting.is_empty() {
                continue;
            }
            if self.closing.load(Ordering::Acquire) {
                return;
            }
            queue.sleeping = true;
            let timed_out = self.queue_filled.wait_for(&mut queue, IDLE).timed_out();
            if timed_out && queue.waiting.is_empty() {
                drop(queue);
                self.settle_log();
                queue = self.queue.lock();
                if queue.waiting.is_empty() && !self.closing.load(Ordering::Acquire) {
                    self.queue_filled.wait(&mut queue);
                }
            }
            queue.sleeping = false;
        }
    }

    /// Idle: makes the mark durable.
    fn settle_log(&self) {
        let mut writer = self.writer.lock();
        if let Some(log) = writer.as_mut()
            && self.poison.get().is_none()
            && log.is_mark_dirty()
            && let Err(error) = log.sync_mark()
        {
            self.poison_with(&error);
        }
    }

    fn take_group(&self) -> Vec<Pending> {
        let mut queue = self.queue.lock();
        let mut bytes = 0;
        let mut count = 0;
        for pending in &queue.waiting {
            bytes += pending.batch.bytes().len();
            if count > 0 && bytes > GROUP_BYTES {
                break;
            }
            count += 1;
        }
        let group: Vec<_> = queue.waiting.drain(..count).collect();
        queue.bytes -= group.iter().map(|pending| pending.batch.bytes().len()).sum::<usize>();
        group
    }

    /// Logs and applies a group; returns its first commit number and what was reached.
    fn commit(&self, group: &[Pending]) -> Result<(u64, Durability)> {
        if let Some(cause) = self.poison.get() {
            return Err(crate::error::poisoned(cause));
        }
        let mut writer = self.writer.lock();
        self.make_room(group.iter().map(|pending| memtable_need(&pending.batch)).sum())?;
        let Some(log) = writer.as_mut() else {
            return Err(crate::error::argument("this store has an external log: use apply"));
        };
        let sync = group.iter().any(|pending| pending.durability == Durability::Synced);
        let first = log.last() + 1;
        // An empty batch is acknowledged like any other, but is no commit.
        let commits: Vec<&Batch> =
            group.iter().map(|pending| &pending.batch).filter(|b| !b.is_empty()).collect();
        match log.append(&commits, sync) {
            Ok(()) => {}
            Err(AppendError::Refused(error)) => {
                self.poison_after(&error);
                return Err(error);
            }
            Err(AppendError::Broken(error)) => {
                self.poison_with(&error);
                return Err(crate::error::poisoned(&error.to_string()).caused_by(error));
            }
        }
        for (sequence, batch) in (first..).zip(commits) {
            self.insert(batch, sequence);
        }
        self.visible.store(log.last(), Ordering::Release);
        Ok((first, if sync { Durability::Synced } else { Durability::Fast }))
    }

    fn acknowledge(&self, group: Vec<Pending>, outcome: Result<(u64, Durability)>) {
        match outcome {
            Ok((first, durability)) => {
                let mut receipts = Vec::with_capacity(group.len());
                let mut sequence = first - 1;
                for pending in group {
                    sequence += u64::from(!pending.batch.is_empty());
                    match pending.done {
                        Done::Token(token) => receipts.push(Receipt { token, sequence, durability }),
                        Done::Call(call) => call(Ok(Receipt { token: 0, sequence, durability })),
                    }
                }
                if let Some(acks) = &self.settings.acks
                    && !receipts.is_empty()
                {
                    acks.acknowledged(&receipts);
                }
            }
            Err(error) => self.refuse(group, &error),
        }
    }

    fn refuse(&self, group: Vec<Pending>, error: &VarveError) {
        let failure = Failure::of(error);
        let mut tokens = Vec::new();
        for pending in group {
            match pending.done {
                Done::Token(token) => tokens.push(token),
                Done::Call(call) => call(Err(failure.to_error())),
            }
        }
        if let Some(acks) = &self.settings.acks
            && !tokens.is_empty()
        {
            acks.failed(&tokens, error);
        }
    }
}
