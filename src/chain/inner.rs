// SPDX-License-Identifier: GPL-2.0

//! What a chain, its two registrations and its members have in common.

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
    },
    Policy, //
};
use crate::mmu_notifier::{
    CallbackContext,
    Range,
    TaskContext,
    WouldBlock, //
};

/// The members, and the ranges that are open.
///
/// The locks nest in the order of the fields, and no member is called under any of them.
#[pin_data]
pub(super) struct Inner {
    mm: ARef<Mm>,
    policy: Policy,

    /// Serialises who joins and who leaves. Never taken in a callback, so that memory can be
    /// allocated under it.
    #[pin]
    changing: Mutex<()>,

    /// Who is called. Short: only to take a reference, or to put another list there.
    #[pin]
    current: SpinLock<Current>,

    /// Held around all uses of a list in a callback, so that who leaves can wait until no callback
    /// has an old one: its member is then called no more, and not dropped in a callback.
    #[pin]
    readers: Srcu,

    /// The ranges that the chain's start was called for and not refused, and whose end is to come.
    #[pin]
    open: Pairs<()>,

    /// One of them has ended.
    #[pin]
    ended: CondVar,
}

struct Current {
    members: Arc<Members>,
    /// The address space goes, or the chain does.
    released: bool,
}

impl Inner {
    /// Of `mm`, with no member yet, and memory for `reserved` ranges that are open at once.
    pub(super) fn new(mm: &Mm, policy: Policy, reserved: usize) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                mm: ARef::from(mm),
                policy,
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

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.members().len()
    }

    /// Starts `range` for all members, or for none if one refuses.
    pub(super) fn start<'c>(
        &self,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        // Before the members are looked up: see `wait_for_open()`.
        if self.open.begin(range, &context)? == Begun::Closed {
            return Ok(());
        }

        let reading = self.readers.read_lock();
        let members = self.members();
        let result = members.start(self.policy, range, context);

        // In this order, or this might be the last reference to a member that has left.
        drop(members);
        drop(reading);
        if result.is_err() {
            self.over(range);
        }
        result
    }

    /// Ends `range` for all members that have started it: none, if a member has refused it and the
    /// core ends it as it does for all who have an end.
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

    /// Releases all members, once. Those that join later don't.
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

    /// Adds a member, which is called from here on.
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

    /// Waits until all ranges are over that were open when this was called.
    ///
    /// A callback notes its range before it looks the members up. So a member that has joined
    /// before this call was started for every range that is open when this returns, unless it was
    /// released.
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

    /// Removes a member, which is called no more when this returns. Sleeps.
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
        // Here, and not in a callback.
        drop(old);
        member.close(&self.mm);
    }

    /// Puts another list in the place of the current one, which it returns; but not once the chain
    /// was released, unless `released_too`.
    fn put(&self, members: Arc<Members>, released_too: bool) -> Option<Arc<Members>> {
        let mut current = self.current.lock();

        if current.released && !released_too {
            return None;
        }
        Some(core::mem::replace(&mut current.members, members))
    }
}

/// Allocates what must not be missing, as `__GFP_NOFAIL` would: a few bytes, in a task that holds
/// nothing which others need to free memory.
fn no_fail<T>(mut allocate: impl FnMut() -> Result<T, AllocError>) -> T {
    loop {
        match allocate() {
            Ok(allocated) => return allocated,
            Err(AllocError) => fsleep(Delta::from_millis(1)),
        }
    }
}
