// SPDX-License-Identifier: GPL-2.0

//! The table of all subscriptions.

use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc, //
};

use super::watching::State;
use crate::ffi::{
    subscriptions::{
        CoreState,
        Layout,
        Process,
        Subscription,
        Symbol, //
    },
    Table, //
};

/// The subscriptions of all processes, in the order in which the core calls them: the last that was
/// registered comes first, and intervals follow by their addresses.
pub(crate) struct Registered;

/// The subscriptions of one process, copied at one moment.
pub(crate) struct Copied {
    pid: i32,
    comm: [u8; 16],
    mm: usize,
    state: CoreState,
    subscriptions: KVVec<Subscription>,
}

/// A place in the table: behind all processes up to an id, and in the midst of one.
#[derive(Clone, Default)]
pub(crate) struct Cursor {
    passed: i32,
    within: Option<(Arc<Copied>, usize)>,
    /// Whether the reason was shown why there is nothing more.
    failed: bool,
}

pub(crate) enum Item {
    /// The subscription with this index.
    Subscription(Arc<Copied>, usize),
    /// Why there is nothing more.
    Failed(Error),
}

impl Copied {
    /// Returns the name of the process.
    fn name(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.comm).unwrap_or_default()
    }

    /// Copies the subscriptions of the next process behind `pid` that has any.
    fn next(pid: i32) -> Result<Option<Arc<Self>>> {
        let layout = Layout::calibrate()?;
        let Some(process) = Process::next(pid) else {
            return Ok(None);
        };
        let (state, subscriptions) = process.subscriptions(layout)?;

        Ok(Some(Arc::new(
            Self {
                pid: process.pid,
                comm: *process.comm(),
                mm: process.mm(),
                state,
                subscriptions,
            },
            GFP_KERNEL,
        )?))
    }
}

impl Table for Registered {
    const NAME: &'static CStr = c"registered";

    type Cursor = Cursor;
    type Item = Item;

    fn header(out: &SeqFile) {
        seq_print!(out, "{:<44} {:>7} {:<15} WHAT\n", "DRIVER", "PID", "COMM");
    }

    fn next(cursor: &mut Cursor) -> Option<Item> {
        loop {
            if let Some((copied, index)) = cursor.within.take() {
                if index < copied.subscriptions.len() {
                    cursor.within = Some((copied.clone(), index.wrapping_add(1)));
                    return Some(Item::Subscription(copied, index));
                }
                cursor.passed = copied.pid;
            }
            if cursor.failed {
                return None;
            }
            match Copied::next(cursor.passed) {
                Ok(copied) => cursor.within = Some((copied?, 0)),
                Err(error) => {
                    cursor.failed = true;
                    return Some(Item::Failed(error));
                }
            }
        }
    }

    fn show(out: &SeqFile, item: &Item) {
        match item {
            Item::Subscription(copied, index) => {
                if let Some(subscription) = copied.subscriptions.get(*index) {
                    show(out, copied, subscription);
                }
            }
            Item::Failed(error) if *error == EOPNOTSUPP => seq_print!(
                out,
                "no list: this kernel keeps its subscriptions in another way than Linux 7.3, \
                 or ranges of this process are open\n"
            ),
            Item::Failed(error) if *error == EBUSY => seq_print!(
                out,
                "no list yet: read this file with a process of one thread, such as cat\n"
            ),
            Item::Failed(error) => seq_print!(out, "no list: error {}\n", error.to_errno()),
        }
    }
}

fn show(out: &SeqFile, copied: &Copied, subscription: &Subscription) {
    seq_print!(
        out,
        "{:<44} {:>7} {:<15} ",
        Symbol::of_driver(subscription).as_str(),
        copied.pid,
        copied.name().to_str().unwrap_or("?")
    );
    if subscription.is_interval {
        seq_print!(
            out,
            "{:#x}-{:#x} seq {} open {} ",
            subscription.start,
            subscription.last.wrapping_add(1),
            copied.state.invalidate_seq,
            copied.state.active_ranges
        );
    }
    seq_print!(out, "{}", subscription.callback_names());

    let origin = State::with(|observed| {
        observed
            .registrations()
            .origin(subscription.address, copied.mm)
    });
    if let Some(origin) = origin.flatten() {
        seq_print!(
            out,
            " by {} {} s ago",
            Symbol::of_function(origin.caller).as_str(),
            origin.age_ns / 1_000_000_000
        );
    }
    seq_print!(out, "\n");
}
