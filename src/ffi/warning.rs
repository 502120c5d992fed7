// SPDX-License-Identifier: GPL-2.0

//! Warnings, and the names of functions and tasks for them.

use core::ops::Deref;

use kernel::{
    ffi::c_char,
    prelude::*,
    task::Task, //
};

use super::{
    mnck_helper_initiator_name,
    mnck_helper_task_comm,
    mnck_helper_task_initiator_name,
    mnck_helper_warn,
    MNCK_SYMBOL_LEN, //
};
use crate::event;

/// Calls `WARN()` with the message `mnck: `, followed by `line`.
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

/// Returns the function that has called the MMU notifiers, if `task` is in a callback. Walks the
/// stack of `task` and looks up symbols, so it is slow. Never sleeps.
pub(crate) fn initiator(task: &Task) -> Option<Name> {
    let mut name = Name::EMPTY;

    // SAFETY: `task` is valid, and `name` has `MNCK_SYMBOL_LEN` bytes.
    unsafe { mnck_helper_initiator_name(task.as_ptr(), name.0.as_mut_ptr()) }.then_some(name)
}

/// As [`initiator`], of a task that may have exited.
pub(crate) fn initiator_of(task: &event::Task) -> Option<Name> {
    let mut name = Name::EMPTY;

    // SAFETY: The function accepts any numbers, and `name` has `MNCK_SYMBOL_LEN` bytes.
    unsafe { mnck_helper_task_initiator_name(task.pid, task.key, name.0.as_mut_ptr()) }
        .then_some(name)
}

/// Returns the name of `task`.
pub(crate) fn task_name(task: &Task) -> Name {
    let mut name = Name::EMPTY;

    // SAFETY: `task` is valid, and `name` has `MNCK_SYMBOL_LEN` bytes.
    unsafe { mnck_helper_task_comm(task.as_ptr(), name.0.as_mut_ptr()) };
    name
}
