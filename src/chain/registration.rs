// SPDX-License-Identifier: GPL-2.0

//! A chain, and being a member of one.

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
    Policy,
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

/// A chain of subscribers, registered with an address space. Unregistered on drop, under the rules
/// for dropping a [`Registration`]; members that it still has are then released.
pub(crate) struct Chain {
    // Dropped in this order: while one goes that starts ranges, the other still ends them.
    _starts: Registration<StartOnly<Starts>>,
    ends: Registration<StartEnd<Ends>>,
    inner: Arc<Inner>,
    reserved: usize,
}

impl Chain {
    /// Registers a chain without members with the mm that `user` uses.
    ///
    /// There is memory for `reserved` ranges that are open at once, for the chain and for each
    /// member; more is allocated when it is needed and kept.
    ///
    /// # Errors
    ///
    /// As [`Registration::new`].
    pub(crate) fn new(
        user: &MmWithUser,
        policy: Policy,
        reserved: usize,
        task: &mut TaskContext,
    ) -> Result<Self> {
        let inner = Inner::new(user, policy, reserved)?;
        // Under one lock: nobody comes to stand between the two, and no range opens.
        let locked = MmapWriteGuard::lock(user, task)?;
        // First who ends, so that there is an end for whatever was started.
        let ends = Registration::new_locked(&locked, Ends(inner.clone()));
        let starts = ends
            .is_ok()
            .then(|| Registration::new_locked(&locked, Starts(inner.clone())));

        // Neither may be dropped under the lock.
        drop(locked);
        let ends = ends?;
        Ok(Self {
            _starts: starts.ok_or(EINVAL)??,
            ends,
            inner,
            reserved,
        })
    }

    /// Adds a subscriber, which is started after those that are there and ended before them.
    ///
    /// It is called from some time within this call on. A range that is open already has no start
    /// for it, and so no end; this waits until it is over, so that whoever has joined was told of
    /// every change that is under way when this returns. What was looked up before is worth nothing.
    /// It sleeps, under the same rules as [`Registration::new`].
    ///
    /// # Errors
    ///
    /// - [`ESRCH`]: the address space has gone.
    /// - [`EINTR`]: a signal came.
    /// - [`ENOMEM`]: out of memory.
    /// - What the subscriber's initialiser fails with.
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

    /// The address space, which may have been released.
    pub(crate) fn mm(&self) -> &Mm {
        self.ends.mm()
    }

    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.inner.len()
    }
}

/// Being a member of a chain, until this is dropped: the subscriber is then released, and called no
/// more. The chain may go before.
///
/// Dropping it sleeps until no callback of the chain runs that may have seen the member, so the
/// rules for dropping a [`Registration`] hold. In a callback, where it may wait for itself, it is a
/// WARN, and the subscriber stays a member as long as there is the chain.
pub(crate) struct Membership<S: Subscriber> {
    inner: Arc<Inner>,
    member: Arc<Typed<S>>,
}

impl<S: Subscriber> Membership<S> {
    /// The subscriber.
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

/// The registration that is called for starts, and may refuse. It has no release: when it goes the
/// ranges that it has started are ended still.
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

/// The registration that is called for ends.
struct Ends(Arc<Inner>);

#[vtable]
impl mmu_notifier::Subscriber for Ends {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.0.release();
    }
}

impl Paired for Ends {
    /// Comes before the other registration's start or after it, and does not know how that went.
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}

    fn end(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>) {
        self.0.end(range, context);
    }
}
