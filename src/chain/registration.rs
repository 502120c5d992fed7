// SPDX-License-Identifier: GPL-2.0

//! A chain, and the membership of a subscriber.

use core::pin::Pin;

use kernel::{
    mm::{
        Mm,
        MmWithUser, //
    },
    prelude::*,
    sync::Arc,
    warn_on, //
};

use super::{
    inner::Inner,
    member::{
        Member,
        Typed, //
    },
    Subscriber, //
};
use crate::mmu_notifier::{
    self,
    CallbackContext,
    Fallible,
    MmapWriteGuard,
    Paired,
    Range,
    Registration,
    StartEnd,
    StartOnly,
    TaskContext,
    WouldBlock, //
};

/// A chain of subscribers, registered with an address space. Unregistered on drop, which releases
/// its members, under the rules for dropping a [`Registration`].
pub(crate) struct Chain {
    // Dropped in this order: `ends` still ends the ranges that `starts` has started.
    _starts: Registration<StartOnly<Starts>>,
    ends: Registration<StartEnd<Ends>>,
    inner: Arc<Inner>,
    reserved: usize,
}

impl Chain {
    /// Registers a chain without members with the mm that `user` uses. Sleeps.
    ///
    /// The chain and each member have memory for `reserved` ranges that are open at once. More is
    /// allocated when needed, and kept.
    ///
    /// # Errors
    ///
    /// As [`Registration::new`].
    pub(crate) fn new(user: &MmWithUser, reserved: usize, task: &mut TaskContext) -> Result<Self> {
        let inner = Inner::new(user, reserved)?;
        // Under one lock: no other registration comes between the two, and no range opens.
        let locked = MmapWriteGuard::lock(user, task)?;
        // `Ends` first, so that each range that is started is ended.
        let ends = Registration::new_locked(&locked, Ends(inner.clone()));
        let starts = ends
            .is_ok()
            .then(|| Registration::new_locked(&locked, Starts(inner.clone())));

        // No registration may be dropped under the lock.
        drop(locked);
        let ends = ends?;
        Ok(Self {
            _starts: starts.ok_or(EINVAL)??,
            ends,
            inner,
            reserved,
        })
    }

    /// Adds a subscriber, which is started after the present members and ended before them. Sleeps,
    /// under the same rules as [`Registration::new`].
    ///
    /// The subscriber is called from some moment within this call on. It gets neither start nor end
    /// for a range that is open at that moment. This waits until all such ranges are over, so the
    /// subscriber has been notified of every range that is open when this returns. Translations
    /// that were looked up before this returns may be stale.
    ///
    /// # Errors
    ///
    /// - [`ESRCH`]: the address space has gone.
    /// - [`EINTR`]: a signal came.
    /// - [`ENOMEM`]: out of memory.
    /// - The error of the subscriber's initialiser.
    pub(crate) fn join<S: Subscriber, E>(
        &self,
        subscriber: impl PinInit<S, E>,
        task: &mut TaskContext,
    ) -> Result<Membership<S>>
    where
        Error: From<E>,
    {
        let member = Typed::new(subscriber, self.reserved)?;

        self.inner.join(member.clone())?;
        let membership = Membership {
            inner: self.inner.clone(),
            member,
        };
        self.inner.wait_for_open(task)?;
        Ok(membership)
    }

    /// Returns the address space, which may have been released.
    pub(crate) fn mm(&self) -> &Mm {
        self.ends.mm()
    }

    /// Returns the number of members.
    pub(crate) fn len(&self) -> usize {
        self.inner.len()
    }
}

/// The membership of a subscriber in a chain. Its drop removes and releases the subscriber, which
/// is not called afterwards. The chain may be dropped before.
///
/// The drop sleeps until no callback of the chain runs that may use the member, so the rules for
/// dropping a [`Registration`] hold. In a callback it could wait for itself: there it warns
/// instead, and the subscriber stays a member as long as the chain exists.
pub(crate) struct Membership<S: Subscriber> {
    inner: Arc<Inner>,
    member: Arc<Typed<S>>,
}

impl<S: Subscriber> Membership<S> {
    /// Returns the subscriber.
    pub(crate) fn subscriber(&self) -> Pin<&S> {
        self.member.subscriber()
    }
}

impl<S: Subscriber> Drop for Membership<S> {
    fn drop(&mut self) {
        if warn_on!(TaskContext::current().is_err()) {
            return;
        }
        let member: Arc<dyn Member> = self.member.clone();

        self.inner.leave(&member);
    }
}

/// The registration whose start is called, and may refuse. It has no release: the ranges that it
/// has started are still ended after it was unregistered.
struct Starts(Arc<Inner>);

#[vtable]
impl mmu_notifier::Subscriber for Starts {}

impl Fallible for Starts {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        self.0.start(range, context)
    }
}

/// The registration whose end is called.
struct Ends(Arc<Inner>);

#[vtable]
impl mmu_notifier::Subscriber for Ends {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.0.release();
    }
}

impl Paired for Ends {
    /// Does nothing: this registration cannot know whether [`Starts`] has refused the range.
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}

    fn end(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>) {
        self.0.end(range, context);
    }
}
