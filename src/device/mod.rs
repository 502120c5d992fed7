// SPDX-License-Identifier: GPL-2.0

//! `/dev/mnck`: model subscribers on the address space of a live process.
//!
//! C header: [`mnck_uapi.h`](mnck_uapi.h)

mod argument;

mod call;

mod kinds;

mod session;
pub(crate) use session::Session;

mod watch;
