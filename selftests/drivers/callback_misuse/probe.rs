// SPDX-License-Identifier: GPL-2.0

//! Subscribers that check in each callback whether the abstraction recognises it as one.

use core::ops::Range;

use kernel::{
    mm::{
        Mm,
        MmWithUser, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

use super::{
    ffi,
    mmu_notifier::{
        self,
        *, //
    },
    seen::{
        Callback,
        Seen, //
    }, //
};

/// Returns whether the abstraction recognises that this is a callback.
///
/// If the callback may sleep this asks for a [`TaskContext`], as a driver does. Otherwise it calls
/// the check below that, since [`TaskContext::current`] may sleep.
fn noticed(may_sleep: bool) -> bool {
    if may_sleep {
        matches!(TaskContext::current(), Err(EDEADLK))
    } else {
        // SAFETY: Looks at the stack of the current task.
        unsafe { ffi::mnck_helper_in_callback() }
    }
}

/// Returns the result of [`noticed`], called from `depth` calls further down.
#[inline(never)]
fn noticed_below(depth: usize, may_sleep: bool) -> bool {
    match depth {
        0 => noticed(may_sleep),
        // The black box keeps this from being a tail call, which would need no stack.
        _ => core::hint::black_box(noticed_below(depth - 1, may_sleep)),
    }
}

/// Returns whether the callback may sleep.
fn may_sleep(context: &CallbackContext<'_>) -> bool {
    matches!(context, CallbackContext::Blockable(_))
}

/// A subscriber that notes for each callback whether it was recognised. As a [`Fallible`] one it
/// refuses each non-blockable range.
pub(super) struct Probe(pub(super) Arc<Seen>);

#[vtable]
impl Subscriber for Probe {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.0.note(Callback::Release, noticed(true));
    }

    fn clear_flush_young(
        self: Pin<&Self>,
        _mm: &Mm,
        _range: Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        self.0.note(Callback::ClearFlushYoung, noticed(false));
        false
    }

    fn clear_young(
        self: Pin<&Self>,
        _mm: &Mm,
        _range: Range<usize>,
        _context: NoSleep<'_>,
    ) -> bool {
        self.0.note(Callback::ClearYoung, noticed(false));
        false
    }

    fn test_young(self: Pin<&Self>, _mm: &Mm, _address: usize, _context: NoSleep<'_>) -> bool {
        self.0.note(Callback::TestYoung, noticed(false));
        false
    }
}

impl Paired for Probe {
    fn start(self: Pin<&Self>, _range: &mmu_notifier::Range, context: CallbackContext<'_>) {
        let may_sleep = may_sleep(&context);

        self.0.note(Callback::Start, noticed(may_sleep));
        self.0.note(Callback::Nested, noticed_below(100, may_sleep));
    }

    fn end(self: Pin<&Self>, _range: &mmu_notifier::Range, context: CallbackContext<'_>) {
        match context {
            CallbackContext::Blockable(_) => self.0.note(Callback::End, noticed(true)),
            CallbackContext::NonBlockable(_) => self.0.note(Callback::UndoingEnd, noticed(false)),
        }
    }
}

impl Fallible for Probe {
    fn start<'c>(
        self: Pin<&Self>,
        _range: &mmu_notifier::Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        self.0.note(Callback::Start, noticed(may_sleep(&context)));
        match context {
            CallbackContext::Blockable(_) => Ok(()),
            CallbackContext::NonBlockable(context) => Err(context.would_block()),
        }
    }
}

impl SecondaryTlb for Probe {
    fn flush(self: Pin<&Self>, _mm: &Mm, _flush: Flush, _context: NoSleep<'_>) {
        self.0.note(Callback::Flush, noticed(false));
    }
}

#[vtable]
impl IntervalSubscriber for Probe {
    type UserLock = Mutex<()>;
}

impl Interval for Probe {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        self.0
            .note(Callback::Invalidate, noticed(may_sleep(&context)));
        Ok(invalidation.lock_or_refuse(&context)?.done())
    }
}

impl TwoPass for Probe {
    type Finish = ();

    fn start<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Pass<'c, ()>, WouldBlock<'c>> {
        self.0
            .note(Callback::FirstPass, noticed(may_sleep(&context)));
        Ok(Pass::Begun(
            invalidation.lock_or_refuse(&context)?.done(),
            (),
        ))
    }

    fn finish(self: Pin<&Self>, _finish: (), context: CallbackContext<'_>) {
        self.0.note(Callback::Finish, noticed(may_sleep(&context)));
    }
}

/// A registration of each kind, but for the [`Fallible`] one.
pub(super) struct Probes {
    _paired: Registration<StartEnd<Probe>>,
    _secondary_tlb: Registration<TlbOnly<Probe>>,
    _bare: Registration<Bare<Probe>>,
    _interval: IntervalRegistration<OnePass<Probe>>,
    _two_pass: IntervalRegistration<TwoPasses<Probe>>,
}

impl Probes {
    /// Registers all of them with `mm`.
    pub(super) fn new(mm: &MmWithUser, seen: &Arc<Seen>, task: &mut TaskContext) -> Result<Self> {
        let probe = || Probe(seen.clone());
        let all = 0..usize::MAX;

        Ok(Self {
            _paired: Registration::new(mm, probe(), task)?,
            _secondary_tlb: Registration::new(mm, probe(), task)?,
            _bare: Registration::new(mm, probe(), task)?,
            _interval: IntervalRegistration::new(mm, all.clone(), probe(), new_mutex!(()), task)?,
            _two_pass: IntervalRegistration::new(mm, all, probe(), new_mutex!(()), task)?,
        })
    }
}
