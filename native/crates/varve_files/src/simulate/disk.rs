//! A simulated disk that forgets: what was not synced may be dropped, reordered or torn by a power cut.
//!
//! It is harsher than any real file system: a name is not durable before its directory is synced even
//! when the file is, unsynced name changes survive in any subset, and contents survive sector by sector.
//!
//! Invariants
//! 1. Bytes before `sync_data` and names before `sync_dir` are durable only by luck, drawn from the seed.
//! 2. After a failed sync the unsynced bytes are never written again, as on Linux: only luck saved them.
//! 3. Handles from before a power cut answer errors.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random::Random;
use super::unsynced::{Change, Inode, NameChange, settle_names};

/// What a caller asks of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Any kind of opening, the lock file and directories included: whatever takes a descriptor.
    Open,
    /// Reading or mapping.
    Read,
    /// Writing.
    Write,
    /// Syncing a file.
    Sync,
    /// Syncing a directory.
    SyncDir,
    /// Renaming; the path is the new name.
    Rename,
    /// Removing.
    Remove,
    /// Reserving room.
    Allocate,
    /// Measuring, listing and the like.
    Other,
}

/// One call, before it happens.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Calls since the plan was set, this one included; starts at 1.
    pub number: u64,
    /// What is asked.
    pub action: Action,
    /// Of which file or directory.
    pub path: &'a Path,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Proceed,
    /// Nothing is done, and this error number is returned.
    Fail(i32),
    /// A write stores only its first half; anything else is done in full. The error is returned.
    FailHalfway(i32),
    /// The power is gone: this call may be half done, and every later one fails.
    PowerOff,
}

/// Decides about every call.
pub type Plan = Box<dyn FnMut(&Call<'_>) -> Verdict + Send>;

/// A shared simulated disk; clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

/// Everything on the disk, and how it will treat the next calls.
#[derive(Default)]
pub(super) struct State {
    pub inodes: HashMap<u64, Inode>,
    pub names: BTreeMap<PathBuf, u64>,
    pub durable_names: BTreeMap<PathBuf, u64>,
    pub pending_names: Vec<NameChange>,
    next_inode: u64,
    /// Counts power cuts; handles belong to one life.
    pub life: u64,
    pub is_off: bool,
    pub locked: Vec<PathBuf>,
    capacity: u64,
    pub calls: u64,
    plan: Option<Plan>,
    /// Calls that did not go well.
    faults: u64,
    /// Syncs answer without doing anything: a disk that no store can trust, to test the torture itself.
    pub lies: bool,
    pub randomness: u64,
}

impl Disk {
    /// An empty disk; `seed` feeds the random bytes that it gives.
    pub fn new(seed: u64) -> Self {
        let state = State { capacity: u64::MAX, randomness: seed, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Sets the plan for the calls from now on, counted from 1; `None` lets everything proceed.
    pub fn set_plan(&self, plan: Option<Plan>) {
        let mut state = self.state();
        state.calls = 0;
        state.plan = plan;
    }

    /// From now on every sync is a lie.
    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// Calls since the plan was set.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Calls that failed by plan or for want of room, ever: a cycle without one proves little.
    pub fn faults(&self) -> u64 {
        self.state().faults
    }

    /// Bytes that all files together may take.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Bytes that all files take now.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// True after a [`Verdict::PowerOff`].
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Cuts the power and turns it on again: what was unsynced is left to luck, and locks are free.
    pub fn restart(&self, random: &mut Random) {
        let state = &mut *self.state();
        let changes = std::mem::take(&mut state.pending_names);
        settle_names(&changes, &mut state.durable_names, random);
        state.names = state.durable_names.clone();
        let mut live: Vec<u64> = state.names.values().copied().collect();
        live.sort_unstable();
        state.inodes.retain(|inode, _| live.binary_search(inode).is_ok());
        for inode in live {
            if let Some(inode) = state.inodes.get_mut(&inode) {
                inode.settle(random);
                inode.seen = inode.durable.clone();
            }
        }
        state.kill();
    }

    /// Ends every handle and lock, as the end of the process does; nothing is lost.
    pub fn end_process(&self) {
        self.state().kill();
    }

    /// A copy with the same files, all of it durable, and nothing open.
    pub fn fork(&self) -> Self {
        let state = self.state();
        let inodes = state.inodes.iter().map(|(id, inode)| {
            let bytes = inode.seen.clone();
            (*id, Inode { seen: bytes.clone(), durable: bytes, pending: Vec::new() })
        });
        Self(Arc::new(Mutex::new(State {
            inodes: inodes.collect(),
            names: state.names.clone(),
            durable_names: state.names.clone(),
            next_inode: state.next_inode,
            capacity: state.capacity,
            randomness: state.randomness,
            ..State::default()
        })))
    }

    /// Paths of all files, ascending.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|inode| state.inodes[inode].seen.clone())
    }

    /// Replaces or creates a file behind the store's back, durably; `None` removes it.
    pub fn put(&self, path: &Path, bytes: Option<Vec<u8>>) {
        let state = &mut *self.state();
        match bytes {
            Some(bytes) => {
                let inode = state.new_inode();
                state
                    .inodes
                    .insert(inode, Inode { seen: bytes.clone(), durable: bytes, pending: Vec::new() });
                state.names.insert(path.into(), inode);
                state.durable_names.insert(path.into(), inode);
            }
            None => {
                state.names.remove(path);
                state.durable_names.remove(path);
            }
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one call through the plan.
    pub(super) fn run<T>(
        &self,
        action: Action,
        path: &Path,
        life: Option<u64>,
        call: impl FnOnce(&mut State, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.is_off || life.is_some_and(|life| life != state.life) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        state.calls += 1;
        let number = state.calls;
        let verdict = match &mut state.plan {
            Some(plan) => plan(&Call { number, action, path }),
            None => Verdict::Proceed,
        };
        let is_sync = matches!(action, Action::Sync | Action::SyncDir);
        let (done, errno) = match verdict {
            Verdict::Proceed => {
                let done = call(state, Extent::Whole);
                let is_full = done.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOSPC));
                state.faults += u64::from(is_full);
                return done;
            }
            Verdict::Fail(errno) => (None, errno),
            Verdict::FailHalfway(errno) => (Some(call(state, Extent::Half)), errno),
            // A sync that power interrupts gives no promise, so it is simply not done.
            Verdict::PowerOff => ((!is_sync).then(|| call(state, Extent::Half)), libc::EIO),
        };
        state.faults += 1;
        state.is_off = verdict == Verdict::PowerOff;
        // What the call opened may lock the disk when it is dropped.
        drop(guard);
        drop(done);
        Err(io::Error::from_raw_os_error(errno))
    }
}

/// How much of a call happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Half,
}

impl State {
    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].seen.len() as u64).sum()
    }

    fn kill(&mut self) {
        self.life += 1;
        self.is_off = false;
        self.locked.clear();
        self.plan = None;
        self.calls = 0;
    }

    fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    pub fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(|| io::Error::from_raw_os_error(libc::EIO))
    }

    /// Lets a file grow to `length`, or answers that the disk is full.
    pub fn room(&mut self, inode: u64, length: usize) -> io::Result<()> {
        let more = length.saturating_sub(self.inode(inode)?.seen.len()) as u64;
        if more > 0 && self.used() + more > self.capacity {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        Ok(())
    }

    pub fn create(&mut self, path: &Path) -> u64 {
        match self.names.get(path) {
            Some(&inode) => {
                if let Some(inode) = self.inodes.get_mut(&inode) {
                    inode.change(Change::Empty);
                }
                inode
            }
            None => {
                let inode = self.new_inode();
                self.inodes.insert(inode, Inode::default());
                self.names.insert(path.into(), inode);
                self.pending_names.push(NameChange::Put(path.into(), inode));
                inode
            }
        }
    }
}
