//! Large blocks of memory.

/// Lets the C library keep blocks that are freed, for the next query: one that groups grows its tables anew each time, and each page
/// that the system gives costs a fault. glibc keeps larger blocks the larger ones are freed, up to these bounds; here it begins
/// with them. What it keeps is at most the second of them at the end of each heap, one per thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep() {
    /// Blocks from this size on are the system's own business.
    const MAPPED_BYTES_MIN: i32 = 32 << 20;
    /// Bytes at the end of a heap that go back to the system.
    const RETURNED_BYTES_MIN: i32 = 64 << 20;

    // SAFETY: the C library locks itself; it takes any number.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
        libc::mallopt(libc::M_TRIM_THRESHOLD, RETURNED_BYTES_MIN);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep() {}
