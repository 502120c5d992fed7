// SPDX-License-Identifier: GPL-2.0

//! The facts and the checks of mnck, compiled for the host, and their tests.
//!
//! The module compiles the same files. Here `event::platform` takes its atomics from `std`, or from
//! loom if cargo is run with `--cfg=loom`.

// The tests use a part of it.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/event/mod.rs"]
mod event;

#[path = "../../../src/check/mod.rs"]
mod check;

#[cfg(all(test, loom))]
mod interleavings;

#[cfg(all(test, not(loom)))]
mod rules;

#[cfg(all(test, not(loom)))]
mod streams;
