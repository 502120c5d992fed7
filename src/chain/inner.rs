// SPDX-License-Identifier: GPL-2.0

//! The state of a chain, shared by its two registrations and its memberships.

use kernel::{
    alloc::AllocError,
    mm::Mm,
    new_condvar,
    new_mutex,
    new_spinlock,
    new_srcu,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        CondVar,
        Mutex,
        SpinLock,
        Srcu, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::{
    member::Member,
    members::Members,
    pairs::{
        Begun,
        Pairs, //
    }, //
};
use crate::mmu_notifier::{
    CallbackContext,
    Range,
    TaskContext,
    WouldBlock, //
};

/// The members and the open ranges of a chain.
///
/// The locks nest in the order of the fields. No member is called under any of them.
#[pin_data]
pub(super) struct Inner {
    mm: ARef<Mm>,

    /// Serialises joining and leaving. Never taken in a callback, so that memory can be allocated
    /// under it.
    #[pin]
    changing: Mutex<()>,

    /// The members that are called. The lock is held only to take a reference to the list, or to
    /// replace the list.
    #[pin]
    current: SpinLock<Current>,

    /// Held around every use of a list in a callback. A task that removes a member can thus wait
    /// until no callback uses an old list: the member is then called no more, and is not dropped in
    /// a callback.
    #[pin]
    readers: Srcu,

    /// The ranges whose start was called and did not refuse, and whose end is yet to come.
    #[pin]
    open: Pairs<()>,

    /// Notified when a range in `open` is over.
    #[pin]
    ended: CondVar,
}

struct Current {
    members: Arc<Members>,
    /// Whether the address space goes, or the chain was dropped.
    released: bool,
}

impl Inner {
    /// Makes the state of a chain on `mm`, without members, with memory for `reserved` ranges that
    /// are open at once. May sleep.
    pub(super) fn new(mm: &Mm, reserved: usize) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                mm: ARef::from(mm),
                changing <- new_mutex!((), "Chain::changing"),
                current <- {
                    let current = Current {
                        members: Arc::new(Members::none(), GFP_KERNEL)?,
                        released: false,
                    };

                    new_spinlock!(current, "Chain::current")
                },
                readers <- new_srcu!("Chain::readers"),
                open <- Pairs::new(reserved),
                ended <- new_condvar!("Chain::ended"),
            }? Error),
            GFP_KERNEL,
        )
    }

    fn members(&self) -> Arc<Members> {
        self.current.lock().members.clone()
    }

    /// Returns the number of members.
    pub(super) fn len(&self) -> usize {
        self.members().len()
    }

    /// Starts `range` for all members. If one refuses, ends `range` for those that had
    /// started before it, and refuses.
    pub(super) fn start<'c>(
        &self,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        // This comes before the members are looked up: see `wait_for_open()`.
        if self.open.begin(range, &context)? == Begun::Closed {
            return Ok(());
        }

        let reading = self.readers.read_lock();
        let members = self.members();
        let result = members.start(range, context);

        // In this order: otherwise this could drop the last reference to a member that has left.
        drop(members);
        drop(reading);
        if result.is_err() {
            self.over(range);
        }
        result
    }

    /// Ends `range` for all members that have started it. This is also called for a range that a
    /// member has refused, because the core ends a refused range for all registrations that have an
    /// end: no member has that range open.
    pub(super) fn end(&self, range: &Range, context: CallbackContext<'_>) {
        if !self.open.has(range) {
            return;
        }
        let reading = self.readers.read_lock();
        let members = self.members();
        members.end(range, context);

        drop(members);
        drop(reading);
        self.over(range);
    }

    fn over(&self, range: &Range) {
        self.open.take(range);
        self.ended.notify_all();
    }

    /// Releases all members, once. No member can join afterwards.
    pub(super) fn release(&self) {
        let reading = self.readers.read_lock();
        let members = {
            let mut current = self.current.lock();

            current.released = true;
            current.members.clone()
        };

        drop(self.open.close());
        self.ended.notify_all();
        members.close(&self.mm);

        drop(members);
        drop(reading);
    }

    /// Adds a member, which is called from now on. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ESRCH`]: the address space has gone.
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn join(&self, member: Arc<dyn Member>) -> Result {
        let _changing = self.changing.lock();
        let members = Arc::new(self.members().with(member)?, GFP_KERNEL)?;

        if self.put(members, false).is_none() {
            return Err(ESRCH);
        }
        Ok(())
    }

    /// Waits until all ranges that are open now are over. Sleeps.
    ///
    /// A callback records its range before it looks the members up. So a member that has joined
    /// before this call has been started for every range that is open when this returns, unless the
    /// member was released.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: a signal came.
    pub(super) fn wait_for_open(&self, _task: &mut TaskContext) -> Result {
        let mut open = self.open.open().lock();
        let begun = open.begun();

        while open.has_one_of_first(begun) {
            if self.ended.wait_interruptible(&mut open) {
                return Err(EINTR);
            }
        }
        Ok(())
    }

    /// Removes a member, whose callbacks are not called any more when this returns. Sleeps.
    pub(super) fn leave(&self, member: &Arc<dyn Member>) {
        let old = {
            let _changing = self.changing.lock();
            let members = no_fail(|| {
                let members = self.members().without(member)?;

                Arc::new(members, GFP_KERNEL)
            });

            self.put(members, true)
        };

        self.readers.synchronize();
        // The old list may hold the last references to members: drop it here, not in a callback.
        drop(old);
        member.close(&self.mm);
    }

    /// Replaces the list of members and returns the old list. Does nothing and returns `None` if
    /// the chain was released, unless `released_too` is set.
    fn put(&self, members: Arc<Members>, released_too: bool) -> Option<Arc<Members>> {
        let mut current = self.current.lock();

        if current.released && !released_too {
            return None;
        }
        Some(core::mem::replace(&mut current.members, members))
    }
}

/// Calls `allocate` until it succeeds, as `__GFP_NOFAIL` does. The allocation is a few bytes, and
/// the task holds nothing that other tasks need to free memory. Sleeps.
fn no_fail<T>(mut allocate: impl FnMut() -> Result<T, AllocError>) -> T {
    loop {
        match allocate() {
            Ok(allocated) => return allocated,
            Err(AllocError) => fsleep(Delta::from_millis(1)),
        }
    }
}
