// SPDX-License-Identifier: GPL-2.0

//! How what was seen is shown: pieces that several commands share.

pub mod findings;
pub mod histogram;
pub mod item;
pub mod json;
pub mod of_oom;
pub mod of_run;
pub mod rules;
#[cfg(test)]
pub mod schema;
pub mod table;
pub mod terminal;
pub mod text;
