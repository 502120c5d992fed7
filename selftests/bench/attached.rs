// SPDX-License-Identifier: GPL-2.0

//! The subscribers that an open file has attached.

use core::ops::Range;

use kernel::{
    mm::MmWithUser,
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::Arc,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use crate::{
    counter::Counter,
    intervals::{
        InTwoPasses,
        Shadow,
        UnderMutex,
        UnderSpinLock, //
    },
    mmu_notifier::{
        Bare,
        Domain,
        IntervalRegistration,
        OnePass,
        Registration,
        SharedRef,
        StartEnd,
        StartOnly,
        TaskContext,
        TlbOnly,
        TwoPasses, //
    },
    subscribers::{
        Ager,
        Refuser,
        Tlb, //
    }, //
};

/// What to attach: `struct bench_attach`.
pub(crate) struct Attach {
    kind: u64,
    pub(crate) count: usize,
    start: usize,
    length: usize,
    stride: usize,
}

impl Attach {
    /// The size of `struct bench_attach`, in bytes.
    pub(crate) const SIZE: usize = 5 * 8;

    /// Reads it from user space.
    pub(crate) fn read(from: UserPtr) -> Result<Self> {
        let mut reader = UserSlice::new(from, Self::SIZE).reader();

        Ok(Self {
            kind: reader.read()?,
            count: reader.read()?,
            start: reader.read()?,
            length: reader.read()?,
            stride: reader.read()?,
        })
    }

    /// Returns the range of interval `i`, in bytes.
    fn range(&self, i: usize) -> Result<Range<usize>> {
        let start = i.checked_mul(self.stride).ok_or(EINVAL)?;
        let start = start.checked_add(self.start).ok_or(EINVAL)?;
        let end = start.checked_add(self.length).ok_or(EINVAL)?;

        Ok(start..end)
    }
}

/// A subscriber that is attached.
pub(crate) enum Attached {
    Paired(Registration<StartEnd<Counter>>),
    Fallible(Registration<StartOnly<Refuser>>),
    SecondaryTlb(Registration<TlbOnly<Tlb>>),
    Aging(Registration<Bare<Ager>>),
    Shared(SharedRef<StartEnd<Counter>>),
    Mutex(IntervalRegistration<OnePass<UnderMutex>>),
    Spin(IntervalRegistration<OnePass<UnderSpinLock>>),
    TwoPass(IntervalRegistration<TwoPasses<InTwoPasses>>),
}

impl Attached {
    /// Attaches subscriber `i` of those that `attach` asks for. The numbers are those of
    /// `enum bench_kind`.
    pub(crate) fn new(
        attach: &Attach,
        i: usize,
        domain: &Arc<Domain<StartEnd<Counter>>>,
        user: &MmWithUser,
        task: &mut TaskContext,
    ) -> Result<Self> {
        Ok(match attach.kind {
            0 => Self::Paired(Registration::new(user, Counter::new(), task)?),
            1 => Self::Fallible(Registration::new(user, Refuser::new(), task)?),
            2 => Self::SecondaryTlb(Registration::new(user, Tlb::new(), task)?),
            3 => Self::Aging(Registration::new(user, Ager::new(), task)?),
            4 => Self::Shared(domain.get(user, task)?),
            5 => Self::Mutex(IntervalRegistration::new(
                user,
                attach.range(i)?,
                UnderMutex,
                new_mutex!(Shadow::default()),
                task,
            )?),
            6 => Self::Spin(IntervalRegistration::new(
                user,
                attach.range(i)?,
                UnderSpinLock,
                new_spinlock!(Shadow::default()),
                task,
            )?),
            7 => Self::TwoPass(IntervalRegistration::new(
                user,
                attach.range(i)?,
                InTwoPasses::new(),
                new_mutex!(Shadow::default()),
                task,
            )?),
            _ => return Err(EINVAL),
        })
    }

    /// Returns how often its callbacks were called; each of two passes is a call.
    pub(crate) fn calls(&self, task: &mut TaskContext) -> usize {
        match self {
            Self::Paired(it) => it.subscriber().calls(),
            Self::Fallible(it) => it.subscriber().calls(),
            Self::SecondaryTlb(it) => it.subscriber().calls(),
            Self::Aging(it) => it.subscriber().calls(),
            Self::Shared(it) => it.subscriber().calls(),
            Self::Mutex(it) => it.lock(task).calls,
            Self::Spin(it) => it.lock(task).calls,
            Self::TwoPass(it) => it.lock(task).calls + it.subscriber().finished(),
        }
    }

    /// Detaches the subscriber.
    pub(crate) fn detach(self, task: &mut TaskContext) {
        match self {
            Self::Paired(it) => it.unregister(task),
            Self::Fallible(it) => it.unregister(task),
            Self::SecondaryTlb(it) => it.unregister(task),
            Self::Aging(it) => it.unregister(task),
            Self::Shared(it) => drop(it),
            Self::Mutex(it) => it.unregister(task),
            Self::Spin(it) => it.unregister(task),
            Self::TwoPass(it) => it.unregister(task),
        }
    }
}
