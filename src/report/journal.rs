// SPDX-License-Identifier: GPL-2.0

//! The last violations.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

use super::line::Line;
use crate::ffi::{
    Global,
    Published, //
};

/// Where the journal is, from the module's init to its exit.
static JOURNAL: Global<Journal> = Global::new();

/// The lines of the last violations, of all subscribers.
#[pin_data]
pub(super) struct Journal {
    /// Innermost: nothing is called under it but the copying of a line. Callbacks take it, perhaps
    /// under the lock of a page table; no interrupt does.
    #[pin]
    lines: SpinLock<Ring>,
}

/// The last lines, which overwrite the oldest.
pub(super) struct Ring {
    lines: [Line; Self::LENGTH],
    count: u64,
}

impl Ring {
    /// How many lines it has room for.
    pub(super) const LENGTH: usize = 16;

    /// A ring without lines.
    pub(super) const fn new() -> Self {
        Self {
            lines: [const { Line::new() }; Self::LENGTH],
            count: 0,
        }
    }

    /// Adds a line in the place of the oldest.
    pub(super) fn add(&mut self, line: &Line) {
        if let Some(place) = self.lines.get_mut(Self::index(self.count)) {
            place.clone_from(line);
        }
        self.count = self.count.wrapping_add(1);
    }

    /// How many lines there ever were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The line with this number, counted from 0, if it is there still.
    pub(super) fn line(&self, number: u64) -> Option<&Line> {
        if number >= self.count || self.count.wrapping_sub(number) > Self::LENGTH as u64 {
            return None;
        }
        self.lines.get(Self::index(number))
    }

    /// The place of the line with this number.
    fn index(number: u64) -> usize {
        (number % Self::LENGTH as u64) as usize
    }
}

impl Journal {
    /// Makes the journal, of which there is one.
    pub(super) fn publish() -> Result<Published<Self>> {
        let journal = Arc::pin_init(
            pin_init!(Self {
                lines <- new_spinlock!(Ring::new(), "Journal::lines"),
            }),
            GFP_KERNEL,
        )?;

        JOURNAL.publish(journal)
    }

    /// The journal, if the module is not about to go.
    pub(super) fn get() -> Option<Arc<Self>> {
        JOURNAL.get()
    }

    /// Adds a line.
    pub(super) fn add(&self, line: &Line) {
        self.lines.lock().add(line);
    }

    /// How many lines there ever were.
    pub(super) fn count(&self) -> u64 {
        self.lines.lock().count()
    }

    /// The line with this number, counted from 0, if it is there still.
    pub(super) fn line(&self, number: u64) -> Option<Line> {
        self.lines.lock().line(number).cloned()
    }
}
