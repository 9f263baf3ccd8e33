//! What is written but not synced, and how luck decides over it when the power goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::random::Random;

/// What a drive writes whole or not at all.
const SECTOR: usize = 512;

/// The contents of one file.
#[derive(Clone, Default)]
pub struct Inode {
    /// What calls see.
    pub seen: Vec<u8>,
    /// What a power cut leaves.
    pub durable: Vec<u8>,
    /// Changes of `seen` that are not in `durable`, oldest first.
    pub pending: Vec<Change>,
}

/// One change of contents.
#[derive(Clone)]
pub enum Change {
    /// Cut to nothing.
    Empty,
    /// Zeros up to this length.
    Grow(usize),
    /// Bytes at an offset.
    Write(usize, Vec<u8>),
}

/// One change of names.
#[derive(Clone)]
pub enum NameChange {
    Put(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
}

impl NameChange {
    /// The directory whose sync makes it durable.
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Self::Put(path, _) | Self::Rename(_, path, _) | Self::Remove(path) => path.parent(),
        }
    }

    /// Does it.
    pub fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
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
    /// Changes what calls see.
    pub fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// Makes everything durable.
    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Lets luck decide over everything unsynced.
    pub fn settle(&mut self, random: &mut Random) {
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

/// Lets luck decide over unsynced changes of names.
pub fn settle_names(changes: &[NameChange], durable: &mut BTreeMap<PathBuf, u64>, random: &mut Random) {
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
            change.apply(durable);
        }
    }
}
