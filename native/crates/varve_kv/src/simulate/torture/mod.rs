//! Tortures the store on a simulated disk; every cycle depends on its seed alone.
//!
//! A cycle drives one store with random batches while an oracle keeps a sorted map of what was sent and
//! answered, does one kind of harm, and compares whatever the store shows afterwards with the oracle.
//!
//! A torture is worth what it catches. These faults, planted in the log one at a time, are each caught by the cycles of
//! one test run: the file that writing leaves is not synced, or only called synced; a file is reused before it is folded,
//! at once or after a replay; commits count as folded when their memtable is frozen, or before the catalogue that says so
//! is durable (`rename`); after a replay writing goes on in a file that is free.

mod faults;
mod oracle;
mod power;
mod rot;
mod session;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use session::{Met, Outcome};

/// One kind of harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The power is cut anywhere, several times in a row.
    Power,
    /// A file of a store at rest is damaged.
    Rot,
    /// The disk fills up.
    Full,
    /// A sync fails.
    Fsync,
    /// A rename fails, with or without its effect.
    Rename,
    /// No descriptor is free.
    Fds,
    /// One call of any kind fails: the n-th of all, for n = 1, 2, 3, …
    Call,
    /// Checks the torture itself: syncs do nothing, and a cycle passes only if the loss is noticed.
    LyingDisk,
}

impl Mode {
    /// Every mode with its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("power", Self::Power),
        ("rot", Self::Rot),
        ("full", Self::Full),
        ("fsync", Self::Fsync),
        ("rename", Self::Rename),
        ("fds", Self::Fds),
        ("call", Self::Call),
        ("lying-disk", Self::LyingDisk),
    ];

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }
}

/// One cycle; a panic inside it is a failure like any other.
pub fn cycle(mode: Mode, seed: u64, cycle: u64) -> Outcome<Met> {
    let own_seed = seed.wrapping_add(cycle);
    let tortured = catch_unwind(AssertUnwindSafe(|| match mode {
        Mode::Power => power::power(own_seed),
        Mode::LyingDisk => power::lying_disk(own_seed),
        Mode::Rot => rot::rot(own_seed),
        Mode::Full => faults::full(own_seed),
        Mode::Fsync => faults::fsync(own_seed),
        Mode::Rename => faults::rename(own_seed),
        Mode::Fds => faults::fds(own_seed),
        // One workload, of which each call fails in turn.
        Mode::Call => faults::call(seed, cycle),
    }));
    tortured.unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without words")))
    })
}

/// Cycles done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Promises held.
    pub passed: u64,
    /// Promises broken.
    pub failed: u64,
    /// Cycles that passed and in which the fault came up at all: the others prove little.
    pub met: u64,
}

/// Runs `cycles` cycles; `watch` sees the tally after each, and what broke in it with the command that
/// repeats it.
pub fn run(mode: Mode, cycles: u64, seed: u64, mut watch: impl FnMut(&Tally, Option<String>)) -> Tally {
    let mut tally = Tally::default();
    for at in 0..cycles {
        let broken = match cycle(mode, seed, at) {
            Ok(is_met) => {
                tally.passed += 1;
                tally.met += u64::from(is_met);
                None
            }
            Err(what) => {
                tally.failed += 1;
                Some(format!("cycle {at}: {what}\n  repeat: {}", repeat(mode, seed, at)))
            }
        };
        watch(&tally, broken);
    }
    tally
}

/// `call` counts calls by its cycle, so it is repeated from its first one.
fn repeat(mode: Mode, seed: u64, cycle: u64) -> String {
    let (seed, cycles) = if mode == Mode::Call { (seed, cycle + 1) } else { (seed.wrapping_add(cycle), 1) };
    format!("npm run torture -- kv --mode {} --cycles {cycles} --seed {seed}", mode.name())
}
