//! The processor's prefetch hint; nothing where there is none.

/// Asks for the cache line at `address`, which need not be valid.
#[inline(always)]
pub fn read(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _unused = address;
}
