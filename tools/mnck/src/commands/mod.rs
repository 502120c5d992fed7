// SPDX-License-Identifier: GPL-2.0

//! The commands, each in a file.  Each returns its exit status.

pub mod doctor;
pub mod list;
pub mod man;
pub mod oom;
pub mod ps;
pub mod run;
pub mod top;
pub mod watch;
