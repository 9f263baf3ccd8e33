//! Tortures databases of tables; every cycle depends on its seed alone, but for the moment of a kill.
//!
//! A cycle drives one database with random transactions, does one kind of harm, and compares whatever the database shows
//! afterwards with a model of what was acknowledged and what was in flight. Segments, key runs and the mark lie on the
//! simulated disk where the harm asks for it; the catalogue is SQLite's and lies on the real one.

mod drive;
mod faults;
pub mod hostile;
mod model;
mod power;
mod rot;
mod session;
mod victim;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use victim::{WORD, live};

/// One kind of harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The process is killed while it commits.
    Kill,
    /// The power is cut anywhere, several times in a row.
    Power,
    /// A file of a database at rest is damaged.
    Rot,
    /// Files may not grow any more.
    Full,
    /// One call of the file layer fails.
    Fail,
    /// No descriptor is free.
    Fds,
}

impl Mode {
    /// Every mode with its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("kill", Self::Kill),
        ("power", Self::Power),
        ("rot", Self::Rot),
        ("full", Self::Full),
        ("fail", Self::Fail),
        ("fds", Self::Fds),
    ];

    /// The mode of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }
}

/// Whether the fault came up, or what broke.
type Verdict = Result<bool, String>;

/// One cycle; a panic inside it is a failure like any other. `program` calls [`live`] with its arguments when the first is
/// [`WORD`].
pub fn cycle(mode: Mode, seed: u64, program: &Path) -> Verdict {
    let tortured = catch_unwind(AssertUnwindSafe(|| match mode {
        Mode::Kill => victim::kill(seed, program),
        Mode::Power => power::power(seed),
        Mode::Rot => rot::rot(seed),
        Mode::Full => victim::limited(seed, program, "bytes"),
        Mode::Fail => faults::fail(seed),
        Mode::Fds => victim::limited(seed, program, "files"),
    }));
    tortured.unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without words")))
    })
}
