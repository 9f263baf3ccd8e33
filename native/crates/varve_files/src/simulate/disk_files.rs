//! The simulated disk as the store's file layer.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Action, Disk, Extent, State};
use super::random::Random;
use super::unsynced::{Change, NameChange, settle_names};
use crate::{Access, File, Files, Lock, Map};

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
        let synced = self.run(Action::SyncDir, dir, None, |state, extent| {
            if extent == Extent::Whole && !state.lies {
                let changes = take_names(state, dir);
                changes.iter().for_each(|change| change.apply(&mut state.durable_names));
            }
            Ok(())
        });
        let state = &mut *self.state();
        if synced.is_err() && !state.is_off {
            // As with contents: no later sync writes what this one did not.
            let mut random = Random::new(state.randomness ^ state.calls);
            let changes = take_names(state, dir);
            settle_names(&changes, &mut state.durable_names, &mut random);
        }
        synced
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

/// The unsynced name changes of one directory.
fn take_names(state: &mut State, dir: &Path) -> Vec<NameChange> {
    let all = std::mem::take(&mut state.pending_names);
    let (taken, left) = all.into_iter().partition(|change| change.dir() == Some(dir));
    state.pending_names = left;
    taken
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
