// SPDX-License-Identifier: GPL-2.0

//! The platform of the module.

pub(crate) use kernel::fmt;

pub(crate) use crate::ffi::{
    entry,
    read_fence,
    sweep_soon,
    ticks,
    write_fence,
    Current,
    Racy,
    Word,
    TICKS_PER_SECOND, //
};
