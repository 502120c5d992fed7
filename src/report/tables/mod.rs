// SPDX-License-Identifier: GPL-2.0

//! The tables in `/sys/kernel/debug/mnck/`.
//!
//! Each table has a header, and a line for each thing that it lists. A reader takes a lock only to
//! copy one thing, and writes the line without it. So the lines of a table are of different moments,
//! but a thing that is there during the whole read is listed once.

use kernel::prelude::*;

use super::text::Text;
use crate::{
    check::Watched,
    ffi::{
        Directory,
        Table, //
    }, //
};

mod calls;
mod open;
mod running;
mod subscribers;
mod violations;

use self::{
    open::OpenRanges,
    running::Running,
    subscribers::Subscribers,
    violations::Violations, //
};

/// All tables. Sleeps on drop.
pub(crate) struct Tables(Directory);

impl Tables {
    /// Makes the tables, of which there is one set, when nothing else can fail any more: a task may
    /// have a table open as soon as it is there. May sleep.
    pub(crate) fn new() -> Self {
        let directory = Directory::new(c"mnck");

        directory.add::<Subscribers>();
        directory.add::<OpenRanges>();
        directory.add::<Running>();
        directory.add::<Violations>();
        Self(directory)
    }

    /// Adds a table of another folder.
    pub(crate) fn with<T: Table>(self) -> Self {
        self.0.add::<T>();
        self
    }
}

/// The name of a subscriber in the tables: "counter 12".
type Name = Text<128>;

/// Returns the name of `watched`.
fn name(watched: &Watched) -> Name {
    Text::of(fmt!("{}", watched.name()))
}
