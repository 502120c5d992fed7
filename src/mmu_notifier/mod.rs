// SPDX-License-Identifier: GPL-2.0

//! MMU notifiers.
//!
//! A secondary MMU (of a virtual machine, a GPU, an RDMA card) keeps its own translations of a
//! process's memory. An MMU notifier tells it of each change to the primary page tables in time to
//! drop the translations that the change makes stale: core mm brackets the change of a [`Range`]
//! between a *start* and an *end*.
//!
//! One C type, `struct mmu_notifier`, serves subscribers with different duties. Here each has a
//! type of its own, and what its duty forbids cannot be written:
//!
//! - [`Paired`]: has a start and an end, and can fail neither. For who must know when a change is
//!   under way, as KVM does. Registered as [`StartEnd`].
//! - [`Fallible`]: has a start alone, which may refuse. For who must take a lock that may be
//!   taken, as RDMA does. Registered as [`StartOnly`].
//!
//! A subscriber that could refuse *and* wants an end cannot be: once one start has refused, the
//! core ends the range for all who have an end, and a subscriber could not tell whether its own
//! start was the one that failed.
//!
//! Most ranges are *blockable*: the callbacks may sleep. The ranges of the OOM reaper and of
//! `process_mrelease(2)` are not, because the reaper must not wait for a lock whose holder waits
//! for memory. Callbacks learn which by a [`CallbackContext`], and it gives each what that kind
//! allows: the right to sleep ([`MaySleep`]), or the right to refuse ([`NoSleep::would_block`]).
//!
//! A [`Registration`] ties a subscriber to an [`Mm`](kernel::mm::Mm) until it is dropped.
//!
//! C header: [`include/linux/mmu_notifier.h`](srctree/include/linux/mmu_notifier.h)

#[cfg(not(CONFIG_MMU_NOTIFIER))]
compile_error!(
    "this kernel has no MMU notifiers: CONFIG_MMU_NOTIFIER has no prompt, enable CONFIG_KVM or \
     CONFIG_TEST_HMM, which select it"
);

mod context;
pub use context::{
    CallbackContext,
    MaySleep,
    NoSleep,
    WouldBlock, //
};

mod fallible;
pub use fallible::{
    Fallible,
    StartOnly, //
};

mod paired;
pub use paired::{
    Paired,
    StartEnd, //
};

mod range;
pub use range::{
    Event,
    Range, //
};

mod registration;
pub use registration::{
    Flavour,
    Registration,
    Subscriber, //
};
