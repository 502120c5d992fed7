// SPDX-License-Identifier: GPL-2.0

//! The border to C: every hand-written C line of mnck, and safe wrappers of what `kernel` lacks.
//!
//! C header: [`helpers.h`](helpers.h)

mod semaphore;
pub(crate) use semaphore::Semaphore;

pub(crate) mod target;
pub(crate) mod uapi;

#[allow(clippy::all, improper_ctypes, missing_docs, unreachable_pub)]
mod helpers_generated {
    use kernel::{
        bindings::*,
        ffi, //
    };

    include!(concat!(env!("MNCK_GENERATED"), "/helpers_generated.rs"));
}

pub(crate) use helpers_generated::*;
