// SPDX-License-Identifier: GPL-2.0

//! Warnings, and the names of functions and tasks that they have.

use core::ops::Deref;

use kernel::{
    ffi::c_char,
    prelude::*,
    task::Task, //
};

use super::{
    mnck_helper_initiator_name,
    mnck_helper_task_comm,
    mnck_helper_warn,
    MNCK_SYMBOL_LEN, //
};

/// Warns with one line, `mnck: line`: `WARN()`.
pub(crate) fn warn(line: &CStr) {
    // SAFETY: `line` is a string.
    unsafe { mnck_helper_warn(line.as_char_ptr()) };
}

/// The name of a function or a task.
pub(crate) struct Name([c_char; MNCK_SYMBOL_LEN as usize]);

impl Name {
    const EMPTY: Self = Self([0; MNCK_SYMBOL_LEN as usize]);
}

impl Deref for Name {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// The function that has called the MMU notifiers, of which `task` runs a callback, as its stack
/// shows. Slow.
pub(crate) fn initiator(task: &Task) -> Option<Name> {
    let mut name = Name::EMPTY;

    // SAFETY: `task` is valid, and `name` has room for a symbol.
    unsafe { mnck_helper_initiator_name(task.as_ptr(), name.0.as_mut_ptr()) }.then_some(name)
}

/// What `task` is called.
pub(crate) fn task_name(task: &Task) -> Name {
    let mut name = Name::EMPTY;

    // SAFETY: `task` is valid, and `name` has room for what a task is called.
    unsafe { mnck_helper_task_comm(task.as_ptr(), name.0.as_mut_ptr()) };
    name
}
