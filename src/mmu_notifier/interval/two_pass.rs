// SPDX-License-Identifier: GPL-2.0

//! Interval subscribers that begin with an invalidation, and finish it when all have begun.

use core::{
    marker::PhantomData,
    pin::Pin, //
};

use kernel::{
    bindings,
    ffi::c_ulong,
    prelude::*,
    types::Opaque, //
};

use super::{
    Done,
    IntervalFlavour,
    IntervalNode,
    IntervalSubscriber,
    Invalidate, //
};
use crate::mmu_notifier::{
    CallbackContext,
    Range,
    WouldBlock, //
};

/// A subscriber whose device takes time to stop: the first pass tells it to, the second waits. With
/// many subscribers to one range the waits overlap.
///
/// # Examples
///
/// ```
/// use core::pin::Pin;
/// use kernel::{prelude::*, sync::Mutex};
/// use mnck::mmu_notifier::{
///     CallbackContext, IntervalSubscriber, Invalidate, Pass, TwoPass, WouldBlock,
/// };
///
/// struct Gpu;
///
/// impl Gpu {
///     /// Begins a flush, and returns its number.
///     fn begin_flush(&self) -> u64 {
///         1
///     }
///
///     fn wait_for_flush(&self, _number: u64) {}
/// }
///
/// #[vtable]
/// impl IntervalSubscriber for Gpu {
///     /// The addresses of the pages that the GPU has.
///     type UserLock = Mutex<KVec<usize>>;
/// }
///
/// impl TwoPass for Gpu {
///     type Finish = u64;
///
///     fn start<'c>(
///         self: Pin<&Self>,
///         invalidation: Invalidate<'_, 'c, Self>,
///         context: CallbackContext<'c>,
///     ) -> Result<Pass<'c, u64>, WouldBlock<'c>> {
///         let range = invalidation.range();
///         let mut pages = invalidation.lock_or_refuse(&context)?;
///         let before = pages.len();
///
///         pages.retain(|page| !(range.start()..range.end()).contains(page));
///         if pages.len() == before {
///             return Ok(Pass::Complete(pages.done()));
///         }
///         Ok(Pass::Begun(pages.done(), self.begin_flush()))
///     }
///
///     fn finish(self: Pin<&Self>, flush: u64, _context: CallbackContext<'_>) {
///         self.wait_for_flush(flush);
///     }
/// }
/// ```
pub trait TwoPass: IntervalSubscriber {
    /// What the second pass needs to know. It is told nothing else, in particular not the range.
    type Finish: Send;

    /// The translations of a range are about to change: remove those that the shadow has, and begin
    /// to stop the secondary MMU from using them. `invalidate_start` of `struct
    /// mmu_interval_notifier_ops`.
    ///
    /// Context: as for [`Interval::invalidate`](super::Interval::invalidate).
    fn start<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Pass<'c, Self::Finish>, WouldBlock<'c>>;

    /// The secondary MMU must have stopped when this returns. `invalidate_finish`.
    ///
    /// Comes once for each start that asked for it, in the same task: when all subscribers have
    /// started, also if one of them has refused; or, if there is no memory to carry `finish` so
    /// far, at once.
    ///
    /// Context: that of the start, and it cannot refuse. One that needs the user lock shares it:
    /// see [`UserLock`](super::UserLock).
    fn finish(self: Pin<&Self>, finish: Self::Finish, context: CallbackContext<'_>);
}

/// What a [`TwoPass::start`] has done.
pub enum Pass<'c, F> {
    /// All there was to do.
    Complete(Done<'c>),
    /// Begun: a [`TwoPass::finish`] is needed.
    Begun(Done<'c>, F),
}

/// The flavour of a [`TwoPass`] subscriber.
pub struct TwoPasses<T>(PhantomData<fn() -> T>);

// SAFETY: The table has an `invalidate_start`, which returns false only if the range is
// non-blockable, and an `invalidate_finish`.
unsafe impl<T: TwoPass> IntervalFlavour for TwoPasses<T> {
    type Subscriber = T;

    const OPS: bindings::mmu_interval_notifier_ops = bindings::mmu_interval_notifier_ops {
        invalidate_start: Some(invalidate_start::<T>),
        invalidate_finish: Some(invalidate_finish::<T>),
        ..pin_init::zeroed()
    };
}

/// What the core carries from the first pass to the second.
struct Begun<F> {
    link: Opaque<bindings::mmu_interval_notifier_finish>,
    blockable: bool,
    finish: F,
}

/// # Safety
///
/// Called by core mm alone: `subscription` belongs to an `IntervalNode<T>`, `range` is what is
/// invalidated, and `begun` is valid for writing.
unsafe extern "C" fn invalidate_start<T: TwoPass>(
    subscription: *mut bindings::mmu_interval_notifier,
    range: *const bindings::mmu_notifier_range,
    sequence: c_ulong,
    begun: *mut *mut bindings::mmu_interval_notifier_finish,
) -> bool {
    // SAFETY: By the duties of this function, for the time of the call.
    let (node, range) = unsafe {
        (
            IntervalNode::<T>::from_subscription(subscription),
            Range::from_raw(range),
        )
    };
    let blockable = range.is_blockable();

    let finish = CallbackContext::enter(blockable, |context| {
        let invalidation = Invalidate::new(node.get_ref(), range, sequence);

        match node.subscriber().start(invalidation, context) {
            Ok(Pass::Complete(Done { .. })) => Ok(None),
            Ok(Pass::Begun(Done { .. }, finish)) => Ok(Some(finish)),
            Err(WouldBlock { .. }) => Err(()),
        }
    });
    let finish = match finish {
        Ok(Some(finish)) => finish,
        Ok(None) => return true,
        Err(()) => return false,
    };

    match KBox::new_uninit(GFP_NOWAIT) {
        Ok(slot) => {
            let carried = KBox::into_raw(slot.write(Begun {
                link: Opaque::uninit(),
                blockable,
                finish,
            }));

            // SAFETY: `begun` is valid for writing, and `carried` is a box of ours, which the core
            // gives to `invalidate_finish()`.
            unsafe { begun.write(Opaque::cast_into(&raw const (*carried).link)) };
        }
        Err(_) => CallbackContext::enter(blockable, |context| {
            node.subscriber().finish(finish, context);
        }),
    }
    true
}

/// # Safety
///
/// Called by core mm alone: `begun` comes from [`invalidate_start`], and its `notifier` is the
/// subscription that that was called for.
unsafe extern "C" fn invalidate_finish<T: TwoPass>(
    begun: *mut bindings::mmu_interval_notifier_finish,
) {
    // SAFETY: By the duties of this function, for the time of the call.
    let node = unsafe { IntervalNode::<T>::from_subscription((*begun).notifier) };
    let link = Opaque::cast_from(begun);
    // SAFETY: By the duties of this function it is that field of a box of ours, which is taken back
    // here.
    let carried =
        unsafe { KBox::from_raw(kernel::container_of!(link, Begun<T::Finish>, link).cast_mut()) };
    let Begun {
        blockable, finish, ..
    } = KBox::into_inner(carried);

    CallbackContext::enter(blockable, |context| {
        node.subscriber().finish(finish, context);
    });
}
