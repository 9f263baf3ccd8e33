//! Labels for profilers, without effect.
//!
//! `vortex-io` marks the tasks it spawns with the labels of the crate `custom-labels`, whose build script needs a C++
//! compiler and libclang. Varve sets no labels, so this crate of ours takes its place through `[patch.crates-io]` and
//! offers just the calls that `vortex-io` 0.90 makes. A newer `vortex-io` that calls more fails to compile, not to run.

/// A set of labels; always empty.
#[derive(Debug, Default, Clone)]
pub struct Labelset(());

impl Labelset {
    /// The labels of the current thread: none.
    #[must_use]
    pub fn clone_from_current() -> Self {
        Self(())
    }

    /// Calls `f` at once; there are no labels to put in force.
    pub fn enter<R>(&mut self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

/// Labels that travel with a future.
pub mod asynchronous {
    use std::future::Future;

    /// Gives futures the labels of whoever makes them.
    pub trait Label: Future + Sized {
        /// The future itself: there are no labels to carry.
        #[must_use]
        fn with_current_labels(self) -> Self {
            self
        }
    }

    impl<F: Future> Label for F {}
}
