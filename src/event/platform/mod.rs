// SPDX-License-Identifier: GPL-2.0

//! The functions that the ledger needs from the system that it runs on: the kernel in the module,
//! the standard library or loom on the host.
//!
//! | | kernel | host |
//! |---|---|---|
//! | [`Word`] | `kernel::sync::atomic`, and volatile loads and stores | `std` or loom atomics |
//! | [`Racy`] | volatile accesses, as under a C seqcount | relaxed atomics |
//! | [`write_fence`], [`read_fence`] | `smp_wmb()`, `smp_rmb()` | release and acquire fences |
//! | [`Current`] | `current` | a task that the test sets for its thread |
//! | [`ticks`] | `jiffies` | a clock that the test sets |
//! | [`entry`] | a hash of the user's registers | a number that the test sets |
//! | [`sweep_soon`] | wakes the work item that sweeps the ledger | nothing |

#[cfg(not(mnck_host))]
mod kernel;
#[cfg(not(mnck_host))]
pub(crate) use kernel::{
    entry,
    fmt,
    read_fence,
    sweep_soon,
    ticks,
    write_fence,
    Current,
    Racy,
    Word,
    TICKS_PER_SECOND, //
};

#[cfg(mnck_host)]
mod host;
#[cfg(mnck_host)]
pub(crate) use host::{
    entry,
    fmt,
    read_fence,
    set_current,
    set_entry,
    set_ticks,
    sweep_soon,
    ticks,
    write_fence,
    Current,
    Racy,
    Word,
    TICKS_PER_SECOND, //
};
