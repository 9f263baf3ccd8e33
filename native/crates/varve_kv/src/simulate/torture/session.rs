//! One store on one simulated disk, driven by random work and watched by the oracle.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{AckSink, Durability, Event, OpenOptions, Range, Receipt, Store, Threads};
use varve_types::VarveError;

use super::oracle::{Contents, Fate, Loss, Oracle, compare, probe_keys};
use varve_files::simulate::Disk;
use varve_files::simulate::Random;

/// Where every store lies on its disk.
pub const DIR: &str = "/store";

/// Answers and events, as they arrive on the store's threads.
#[derive(Default)]
struct Inbox {
    answers: Vec<(u64, Result<Durability, String>)>,
    /// Codes of background failures.
    background: Vec<String>,
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Inbox>>);

impl Sink {
    fn with<T>(&self, action: impl FnOnce(&mut Inbox) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AckSink for Sink {
    fn acknowledged(&self, receipts: &[Receipt]) {
        self.with(|inbox| inbox.answers.extend(receipts.iter().map(|ack| (ack.token, Ok(ack.durability)))));
    }

    fn failed(&self, tokens: &[u64], error: &VarveError) {
        let code = error.code().as_str().to_owned();
        self.with(|inbox| inbox.answers.extend(tokens.iter().map(|token| (*token, Err(code.clone())))));
    }
}

/// A store under torture.
pub struct Session {
    pub disk: Disk,
    pub oracle: Oracle,
    pub random: Random,
    /// Codes of every error that the store gave since it was opened.
    pub errors: Vec<String>,
    sink: Sink,
    store: Option<Store>,
    memtable_bytes: usize,
    segment_bytes: usize,
    /// Most are so small that writing often moves to another file, with commits in the last one not folded yet.
    log_file_bytes: usize,
    /// How many of 10 batches are sent without a sync.
    fast_in_ten: u64,
}

/// True when the fault of a cycle came up at all; a cycle without one proves little.
pub type Met = bool;

/// What a broken promise looks like, in words.
pub type Outcome<T = ()> = Result<T, String>;

impl Session {
    /// A fresh disk.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            disk: Disk::new(random.number()),
            oracle: Oracle::new(random.once_in(10)),
            memtable_bytes: *random.pick(&[64 << 10, 64 << 10, 128 << 10, 512 << 10]),
            segment_bytes: *random.pick(&[8 << 10, 32 << 10, 256 << 20]),
            log_file_bytes: *random.pick(&[16 << 10, 16 << 10, 64 << 10, 1 << 20]),
            fast_in_ten: *random.pick(&[3, 3, 8]),
            random,
            errors: Vec::new(),
            sink: Sink::default(),
            store: None,
        }
    }

    /// Opens the store; an error is kept in `errors` and its code returned.
    pub fn open(&mut self) -> Result<(), VarveError> {
        self.errors.clear();
        self.sink = Sink::default();
        let events = self.sink.clone();
        let options = OpenOptions {
            files: Arc::new(self.disk.clone()),
            threads: Threads::Manual,
            memtable_bytes: self.memtable_bytes,
            segment_bytes: self.segment_bytes,
            log_file_bytes: self.log_file_bytes,
            acks: Some(Arc::new(self.sink.clone())),
            on_event: Some(Arc::new(move |event| {
                if let Event::BackgroundFailed { error, .. } = event {
                    events.with(|inbox| inbox.background.push(error.code().as_str().to_owned()));
                }
            })),
            ..OpenOptions::default()
        };
        match Store::open(DIR, options) {
            Ok(store) => {
                self.store = Some(store);
                Ok(())
            }
            Err(error) => {
                self.errors.push(error.code().as_str().to_owned());
                Err(error)
            }
        }
    }

    /// Whether a call failed so far.
    pub fn met(&self) -> Met {
        self.disk.faults() > 0
    }

    /// The open store.
    pub fn store(&self) -> Outcome<&Store> {
        self.store.as_ref().ok_or_else(|| "the store is not open".to_owned())
    }

    /// Does up to `rounds` rounds of random work; stops early when the power is gone or writes fail for
    /// good. Errors of the store are expected and noted; only a broken promise is an `Err`.
    pub fn work(&mut self, rounds: u64) -> Outcome {
        for _ in 0..rounds {
            match self.random.below(100) {
                0..70 => self.send()?,
                70..90 => self.step()?,
                90..93 => self.flush_or_compact()?,
                _ => self.spot_check()?,
            }
            self.collect()?;
            if self.disk.is_off() {
                break;
            }
        }
        // Everything still queued gets its answer, so that the oracle knows it.
        for _ in 0..rounds {
            if self.disk.is_off() || !self.step_did_something()? {
                break;
            }
        }
        self.collect()
    }

    /// Queues one batch.
    pub fn send(&mut self) -> Outcome {
        let (token, batch) = self.oracle.next(&mut self.random);
        let durability =
            if self.random.below(10) < self.fast_in_ten { Durability::Fast } else { Durability::Synced };
        if let Err(error) = self.store()?.write(batch, durability, token) {
            self.note(&error);
            self.oracle.settle(token, Fate::Failed)?;
        }
        Ok(())
    }

    /// One piece of waiting work.
    pub fn step(&mut self) -> Outcome {
        self.step_did_something().map(drop)
    }

    fn step_did_something(&mut self) -> Outcome<bool> {
        match self.store()?.step() {
            Ok(step) => Ok(step != crate::Step::Idle),
            Err(error) => {
                self.note(&error);
                Ok(false)
            }
        }
    }

    fn flush_or_compact(&mut self) -> Outcome {
        let done = if self.random.once_in(4) { self.store()?.compact() } else { self.store()?.flush() };
        if let Err(error) = done {
            self.note(&error);
        }
        Ok(())
    }

    /// Takes answers that have arrived.
    pub fn collect(&mut self) -> Outcome {
        let inbox = self.sink.with(std::mem::take);
        for (token, answer) in inbox.answers {
            let fate = match answer {
                Ok(durability) => Fate::Acknowledged(durability),
                Err(code) => {
                    self.errors.push(code);
                    Fate::Failed
                }
            };
            self.oracle.settle(token, fate)?;
        }
        self.errors.extend(inbox.background);
        Ok(())
    }

    fn note(&mut self, error: &VarveError) {
        self.errors.push(error.code().as_str().to_owned());
    }

    /// Compares a few reads of the running store with everything acknowledged.
    fn spot_check(&mut self) -> Outcome {
        self.collect()?;
        let visible = self.oracle.visible();
        let keys: Vec<Vec<u8>> = probe_keys().collect();
        for _ in 0..8 {
            let key = self.random.pick(&keys).clone();
            match self.store()?.get(None, &key) {
                Ok(value) if value.as_ref() == visible.get(&key) => {}
                Ok(value) => {
                    let (found, wanted) = (value.map(|v| v.len()), visible.get(&key).map(Vec::len));
                    return Err(format!(
                        "while running, key {} reads {found:?} bytes, acknowledged are {wanted:?}",
                        super::oracle::brief(&key)
                    ));
                }
                // Without power nothing can be read.
                Err(error) => self.note(&error),
            }
        }
        Ok(())
    }

    /// Compares everything that the running store shows with everything acknowledged.
    pub fn check_running(&mut self) -> Outcome {
        self.collect()?;
        let visible = self.oracle.visible();
        let found =
            contents_of(self.store()?, false).map_err(|error| format!("while running, a scan: {error}"))?;
        compare(&visible, &found).map_err(|what| format!("while running, {what}"))
    }

    /// Ends the process: the store object goes away without a word to the disk.
    pub fn kill(&mut self) {
        self.disk.end_process();
        self.store = None;
    }

    /// Cuts the power.
    pub fn cut_power(&mut self) {
        // The store must not finish anything while it is dropped, so its handles die first.
        let unsynced = self.random.number();
        self.disk.restart(&mut Random::new(unsynced));
        self.store = None;
    }

    /// Closes the store in good order.
    pub fn close(&mut self) -> Outcome {
        if let Some(store) = self.store.take() {
            let closed = store.close();
            drop(store);
            if let Err(error) = closed {
                self.note(&error);
            }
        }
        self.collect()
    }

    /// Opens the store again, which must succeed, and judges everything in it.
    pub fn reopen_and_judge(&mut self, loss: Loss) -> Outcome {
        self.disk.set_plan(None);
        self.open().map_err(|error| format!("does not open again: {error}"))?;
        let found = contents_of(self.store()?, false).map_err(|error| format!("a scan: {error}"))?;
        self.oracle.accept(&found, loss)?;
        self.judge_reads(&found)?;
        let report = self.store()?.verify(|_, _| {}).map_err(|error| format!("verify: {error}"))?;
        match report.damage.first() {
            Some(damage) => {
                Err(format!("verify finds {} at {} of {}", damage.what, damage.offset, damage.file))
            }
            None => Ok(()),
        }
    }

    /// Every way of reading must agree with the forward scan.
    fn judge_reads(&self, found: &Contents) -> Outcome {
        let store = self.store()?;
        let backward = contents_of(store, true).map_err(|error| format!("a backward scan: {error}"))?;
        compare(found, &backward).map_err(|what| format!("scanning backward, {what}"))?;
        for key in probe_keys().chain(found.keys().cloned()) {
            let value = store.get(None, &key).map_err(|error| format!("get: {error}"))?;
            if value.as_ref() != found.get(&key) {
                return Err(format!("get of {} differs from the scan", super::oracle::brief(&key)));
            }
        }
        Ok(())
    }
}

/// Reads everything by one scan.
pub fn contents_of(store: &Store, reverse: bool) -> Result<Contents, VarveError> {
    let mut cursor = store.cursor(None, Range { reverse, ..Range::default() })?;
    let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while let Some((key, value)) = cursor.next_entry()? {
        if let Some((last, _)) = entries.last() {
            let ordered = if reverse { key < last.as_slice() } else { key > last.as_slice() };
            assert!(ordered, "a scan gives {} out of order", super::oracle::brief(key));
        }
        entries.push((key.to_vec(), value.to_vec()));
    }
    Ok(entries.into_iter().collect())
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
