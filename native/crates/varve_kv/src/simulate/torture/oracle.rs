//! What the store must hold: a sorted map, the batches sent since, and what became of each.
//!
//! Every batch also puts a key that names it, so that one scan tells which batches a store holds. What
//! it holds must be exactly the base plus those batches in order; that one comparison finds lost, torn,
//! reordered, resurrected and invented entries alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Batch, Durability};

use varve_files::simulate::Random;

/// The contents of a store.
pub type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// Put before the number of a batch in the key that names it.
const NAME: u8 = 0x01;

/// Different data keys, few enough to be overwritten often.
const KEYS: u64 = 400;

/// What is known of a sent batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No answer yet; a crash may keep or lose it.
    Waiting,
    /// Refused with an error; it may be there or not, since an error says nothing about the disk.
    Failed,
    /// Acknowledged.
    Acknowledged(Durability),
}

/// A sent batch.
pub struct Sent {
    pub ops: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub fate: Fate,
}

/// The truth about one store.
#[derive(Default)]
pub struct Oracle {
    base: Contents,
    /// Token of the first batch in `sent`.
    first: u64,
    sent: Vec<Sent>,
    past: Vec<Sent>,
    is_heavy: bool,
}

/// How much a crash may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Only the process ended: every acknowledged batch stays.
    Nothing,
    /// The power went: unsynced batches may be lost, from the end.
    Unsynced,
}

impl Oracle {
    /// An empty store's. Heavy batches have values many times as long, so that log files run full.
    pub fn new(is_heavy: bool) -> Self {
        Self { is_heavy, ..Self::default() }
    }

    /// Makes up the next batch; its token counts all batches ever sent to this store.
    pub fn next(&mut self, random: &mut Random) -> (u64, Batch) {
        let token = self.first + self.sent.len() as u64;
        let mut ops = vec![(name_key(token), Some(Vec::new()))];
        let count = if random.once_in(12) { 1 + random.below(60) } else { random.below(6) };
        for _ in 0..count {
            let key = data_key(random.below(KEYS));
            let value = (!random.once_in(5)).then(|| value_of(token, self.is_heavy, random));
            ops.push((key, value));
        }
        // The name is not always the first to be written.
        let at = random.below(ops.len() as u64) as usize;
        ops.swap(0, at);
        let mut batch = Batch::new();
        for (key, value) in &ops {
            let added = match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            };
            added.expect("keys and values are within the limits");
        }
        self.sent.push(Sent { ops, fate: Fate::Waiting });
        (token, batch)
    }

    /// Notes what became of a batch.
    pub fn settle(&mut self, token: u64, fate: Fate) -> Result<(), String> {
        let at = token.checked_sub(self.first).map(|at| at as usize);
        let sent = at
            .and_then(|at| self.sent.get_mut(at))
            .ok_or_else(|| format!("answer for unknown batch {token}"))?;
        if sent.fate != Fate::Waiting {
            return Err(format!("batch {token} was answered twice: {:?}, then {fate:?}", sent.fate));
        }
        sent.fate = fate;
        Ok(())
    }

    /// What a running store shows: the base and everything acknowledged.
    pub fn visible(&self) -> Contents {
        self.with(|sent| matches!(sent.fate, Fate::Acknowledged(_)))
    }

    /// Judges what a reopened store holds, and on success goes on from there.
    pub fn accept(&mut self, found: &Contents, loss: Loss) -> Result<(), String> {
        let held: BTreeSet<u64> = found.keys().filter_map(|key| token_of(key)).collect();
        let mut gap = None;
        for (at, sent) in self.sent.iter().enumerate() {
            let token = self.first + at as u64;
            let must = match (sent.fate, loss) {
                (Fate::Acknowledged(_), Loss::Nothing) => true,
                (Fate::Acknowledged(durability), Loss::Unsynced) => durability == Durability::Synced,
                _ => false,
            };
            match (held.contains(&token), must, gap) {
                (false, true, _) => {
                    return Err(format!("batch {token} was acknowledged ({:?}) and is gone", sent.fate));
                }
                (true, _, Some(missing)) => {
                    return Err(format!("batch {token} is there although {missing}, sent before it, is not"));
                }
                (false, _, _) if sent.fate != Fate::Failed => gap = Some(token),
                _ => {}
            }
        }
        let first = self.first;
        let mut at = first;
        let expected = self.with(|_| {
            at += 1;
            held.contains(&(at - 1))
        });
        compare(&expected, found)?;
        self.rebase(expected);
        Ok(())
    }

    fn with(&self, mut is_in: impl FnMut(&Sent) -> bool) -> Contents {
        let mut contents = self.base.clone();
        for sent in &self.sent {
            if is_in(sent) {
                apply(&mut contents, &sent.ops);
            }
        }
        contents
    }

    /// Goes on from `found`, whatever was lost before.
    pub fn rebase(&mut self, found: Contents) {
        self.first += self.sent.len() as u64;
        self.past.append(&mut self.sent);
        self.base = found;
    }

    /// Every batch sent before the last `accept` or `rebase`.
    pub fn past(&self) -> &[Sent] {
        &self.past
    }

    /// Every batch sent since then, in order.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }
}

/// Applies operations in order.
pub fn apply(contents: &mut Contents, ops: &[(Vec<u8>, Option<Vec<u8>>)]) {
    for (key, value) in ops {
        match value {
            Some(value) => contents.insert(key.clone(), value.clone()),
            None => contents.remove(key),
        };
    }
}

/// Names the first difference.
pub fn compare(expected: &Contents, found: &Contents) -> Result<(), String> {
    for (key, value) in expected {
        match found.get(key) {
            Some(other) if other == value => {}
            Some(other) => {
                let (ours, theirs) = (brief(value), brief(other));
                return Err(format!("key {} has {theirs} instead of {ours}", brief(key)));
            }
            None => return Err(format!("key {} is missing", brief(key))),
        }
    }
    match found.keys().find(|key| !expected.contains_key(*key)) {
        Some(key) => Err(format!("key {} should not be there", brief(key))),
        None => Ok(()),
    }
}

/// All keys that batches touch, and as many that they never do.
pub fn probe_keys() -> impl Iterator<Item = Vec<u8>> {
    (0..KEYS).flat_map(|number| [data_key(number), [data_key(number), b"?".to_vec()].concat()])
}

/// The start of bytes, for messages.
pub fn brief(bytes: &[u8]) -> String {
    let head: String = bytes.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
    format!("{head} ({} bytes)", bytes.len())
}

fn name_key(token: u64) -> Vec<u8> {
    [&[NAME][..], &token.to_be_bytes()].concat()
}

fn token_of(key: &[u8]) -> Option<u64> {
    match key.split_first() {
        Some((&NAME, number)) => Some(u64::from_be_bytes(number.try_into().ok()?)),
        _ => None,
    }
}

/// A few shapes of keys: short, shared prefixes, binary, long.
fn data_key(number: u64) -> Vec<u8> {
    match number % 5 {
        0 => format!("k{number}").into_bytes(),
        1 => format!("flight/2001-01-{:02}/{number:06}", number % 28).into_bytes(),
        2 => [&b"\xff\x00"[..], &number.to_be_bytes()].concat(),
        3 => [vec![b'p'; 40], number.to_le_bytes().to_vec()].concat(),
        _ => [b"long".to_vec(), vec![number as u8; 300], number.to_be_bytes().to_vec()].concat(),
    }
}

/// Names its batch, so that a value out of time is recognised; some are empty, some span blocks.
fn value_of(token: u64, is_heavy: bool, random: &mut Random) -> Vec<u8> {
    let length = match random.below(40) {
        0 => 0,
        1 => 5_000 + random.below(15_000),
        2..10 => random.below(2_000),
        _ => 8 + random.below(100),
    };
    let mut value = token.to_le_bytes().to_vec();
    value.resize(length as usize * if is_heavy { 12 } else { 1 }, token as u8);
    value
}
