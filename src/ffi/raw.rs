// SPDX-License-Identifier: GPL-2.0

//! The functions of [`helpers.h`](helpers.h), as bindgen declares them.
//!
//! Another kernel module that includes `src/mmu_notifier` has this file alone as its module `ffi`.

#![allow(clippy::all, dead_code, improper_ctypes, missing_docs, unreachable_pub)]

use kernel::{
    bindings::*,
    ffi, //
};

include!(concat!(env!("MNCK_GENERATED"), "/helpers_generated.rs"));
