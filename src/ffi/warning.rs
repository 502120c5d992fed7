// SPDX-License-Identifier: GPL-2.0

//! Warnings, and symbols.

use core::ops::Deref;

use kernel::prelude::*;

use super::{
    mnck_helper_initiator,
    mnck_helper_warn,
    MNCK_SYMBOL_LEN, //
};

/// Warns with one line, "mnck: ", `line`: `WARN()`.
pub(crate) fn warn(line: &CStr) {
    // SAFETY: `line` is a string.
    unsafe { mnck_helper_warn(line.as_char_ptr()) };
}

/// The name of a function.
pub(crate) struct Symbol([u8; MNCK_SYMBOL_LEN as usize]);

impl Deref for Symbol {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// The function that has called the MMU notifiers, of which the current task runs a callback, as
/// its stack shows. Slow.
pub(crate) fn initiator() -> Option<Symbol> {
    let mut name = [0; MNCK_SYMBOL_LEN as usize];

    // SAFETY: `name` has room for a symbol.
    unsafe { mnck_helper_initiator(name.as_mut_ptr().cast()) }.then_some(Symbol(name))
}
