// SPDX-License-Identifier: GPL-2.0

//! Rules `failure` and `failing-end`: what a start may return.

use kernel::{
    error::code::EAGAIN,
    ffi::c_int,
    prelude::*, //
};

use super::{
    Rule,
    Watch, //
};
use crate::event::Range;

/// A start that refuses a non-blockable range, as it may.
#[must_use = "a refusal has effect only if the callback returns it"]
pub(crate) struct Refused;

impl Watch {
    /// Returns what the core may see of the `code` that a start of `range` has returned: whatever the code,
    /// a blockable range is not refused, and a non-blockable one is refused with `-EAGAIN`.
    ///
    /// `has_end` says whether the subscriber has an end as well, and is no member of a chain.
    pub(crate) fn start_result(
        &self,
        range: Range,
        code: c_int,
        has_end: bool,
    ) -> Result<(), Refused> {
        if code == 0 {
            return Ok(());
        }

        let would_block = code == EAGAIN.to_errno();
        if range.blockable {
            self.report(
                Rule::Failure,
                Some(range),
                fmt!("start failed with {code} for a blockable range, taken as success"),
            );
            return Ok(());
        }
        if !would_block {
            self.report(
                Rule::Failure,
                Some(range),
                fmt!(
                    "start failed with {code}, taken as {}",
                    if has_end { "success" } else { "-EAGAIN" }
                ),
            );
        }
        if has_end {
            self.report(
                Rule::FailingEnd,
                Some(range),
                fmt!("start refused, but the subscriber has an end"),
            );
        }
        Err(Refused)
    }
}
