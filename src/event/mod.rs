// SPDX-License-Identifier: GPL-2.0

//! Facts about MMU notifiers: which callback of which subscriber runs for which range, in which
//! task.
//!
//! Facts are plain data. The model subscribers state the facts about their own callbacks, and
//! [`check`](crate::check) judges them. Nothing here refers to another part of the module, except
//! that [`platform`] takes its functions from the kernel.
//!
//! This folder and the rules in `check` also compile on the host, with `cfg(mnck_host)`: see
//! `selftests/engine`.

mod activity;
pub(crate) use activity::{
    Activity,
    Callback,
    Wait, //
};

mod call;
pub(crate) use call::Call;

pub(crate) mod platform;

#[cfg(not(mnck_host))]
mod queue;
#[cfg(not(mnck_host))]
pub(crate) use queue::Queue;

mod range;
pub(crate) use range::{
    Kind,
    Range, //
};

mod registration;
pub(crate) use registration::Registration;

/// Returns a number for a table of up to 2^32 places, in which words that follow each other, as
/// addresses do, are spread: the high bits of a product with the golden ratio.
#[inline(always)]
pub(crate) fn spread(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

mod task;
pub(crate) use task::{
    Task,
    Tasks, //
};
