// SPDX-License-Identifier: GPL-2.0

//! A word for synchronisation.

use kernel::sync::{
    atomic::{
        Atomic,
        Full,
        Release, //
    },
    barrier, //
};

/// A word for synchronisation.
///
/// Where the kernel does not inline C's functions in Rust code, `kernel::sync::atomic` calls a function
/// for each load and each store. A probe makes dozens of them, so here they are what they are in C.
pub(crate) struct Word(Atomic<u64>);

impl Word {
    /// Makes a word.
    #[inline]
    pub(crate) const fn new(value: u64) -> Self {
        Self(Atomic::new(value))
    }

    /// Returns the word: `READ_ONCE()`.
    #[inline(always)]
    pub(crate) fn load(&self) -> u64 {
        // SAFETY: The pointer is valid and aligned. A volatile access of a word is `READ_ONCE()`, for
        // which the kernel's memory model defines what a race gives.
        unsafe { self.0.as_ptr().read_volatile() }
    }

    /// Sets the word: `WRITE_ONCE()`.
    #[inline(always)]
    pub(crate) fn store(&self, value: u64) {
        // SAFETY: As in `load()`.
        unsafe { self.0.as_ptr().write_volatile(value) };
    }

    /// Returns the word: `smp_load_acquire()`.
    #[inline(always)]
    pub(crate) fn load_acquire(&self) -> u64 {
        // The CPU does not reorder loads.
        #[cfg(CONFIG_X86_64)]
        {
            let value = self.load();

            compiler_barrier();
            value
        }
        #[cfg(CONFIG_ARM64)]
        {
            let value;

            // SAFETY: The pointer is valid and aligned.
            unsafe {
                core::arch::asm!(
                    "ldar {value}, [{at}]",
                    value = out(reg) value,
                    at = in(reg) self.0.as_ptr(),
                    options(nostack, preserves_flags)
                );
            }
            value
        }
    }

    /// Sets the word: `smp_store_release()`.
    #[inline(always)]
    pub(crate) fn store_release(&self, value: u64) {
        // The CPU reorders no store with what comes before.
        #[cfg(CONFIG_X86_64)]
        {
            compiler_barrier();
            self.store(value);
        }
        #[cfg(CONFIG_ARM64)]
        // SAFETY: The pointer is valid and aligned.
        unsafe {
            core::arch::asm!(
                "stlr {value}, [{at}]",
                value = in(reg) value,
                at = in(reg) self.0.as_ptr(),
                options(nostack, preserves_flags)
            );
        }
    }

    /// Sets the word to `new` if it is `old`, and returns whether it was: `cmpxchg()`.
    #[inline]
    pub(crate) fn replace(&self, old: u64, new: u64) -> bool {
        self.0.cmpxchg(old, new, Full).is_ok()
    }

    /// Adds to the word, and returns what it was: `atomic64_fetch_add_release()`.
    #[inline]
    pub(crate) fn add(&self, value: u64) -> u64 {
        self.0.fetch_add(value, Release)
    }
}

/// Keeps the compiler from moving accesses to memory across this: `barrier()`.
#[cfg(CONFIG_X86_64)]
#[inline(always)]
fn compiler_barrier() {
    // SAFETY: Does nothing. The compiler must take it to access any memory.
    unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
}

/// Orders earlier loads before later loads: `smp_rmb()`.
#[inline(always)]
pub(crate) fn read_fence() {
    barrier::smp_mb(barrier::Read);
}

/// Orders earlier stores before later stores: `smp_wmb()`.
#[inline(always)]
pub(crate) fn write_fence() {
    // As in `Word::store_release()`.
    #[cfg(CONFIG_X86_64)]
    compiler_barrier();
    #[cfg(not(CONFIG_X86_64))]
    barrier::smp_mb(barrier::Write);
}
