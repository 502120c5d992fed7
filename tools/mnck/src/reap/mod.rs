// SPDX-License-Identifier: GPL-2.0

//! A program that is killed and held in its exit, so that its memory can be taken away with
//! certainty.

pub mod cgroup;
pub mod memory;
pub mod victim;
