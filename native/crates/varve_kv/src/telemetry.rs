//! Sampled read telemetry: one lookup in [`SAMPLE_EVERY`] is timed and traced, and its key is remembered for
//! shadow trials.
//!
//! Counters are summed with relaxed loads and stores: concurrent readers may lose a few counts, and no
//! reader ever waits for another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use varve_types::Result;

use crate::limits::{SAMPLE_EVERY, SAMPLE_NS_MAX, SAMPLED_KEY_BYTES_MAX, SAMPLED_KEYS_MAX};
use crate::stats::ReadStats;
use crate::version::Version;

/// Sums over point reads.
#[derive(Default)]
pub struct ReadCounters {
    lookups: AtomicU64,
    sampled: AtomicU64,
    sampled_ns: AtomicU64,
    sampled_ns_squared: AtomicU64,
    delta_ns: AtomicU64,
    from_memtable: AtomicU64,
    from_segment: AtomicU64,
    missing: AtomicU64,
    recent: Recent,
}

/// The keys of the last sampled lookups, cut to what tells their place; never waited for.
#[derive(Default)]
struct Recent(Mutex<(Vec<Vec<u8>>, usize)>);

impl Recent {
    fn remember(&self, key: &[u8]) {
        let Some(mut recent) = self.0.try_lock() else { return };
        let (keys, next) = &mut *recent;
        if keys.len() < SAMPLED_KEYS_MAX {
            keys.push(Vec::new());
        }
        if let Some(slot) = keys.get_mut(*next) {
            slot.clear();
            slot.extend_from_slice(&key[..key.len().min(SAMPLED_KEY_BYTES_MAX)]);
        }
        *next = (*next + 1) % SAMPLED_KEYS_MAX;
    }
}

/// Adds without a read-modify-write cycle.
#[inline]
fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl ReadCounters {
    /// Counts `keys` lookups; true when one of them is to be sampled.
    #[inline]
    pub fn count(&self, keys: u64) -> bool {
        let before = self.lookups.load(Ordering::Relaxed);
        let after = before.wrapping_add(keys);
        self.lookups.store(after, Ordering::Relaxed);
        before / u64::from(SAMPLE_EVERY) != after / u64::from(SAMPLE_EVERY)
    }

    /// As `Version::get`, timed and traced.
    #[cold]
    pub fn sampled_get<'a>(
        &self,
        version: &'a Version,
        key: &[u8],
        key_hash: u64,
        sequence: u64,
    ) -> Result<Option<&'a [u8]>> {
        let started = Instant::now();
        let mut filled = version.memtables().filter(|memtable| !memtable.is_empty()).peekable();
        let has_memtable = filled.peek().is_some();
        let mut found = filled.find_map(|memtable| memtable.get(key, key_hash, sequence));
        let source = if found.is_some() { &self.from_memtable } else { &self.from_segment };
        // Where there is no delta, reading the clock is not to look like one.
        let mut delta_ns = if has_memtable { elapsed_ns(started) } else { 0 };
        for (at, level) in version.levels.iter().enumerate() {
            if found.is_some() {
                break;
            }
            let entered = Instant::now();
            let Some(segment) = level.of(key) else { continue };
            let mut lines = 0;
            let passed = segment.may_contain(key, key_hash);
            if passed {
                let (run, walked) = segment.locate_traced(key);
                lines = u64::from(walked);
                found = segment.get_in(run, key, key_hash)?;
            }
            let ns = elapsed_ns(entered);
            if at + 1 < version.levels.len() {
                delta_ns += ns;
            }
            add(&segment.counters.sampled, 1);
            add(&segment.counters.ns, ns);
            add(&segment.counters.lines, lines);
            add(&segment.counters.false_positives, u64::from(passed && found.is_none()));
        }
        let ns = elapsed_ns(started);
        add(&self.sampled, 1);
        add(&self.sampled_ns, ns);
        add(&self.sampled_ns_squared, ns * ns);
        add(&self.delta_ns, delta_ns.min(ns));
        self.recent.remember(key);
        add(if found.flatten().is_some() { source } else { &self.missing }, 1);
        Ok(found.flatten())
    }

    /// Keys of recent sampled lookups, at most [`SAMPLED_KEYS_MAX`], in no order.
    pub fn recent_keys(&self) -> Vec<Vec<u8>> {
        self.recent.0.lock().0.clone()
    }

    /// The sums.
    pub fn stats(&self) -> ReadStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReadStats {
            lookups: read(&self.lookups),
            sampled: read(&self.sampled),
            sampled_ns: read(&self.sampled_ns),
            sampled_ns_squared: read(&self.sampled_ns_squared),
            delta_ns: read(&self.delta_ns),
            from_memtable: read(&self.from_memtable),
            from_segment: read(&self.from_segment),
            missing: read(&self.missing),
        }
    }
}

/// What took longer than the limit was interrupted: one such lookup would outweigh a thousand others.
fn elapsed_ns(since: Instant) -> u64 {
    (since.elapsed().as_nanos() as u64).min(SAMPLE_NS_MAX)
}
