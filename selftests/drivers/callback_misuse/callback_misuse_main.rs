// SPDX-License-Identifier: GPL-2.0

//! Misuses the abstraction in callbacks, to prove that it notices: drops registrations, asks for a
//! [`TaskContext`], and locks a mutex.
//!
//! C header: [`callback_misuse.h`](callback_misuse.h)

use kernel::{
    fs::File,
    ioctl::_IO,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    mm::MmWithUser,
    new_mutex,
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc,
        Mutex, //
    }, //
};

use drops::{
    Dropper,
    DropsInInvalidate,
    DropsInStart,
    Victim, //
};
use locks::Locks;
use mmu_notifier::*;
use probe::{
    Probe,
    Probes, //
};
use seen::Seen;

mod drops;
#[path = "../../../src/ffi/raw.rs"]
mod ffi;
mod locks;
#[path = "../../../src/mmu_notifier/mod.rs"]
pub mod mmu_notifier;
mod probe;
mod seen;

const ATTACH: u32 = _IO('|' as u32, 0x90);
const DETACH: u32 = _IO('|' as u32, 0x91);
const CALLS: u32 = _IO('|' as u32, 0x92);
const MISSED: u32 = _IO('|' as u32, 0x93);

const PROBES: usize = 0;
const REFUSED: usize = 1;
const DROPS_IN_START: usize = 2;
const DROPS_IN_INVALIDATE: usize = 3;
const LOCKS_IN_END: usize = 4;
const LOCKS_IN_INVALIDATE: usize = 5;

module! {
    type: CallbackMisuse,
    name: "mnck_callback_misuse",
    authors: ["The mnck developers"],
    description: "Mistakes in callbacks of MMU notifiers, for mnck's tests",
    license: "GPL v2",
}

/// The module.
#[pin_data]
struct CallbackMisuse {
    #[pin]
    _miscdev: MiscDeviceRegistration<Session>,
}

impl kernel::InPlaceModule for CallbackMisuse {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _miscdev <- MiscDeviceRegistration::register(MiscDeviceOptions {
                name: c"mnck-callback-misuse",
            }),
        })
    }
}

/// The subscribers that an open file has attached: one of `enum misuse_what`.
#[expect(dead_code, reason = "held for its drop")]
enum Attached {
    Probes(KBox<Probes>),
    Refused(
        Registration<StartEnd<Probe>>,
        Registration<StartOnly<Probe>>,
    ),
    DropsInStart(Registration<StartEnd<DropsInStart>>),
    DropsInInvalidate(IntervalRegistration<OnePass<DropsInInvalidate>>),
    LocksInEnd(
        Registration<StartEnd<Locks>>,
        Registration<StartOnly<Probe>>,
    ),
    LocksInInvalidate(IntervalRegistration<OnePass<Locks>>),
}

impl Attached {
    /// Registers the subscribers of `what` with `mm`.
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
            LOCKS_IN_END => {
                let locks = Registration::new(mm, Locks::new(), task)?;

                Self::LocksInEnd(locks, Registration::new(mm, Probe(seen.clone()), task)?)
            }
            LOCKS_IN_INVALIDATE => Self::LocksInInvalidate(IntervalRegistration::new(
                mm,
                all,
                Locks::new(),
                new_mutex!(()),
                task,
            )?),
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
        // Without these options the abstraction cannot detect a callback, and a drop in a callback
        // would wait for ever.
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
    /// Attaches the subscribers of `what` to the mm of the caller, and then detaches the previous
    /// ones.
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
