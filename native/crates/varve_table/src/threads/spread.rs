//! Keeping the threads of a runtime on different processors.
//!
//! In a virtual machine Linux takes a processor that was halted for one that the host has taken away, and puts a thread that
//! wakes up behind another one instead (`available_idle_cpu` and `vcpu_is_preempted` of its scheduler). There it stays for
//! many milliseconds: the two threads of a query share a processor while another one idles, and the query takes twice its
//! time. A thread that begins to work where another of them works already therefore moves. It may move on from there: what it
//! may run on stays as it was.

#[cfg(target_os = "linux")]
pub(super) use linux::Spread;
#[cfg(not(target_os = "linux"))]
pub(super) use others::Spread;

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::Cell;
    use std::mem::size_of;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Processors that a mask has.
    const PROCESSORS: usize = libc::CPU_SETSIZE as usize;

    /// How many threads work on each processor, as far as is known: where they began to.
    pub(in super::super) struct Spread(Box<[AtomicU32]>);

    thread_local! {
        /// Where this thread began to work; `None` while it waits.
        static BEGAN: Cell<Option<usize>> = const { Cell::new(None) };
    }

    impl Default for Spread {
        fn default() -> Self {
            Self((0..PROCESSORS).map(|_| AtomicU32::new(0)).collect())
        }
    }

    impl Spread {
        /// The calling thread begins to work. It moves to a processor where none of them works, if it is not on one.
        ///
        /// Cost: 0.1 us; tens of them when it moves.
        pub(in super::super) fn begin(&self) {
            self.end();
            if here().is_some_and(|processor| self.is_busy(processor)) {
                self.leave();
            }
            if let Some((processor, threads)) = here().and_then(|at| Some((at, self.0.get(at)?))) {
                threads.fetch_add(1, Ordering::Relaxed);
                BEGAN.set(Some(processor));
            }
        }

        /// The calling thread waits from now on.
        pub(in super::super) fn end(&self) {
            if let Some(threads) = BEGAN.take().and_then(|processor| self.0.get(processor)) {
                threads.fetch_sub(1, Ordering::Relaxed);
            }
        }

        fn is_busy(&self, processor: usize) -> bool {
            self.0.get(processor).is_some_and(|threads| threads.load(Ordering::Relaxed) > 0)
        }

        /// Moves the calling thread to a processor without others of them. It stays where it is when there is none, or when
        /// it may not.
        fn leave(&self) {
            let Some(allowed) = allowed() else { return };
            let free = (0..PROCESSORS).filter(|at| contains(&allowed, *at) && !self.is_busy(*at));
            // None at all are refused; what was allowed a moment ago is not.
            if allow(&mask(free)) {
                allow(&allowed);
            }
        }
    }

    /// The processor that the calling thread runs on.
    fn here() -> Option<usize> {
        // SAFETY: it takes nothing.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok()
    }

    /// The processors that the calling thread may run on.
    fn allowed() -> Option<libc::cpu_set_t> {
        let mut processors = mask(0..0);
        // SAFETY: the mask is as long as it says; 0 is the calling thread.
        let code = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut processors) };
        (code == 0).then_some(processors)
    }

    /// Has the calling thread run on these only; false when it may not.
    fn allow(processors: &libc::cpu_set_t) -> bool {
        // SAFETY: the mask is as long as it says; 0 is the calling thread.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), processors) == 0 }
    }

    fn mask(processors: impl Iterator<Item = usize>) -> libc::cpu_set_t {
        // SAFETY: it is an array of numbers.
        let mut mask = unsafe { std::mem::zeroed() };
        for processor in processors.filter(|processor| *processor < PROCESSORS) {
            // SAFETY: the mask has a bit for it.
            unsafe { libc::CPU_SET(processor, &mut mask) };
        }
        mask
    }

    fn contains(mask: &libc::cpu_set_t, processor: usize) -> bool {
        // SAFETY: the mask has a bit for it, for there are no more.
        processor < PROCESSORS && unsafe { libc::CPU_ISSET(processor, mask) }
    }

    #[cfg(test)]
    mod tests {
        use std::collections::HashSet;
        use std::sync::{Arc, Barrier};

        use super::{PROCESSORS, Spread, allow, allowed, contains, mask};

        #[test]
        fn threads_that_begin_on_one_processor_part() {
            let allowed = allowed().expect("processors");
            let processors: Vec<usize> = (0..PROCESSORS).filter(|at| contains(&allowed, *at)).collect();
            let (count, first) = (processors.len().min(4), processors[0]);
            let (spread, all_there) = (Arc::new(Spread::default()), Arc::new(Barrier::new(count)));
            let threads: Vec<_> = (0..count)
                .map(|_| {
                    let (spread, all_there) = (Arc::clone(&spread), Arc::clone(&all_there));
                    std::thread::spawn(move || {
                        assert!(allow(&mask(std::iter::once(first))) && allow(&allowed));
                        all_there.wait();
                        spread.begin();
                        let began = super::BEGAN.get();
                        all_there.wait();
                        spread.end();
                        assert!(super::BEGAN.get().is_none());
                        began
                    })
                })
                .collect();
            let began: Vec<_> =
                threads.into_iter().map(|thread| thread.join().expect("a processor")).collect();
            let different: HashSet<_> = began.iter().collect();
            // Two that begin at once may choose the same one.
            assert!(different.len() >= count.min(2), "{began:?}");
            assert!(spread.0.iter().all(|threads| threads.load(std::sync::atomic::Ordering::Relaxed) == 0));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    /// Other systems place threads as they see fit.
    #[derive(Default)]
    pub(in super::super) struct Spread;

    impl Spread {
        pub(in super::super) fn begin(&self) {}

        pub(in super::super) fn end(&self) {}
    }
}
