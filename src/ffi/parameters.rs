// SPDX-License-Identifier: GPL-2.0

//! The parameters of the module, which are writable at run time in
//! `/sys/module/mnck/parameters/`.
//!
//! The `module!` macro knows only parameters that are set once, when the module is loaded.
//!
//! C header: [`parameters.h`](parameters.h)

use kernel::{
    bindings,
    sync::atomic::Atomic, //
};

use super::{
    mnck_helper_parameters_apply,
    mnck_helper_parameters_revoke, //
};

/// A parameter. Users may change its value at any time.
#[repr(C)]
pub(crate) struct Parameter {
    value: Atomic<u32>,
    max: u32,
}

impl Parameter {
    /// Returns the value, which is the default unless a user has set another.
    #[inline]
    pub(crate) fn value(&self) -> u32 {
        // SAFETY: The pointer is valid and aligned. The read is volatile, as in C: see `Word::load()`.
        unsafe { self.value.as_ptr().read_volatile() }
    }
}

/// A static key, as [`kernel::jump_label`] wants it.
#[repr(C)]
struct Switch {
    key: bindings::static_key_false,
}

// SAFETY: `parameters.c` defines these, and writes only values, by single stores.
#[allow(improper_ctypes, non_upper_case_globals)]
unsafe extern "C" {
    /// How many subscribers an open file of the device may have.
    #[link_name = "mnck_max_subscribers"]
    pub(crate) safe static max_subscribers: Parameter;
    /// How long a callback waits for user space, in ms.
    #[link_name = "mnck_wait_limit_ms"]
    pub(crate) safe static wait_limit_ms: Parameter;
    /// How long a callback may take, in ms, or 0 if it has no limit.
    #[link_name = "mnck_latency_limit_ms"]
    pub(crate) safe static latency_limit_ms: Parameter;
    /// How long a callback may run before it is reported while it runs, in ms, or 0 if it is not.
    #[link_name = "mnck_stall_limit_ms"]
    pub(crate) safe static stall_limit_ms: Parameter;
    /// How many open ranges a new chain has memory for.
    #[link_name = "mnck_chain_slots"]
    pub(crate) safe static chain_slots: Parameter;

    /// How many tasks the ledger has a place for.
    #[link_name = "mnck_ledger_slots"]
    pub(crate) safe static ledger_slots: Parameter;

    static mnck_measures: Switch;
}

/// Returns whether callbacks are measured: whether there is a limit of their latency, or probes
/// that see what they might have slept for. If not, this costs one no-op instruction, or a test if
/// the kernel has no `CONFIG_JUMP_LABEL`.
///
/// May change while a callback runs.
#[inline(always)]
pub(crate) fn measures() -> bool {
    // SAFETY: The key is in `parameters.c`.
    unsafe { kernel::jump_label::static_branch_unlikely!(mnck_measures, Switch, key) }
}

/// The effect of the parameters: until this is dropped [`measures`] and the probes are on as the
/// parameters say, and afterwards off. The drop sleeps.
pub(crate) struct Applied(());

impl Applied {
    /// Applies the parameters, which must not be applied yet. May sleep.
    pub(crate) fn new() -> Self {
        // SAFETY: The key and the probes are in this module, which drops this before it is
        // unloaded.
        unsafe { mnck_helper_parameters_apply() };
        Self(())
    }
}

impl Drop for Applied {
    fn drop(&mut self) {
        // SAFETY: As in `new()`.
        unsafe { mnck_helper_parameters_revoke() };
    }
}
