// SPDX-License-Identifier: GPL-2.0

//! The invalidating side: every way out of a callback leads through the user lock.

use core::{
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    }, //
};

use super::{
    AtomicBackend,
    IntervalNode,
    IntervalSubscriber,
    Shadow,
    ShadowGuard,
    UserLock, //
};
use crate::mmu_notifier::{
    context::Brand,
    CallbackContext,
    MaySleep,
    NoSleep,
    Owner,
    Range,
    WouldBlock, //
};

/// An invalidation that a subscriber has been told of, and has to deal with.
///
/// The subscriber must return [`Done`], which takes the user lock, or refuse, which takes a
/// [`NoSleep`].
#[must_use = "an invalidation must be done or refused"]
pub struct Invalidate<'a, 'c, T: IntervalSubscriber> {
    node: &'a IntervalNode<T>,
    range: &'a Range,
    sequence: usize,
    call: Brand<'c>,
}

impl<'a, 'c, T: IntervalSubscriber> Invalidate<'a, 'c, T> {
    /// Only a trampoline may call this: the core has told `node` of an invalidation of `range`, to
    /// be marked by `sequence`.
    #[inline]
    pub(super) fn new(node: &'a IntervalNode<T>, range: &'a Range, sequence: usize) -> Self {
        Self {
            node,
            range,
            sequence,
            call: PhantomData,
        }
    }

    /// What is invalidated. It may go beyond the range that was subscribed to.
    #[inline]
    pub fn range(&self) -> &'a Range {
        self.range
    }

    /// The number that marks it. It is that of an earlier invalidation if ever since, at each moment,
    /// there was one under way, of whatever range of the address space; and else another.
    #[inline]
    pub fn sequence(&self) -> usize {
        self.sequence
    }

    /// Takes the user lock. May sleep.
    #[inline]
    pub fn lock(self, _context: &MaySleep<'c>) -> Collided<'a, 'c, T> {
        let guard = self.node.lock().lock();

        self.collide(guard)
    }

    /// Takes the user lock if it is free.
    #[inline]
    pub fn try_lock(self, context: &NoSleep<'c>) -> Result<Collided<'a, 'c, T>, WouldBlock<'c>> {
        match self.node.lock().try_lock() {
            Some(guard) => Ok(self.collide(guard)),
            None => Err(context.would_block()),
        }
    }

    /// Takes the user lock; in a non-blockable range only if it is free.
    #[inline]
    pub fn lock_or_refuse(
        self,
        context: &CallbackContext<'c>,
    ) -> Result<Collided<'a, 'c, T>, WouldBlock<'c>> {
        match context {
            CallbackContext::Blockable(context) => Ok(self.lock(context)),
            CallbackContext::NonBlockable(context) => self.try_lock(context),
        }
    }

    /// Takes a user lock that never sleeps.
    #[inline]
    pub fn lock_atomic(self) -> Collided<'a, 'c, T>
    where
        <T::UserLock as UserLock>::Backend: AtomicBackend,
    {
        let guard = self.node.lock().lock();

        self.collide(guard)
    }

    /// Leaves the invalidation alone if it is `owner`'s own doing: a driver that migrates pages to
    /// its device, or makes them exclusive to it, changes its translations itself.
    ///
    /// The sequence is not set, so a read section that is open does not notice. Gives the
    /// invalidation back if it is somebody else's.
    pub fn ignore_own(self, owner: Owner) -> Result<Done<'c>, Self> {
        if self.range.is_owned_by(owner) {
            Ok(Done(PhantomData))
        } else {
            Err(self)
        }
    }

    #[inline]
    fn collide(self, guard: ShadowGuard<'a, T>) -> Collided<'a, 'c, T> {
        self.node.set_sequence(&guard, self.sequence);
        Collided {
            guard,
            call: PhantomData,
        }
    }
}

/// The user lock, held for an invalidation: each read section that is open will have to retry.
///
/// Gives access to the shadow, from which the translations of the range must go. Dropping it frees
/// the lock but does not conclude the invalidation: that is [`done`](Self::done).
#[must_use = "an invalidation is concluded by `done()`"]
pub struct Collided<'a, 'c, T: IntervalSubscriber> {
    guard: ShadowGuard<'a, T>,
    call: Brand<'c>,
}

impl<'c, T: IntervalSubscriber> Collided<'_, 'c, T> {
    /// Frees the lock: no translation of the range is left in the shadow.
    #[inline]
    pub fn done(self) -> Done<'c> {
        Done(self.call)
    }
}

impl<T: IntervalSubscriber> Deref for Collided<'_, '_, T> {
    type Target = Shadow<T>;

    #[inline]
    fn deref(&self) -> &Shadow<T> {
        &self.guard
    }
}

impl<T: IntervalSubscriber> DerefMut for Collided<'_, '_, T>
where
    Shadow<T>: Unpin,
{
    #[inline]
    fn deref_mut(&mut self) -> &mut Shadow<T> {
        &mut self.guard
    }
}

/// Proof that an invalidation was dealt with, in this call of the callback.
#[must_use = "it has effect only if the callback returns it"]
pub struct Done<'c>(Brand<'c>);
