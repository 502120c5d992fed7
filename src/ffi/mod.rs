// SPDX-License-Identifier: GPL-2.0

//! The border to C: every hand-written C line of mnck, and safe wrappers of what `kernel` lacks.

mod raw;
pub(crate) use raw::*;

mod semaphore;
pub(crate) use semaphore::Semaphore;

pub(crate) mod target;
pub(crate) mod uapi;
