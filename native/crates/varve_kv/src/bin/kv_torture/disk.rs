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
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use varve_kv::files::{Access, File, Files, Lock, Map};

use crate::random::Random;

const SECTOR: usize = 512;

/// What a caller asks of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Any kind of opening, the lock file and directories included: whatever takes a descriptor.
    Open,
    Read,
    Write,
    Sync,
    SyncDir,
    Rename,
    Remove,
    Allocate,
    /// Measuring, listing and the like.
    Other,
}

/// One call, before it happens.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Calls since the plan was set, this one included; starts at 1.
    pub number: u64,
    pub action: Action,
    pub path: &'a Path,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
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

#[derive(Default)]
struct State {
    inodes: HashMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<NameChange>,
    next_inode: u64,
    /// Counts power cuts; handles belong to one life.
    life: u64,
    is_off: bool,
    locked: Vec<PathBuf>,
    capacity: u64,
    calls: u64,
    plan: Option<Plan>,
    /// Calls that did not go well.
    faults: u64,
    /// Syncs answer without doing anything: a disk that no store can trust, to test the torture itself.
    lies: bool,
    randomness: u64,
}

#[derive(Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Empty,
    Grow(usize),
    Write(usize, Vec<u8>),
}

#[derive(Clone)]
enum NameChange {
    Put(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Put(path, _) | Self::Rename(_, path, _) | Self::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Put(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Empty => bytes.clear(),
            Self::Grow(length) => bytes.resize(bytes.len().max(*length), 0),
            Self::Write(offset, from) => {
                bytes.resize(bytes.len().max(offset + from.len()), 0);
                bytes[*offset..offset + from.len()].copy_from_slice(from);
            }
        }
    }

    /// The parts of this change that a power cut may keep or lose apart from each other.
    fn sectors(&self) -> Vec<Change> {
        let Self::Write(offset, from) = self else { return vec![self.clone()] };
        let mut parts = Vec::new();
        let mut at = 0;
        while at < from.len() {
            let end = from.len().min(((offset + at) / SECTOR + 1) * SECTOR - offset);
            parts.push(Self::Write(offset + at, from[at..end].to_vec()));
            at = end;
        }
        parts
    }
}

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Lets luck decide over everything unsynced.
    fn settle(&mut self, random: &mut Random) {
        let pending = std::mem::take(&mut self.pending);
        let style = random.below(5);
        let kept = random.below(pending.len() as u64 + 1) as usize;
        for (at, change) in pending.iter().enumerate() {
            match style {
                0 => {}
                1 => change.apply(&mut self.durable),
                // A prefix, its last change torn.
                2 if at < kept => change.apply(&mut self.durable),
                2 if at > kept => {}
                // Whole changes in any subset.
                3 if random.once_in(2) => change.apply(&mut self.durable),
                3 => {}
                _ => {
                    let odds = 1 + random.below(4);
                    for part in change.sectors() {
                        if random.below(5) < odds {
                            part.apply(&mut self.durable);
                        }
                    }
                }
            }
        }
    }
}

impl Disk {
    /// An empty disk; `seed` feeds [`Files::random`].
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
        let style = random.below(4);
        let kept = random.below(changes.len() as u64 + 1) as usize;
        for (at, change) in changes.iter().enumerate() {
            let survives = match style {
                0 => false,
                1 => true,
                2 => at < kept,
                _ => random.once_in(2),
            };
            if survives {
                change.apply(&mut state.durable_names);
            }
        }
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one call through the plan.
    fn run<T>(
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
enum Extent {
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

    fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(|| io::Error::from_raw_os_error(libc::EIO))
    }

    /// Lets a file grow to `length`, or answers that the disk is full.
    fn room(&mut self, inode: u64, length: usize) -> io::Result<()> {
        let more = length.saturating_sub(self.inode(inode)?.seen.len()) as u64;
        if more > 0 && self.used() + more > self.capacity {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        Ok(())
    }

    fn create(&mut self, path: &Path) -> u64 {
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

impl Files for Disk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.run(Action::Other, dir, None, |_, _| Ok(()))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.run(Action::Open, dir, None, |state, _| {
            let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
            Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
        })
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        self.run(Action::Open, path, None, |state, _| {
            let inode = match (access, state.names.get(path)) {
                (Access::Create, _) => state.create(path),
                (_, Some(&inode)) => inode,
                (_, None) => return Err(io::Error::from_raw_os_error(libc::ENOENT)),
            };
            let handle = Handle { disk: self.clone(), inode, life: state.life, path: path.into() };
            Ok(Box::new(handle) as Box<dyn File>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Action::Rename, to, None, |state, _| {
            let inode = state.names.remove(from).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
            state.names.insert(to.into(), inode);
            state.pending_names.push(NameChange::Rename(from.into(), to.into(), inode));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.run(Action::Remove, path, None, |state, _| {
            state.names.remove(path).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
            state.pending_names.push(NameChange::Remove(path.into()));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.run(Action::SyncDir, dir, None, |state, _| {
            let changes = std::mem::take(&mut state.pending_names);
            for change in changes {
                if change.dir() == Some(dir) {
                    change.apply(&mut state.durable_names);
                } else {
                    state.pending_names.push(change);
                }
            }
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.run(Action::Open, path, None, |state, _| {
            if state.locked.iter().any(|locked| locked == path) {
                return Ok(None);
            }
            if !state.names.contains_key(path) {
                state.create(path);
            }
            state.locked.push(path.into());
            let held = Held { disk: self.clone(), path: path.into(), life: state.life };
            Ok(Some(Box::new(held) as Box<dyn Lock>))
        })
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        self.run(Action::Open, Path::new("/dev/urandom"), None, |state, _| {
            let mut random = Random::new(state.randomness);
            let (low, high) = (random.number(), random.number());
            state.randomness = low;
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&low.to_le_bytes());
            bytes[8..].copy_from_slice(&high.to_le_bytes());
            Ok(bytes)
        })
    }
}

/// An open file of one life of the disk.
struct Handle {
    disk: Disk,
    inode: u64,
    life: u64,
    path: PathBuf,
}

impl Handle {
    fn run<T>(
        &self,
        action: Action,
        call: impl FnOnce(&mut State, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        self.disk.run(action, &self.path, Some(self.life), call)
    }
}

impl File for Handle {
    fn len(&self) -> io::Result<u64> {
        self.run(Action::Other, |state, _| Ok(state.inode(self.inode)?.seen.len() as u64))
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.run(Action::Read, |state, _| {
            let seen = &state.inode(self.inode)?.seen;
            let from = seen.get(offset as usize..).and_then(|from| from.get(..into.len()));
            into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, from: &[u8], offset: u64) -> io::Result<()> {
        self.run(Action::Write, |state, extent| {
            let from = if extent == Extent::Half { &from[..from.len() / 2] } else { from };
            state.room(self.inode, offset as usize + from.len())?;
            state.inode(self.inode)?.change(Change::Write(offset as usize, from.to_vec()));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let synced = self.run(Action::Sync, |state, extent| {
            match extent {
                Extent::Whole if !state.lies => state.inode(self.inode)?.sync(),
                _ => {}
            }
            Ok(())
        });
        let state = &mut *self.disk.state();
        if synced.is_err() && !state.is_off && state.life == self.life {
            // The kernel marks the pages clean: no later sync writes them.
            let mut random = Random::new(state.randomness ^ state.calls);
            if let Ok(inode) = state.inode(self.inode) {
                inode.settle(&mut random);
            }
        }
        synced
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.run(Action::Allocate, |state, _| {
            state.room(self.inode, bytes as usize)?;
            state.inode(self.inode)?.change(Change::Grow(bytes as usize));
            Ok(())
        })
    }

    fn start_writeback(&self, _offset: u64, _bytes: u64) {}

    fn map(&self, bytes: usize) -> io::Result<Map> {
        self.run(Action::Read, |state, _| {
            let seen = &state.inode(self.inode)?.seen;
            Ok(Map::copied(seen.get(..bytes).ok_or(io::ErrorKind::UnexpectedEof)?))
        })
    }
}

/// A held lock file.
struct Held {
    disk: Disk,
    path: PathBuf,
    life: u64,
}

impl fmt::Debug for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "lock on {}", self.path.display())
    }
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locked.retain(|locked| *locked != self.path);
        }
    }
}
