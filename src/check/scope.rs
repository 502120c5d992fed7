// SPDX-License-Identifier: GPL-2.0

//! One run of a callback.

use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};

use super::{
    Callback,
    Place,
    Rule,
    Watch, //
};
use crate::ffi::current_sleeps;

/// One run of a callback, in the current task, until this is dropped.
#[must_use = "a callback is watched until its scope is dropped"]
pub(crate) struct Scope<'a> {
    watch: &'a Watch,
    callback: Callback,
    place: Option<Place>,
    /// How often the task had slept before.
    sleeps: usize,
    _task: NotThreadSafe,
}

impl<'a> Scope<'a> {
    pub(super) fn new(watch: &'a Watch, callback: Callback, place: Option<Place>) -> Self {
        Self {
            watch,
            callback,
            place,
            sleeps: current_sleeps(),
            _task: NotThreadSafe,
        }
    }

    fn may_sleep(&self) -> bool {
        self.callback.may_sleep() && self.place.is_none_or(|place| place.blockable)
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let slept = current_sleeps().wrapping_sub(self.sleeps);

        if slept != 0 && !self.may_sleep() {
            self.watch.report_at(
                Rule::NonBlock,
                self.place,
                fmt!("{} slept {} times", self.callback.name(), slept),
            );
        }
    }
}
