// SPDX-License-Identifier: GPL-2.0

//! Does in callbacks what must not be done there, to prove that the abstraction notices: drops
//! registrations, and asks for a [`TaskContext`].
//!
//! C header: [`dropper.h`](../dropper.h)

use core::{
    ops::Range,
    ptr, //
};

use kernel::{
    fs::File,
    ioctl::_IO,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    mm::{
        Mm,
        MmWithUser, //
    },
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

use mmu_notifier::*;

#[path = "../../src/ffi/raw.rs"]
mod ffi;
#[path = "../../src/mmu_notifier/mod.rs"]
pub mod mmu_notifier;

const ATTACH: u32 = _IO('|' as u32, 0x90);
const DETACH: u32 = _IO('|' as u32, 0x91);
const CALLS: u32 = _IO('|' as u32, 0x92);
const MISSED: u32 = _IO('|' as u32, 0x93);

const PROBES: usize = 0;
const REFUSED: usize = 1;
const DROPS_IN_START: usize = 2;
const DROPS_IN_INVALIDATE: usize = 3;

#[derive(Clone, Copy)]
enum Callback {
    Start,
    End,
    UndoingEnd,
    Release,
    Flush,
    ClearFlushYoung,
    ClearYoung,
    TestYoung,
    Invalidate,
    FirstPass,
    Finish,
    Nested,
    Dropped,
}

const CALLBACKS: usize = Callback::Dropped as usize + 1;

module! {
    type: DropperModule,
    name: "mnck_dropper",
    authors: ["The mnck developers"],
    description: "Mistakes in callbacks of MMU notifiers, for mnck's tests",
    license: "GPL v2",
}

#[pin_data]
struct DropperModule {
    #[pin]
    _miscdev: MiscDeviceRegistration<Session>,
}

impl kernel::InPlaceModule for DropperModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _miscdev <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"mnck-dropper" }),
        })
    }
}

/// What came of the callbacks of a session.
struct Seen {
    calls: [Atomic<usize>; CALLBACKS],
    missed: [Atomic<usize>; CALLBACKS],
}

impl Seen {
    fn new() -> Self {
        Self {
            calls: [const { Atomic::new(0) }; CALLBACKS],
            missed: [const { Atomic::new(0) }; CALLBACKS],
        }
    }

    fn note(&self, callback: Callback, noticed: bool) {
        self.calls[callback as usize].add(1, Relaxed);
        if !noticed {
            self.missed[callback as usize].add(1, Relaxed);
        }
    }
}

/// Whether the abstraction notices that this is a callback; where it may sleep, as a driver asks.
fn noticed(may_sleep: bool) -> bool {
    if may_sleep {
        matches!(TaskContext::current(), Err(EDEADLK))
    } else {
        // SAFETY: Looks at the stack of the current task.
        unsafe { ffi::mnck_helper_in_callback() }
    }
}

/// The same, from `depth` calls further down.
#[inline(never)]
fn noticed_below(depth: usize, may_sleep: bool) -> bool {
    match depth {
        0 => noticed(may_sleep),
        // Not in a tail call.
        _ => core::hint::black_box(noticed_below(depth - 1, may_sleep)),
    }
}

fn may_sleep(context: &CallbackContext<'_>) -> bool {
    matches!(context, CallbackContext::Blockable(_))
}

/// Asks in each callback. As a [`Fallible`] one it refuses whatever it may.
struct Probe(Arc<Seen>);

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

/// One of each flavour, but none that refuses.
struct Probes {
    _paired: Registration<StartEnd<Probe>>,
    _secondary_tlb: Registration<TlbOnly<Probe>>,
    _bare: Registration<Bare<Probe>>,
    _interval: IntervalRegistration<OnePass<Probe>>,
    _two_pass: IntervalRegistration<TwoPasses<Probe>>,
}

impl Probes {
    fn new(mm: &MmWithUser, seen: &Arc<Seen>, task: &mut TaskContext) -> Result<Self> {
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

/// Where the last [`Victim`] is, for who looks for lost memory: once its mm has exited nobody else
/// would know of it, and it is lost on purpose.
static LAST_VICTIM: Atomic<usize> = Atomic::new(0);

/// One whose registration is dropped in a callback of another.
struct Victim {
    seen: Arc<Seen>,
    before: Atomic<usize>,
}

impl Victim {
    fn new(seen: &Arc<Seen>) -> Self {
        Self {
            seen: seen.clone(),
            before: Atomic::new(0),
        }
    }

    fn remember(self: Pin<&Self>) {
        let here = ptr::from_ref(self.get_ref()) as usize;

        self.before.store(LAST_VICTIM.xchg(here, Relaxed), Relaxed);
    }
}

#[vtable]
impl Subscriber for Victim {}

impl Paired for Victim {
    fn start(self: Pin<&Self>, _range: &mmu_notifier::Range, _context: CallbackContext<'_>) {
        self.seen.note(Callback::Dropped, true);
    }

    fn end(self: Pin<&Self>, _range: &mmu_notifier::Range, _context: CallbackContext<'_>) {}
}

#[vtable]
impl IntervalSubscriber for Victim {
    type UserLock = Mutex<()>;
}

impl Interval for Victim {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        self.seen.note(Callback::Dropped, true);
        Ok(invalidation.lock_or_refuse(&context)?.done())
    }
}

/// Has a registration of another, and drops it in its own first callback.
#[pin_data]
struct Dropper<R> {
    #[pin]
    other: SpinLock<Option<R>>,
}

impl<R: Unpin> Dropper<R> {
    fn new(other: R) -> impl PinInit<Self> {
        pin_init!(Self {
            other <- new_spinlock!(Some(other)),
        })
    }

    fn drop_other(&self) {
        let other = self.other.lock().take();

        drop(other);
    }
}

type DropsInStart = Dropper<Registration<StartEnd<Victim>>>;

#[vtable]
impl Subscriber for DropsInStart {}

impl Paired for DropsInStart {
    fn start(self: Pin<&Self>, _range: &mmu_notifier::Range, _context: CallbackContext<'_>) {
        self.drop_other();
    }

    fn end(self: Pin<&Self>, _range: &mmu_notifier::Range, _context: CallbackContext<'_>) {}
}

type DropsInInvalidate = Dropper<IntervalRegistration<OnePass<Victim>>>;

#[vtable]
impl IntervalSubscriber for DropsInInvalidate {
    type UserLock = Mutex<()>;
}

impl Interval for DropsInInvalidate {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        self.drop_other();
        Ok(invalidation.lock_or_refuse(&context)?.done())
    }
}

#[expect(dead_code, reason = "held for its drop")]
enum Attached {
    Probes(KBox<Probes>),
    Refused(
        Registration<StartEnd<Probe>>,
        Registration<StartOnly<Probe>>,
    ),
    DropsInStart(Registration<StartEnd<DropsInStart>>),
    DropsInInvalidate(IntervalRegistration<OnePass<DropsInInvalidate>>),
}

impl Attached {
    fn new(what: usize, mm: &MmWithUser, seen: &Arc<Seen>, task: &mut TaskContext) -> Result<Self> {
        let all = 0..usize::MAX;

        Ok(match what {
            PROBES => Self::Probes(KBox::new(Probes::new(mm, seen, task)?, GFP_KERNEL)?),
            REFUSED => {
                let paired = Registration::new(mm, Probe(seen.clone()), task)?;

                Self::Refused(paired, Registration::new(mm, Probe(seen.clone()), task)?)
            }
            DROPS_IN_START => {
                let victim = Registration::<StartEnd<_>>::new(mm, Victim::new(seen), task)?;

                victim.subscriber().remember();
                Self::DropsInStart(Registration::new(mm, Dropper::new(victim), task)?)
            }
            DROPS_IN_INVALIDATE => {
                let victim = IntervalRegistration::<OnePass<_>>::new(
                    mm,
                    all.clone(),
                    Victim::new(seen),
                    new_mutex!(()),
                    task,
                )?;

                victim.subscriber().remember();
                Self::DropsInInvalidate(IntervalRegistration::new(
                    mm,
                    all,
                    Dropper::new(victim),
                    new_mutex!(()),
                    task,
                )?)
            }
            _ => return Err(EINVAL),
        })
    }
}

/// An open file.
#[pin_data]
struct Session {
    seen: Arc<Seen>,
    #[pin]
    attached: Mutex<Option<Attached>>,
}

#[vtable]
impl MiscDevice for Session {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        // Nobody would notice, and a drop in a callback would wait for ever.
        if !cfg!(all(CONFIG_STACKTRACE, CONFIG_KALLSYMS)) {
            return Err(EOPNOTSUPP);
        }

        KBox::try_pin_init(
            try_pin_init!(Self {
                seen: Arc::new(Seen::new(), GFP_KERNEL)?,
                attached <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )
    }

    fn ioctl(session: Pin<&Session>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let counts = match cmd {
            ATTACH => return session.attach(arg),
            DETACH => {
                let attached = session.attached.lock().take();

                drop(attached);
                return Ok(0);
            }
            CALLS => &session.seen.calls,
            MISSED => &session.seen.missed,
            _ => return Err(ENOTTY),
        };

        Ok(counts.get(arg).ok_or(EINVAL)?.load(Relaxed) as isize)
    }
}

impl Session {
    fn attach(&self, what: usize) -> Result<isize> {
        let mut task = TaskContext::current()?;
        let current = current!();
        let mm = current.mm().ok_or(ESRCH)?;
        let attached = Attached::new(what, mm, &self.seen, &mut task)?;
        let before = self.attached.lock().replace(attached);

        drop(before);
        Ok(0)
    }
}
