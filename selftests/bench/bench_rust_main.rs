// SPDX-License-Identifier: GPL-2.0

//! The module with the subscribers in Rust, on mnck's abstraction, which it includes as a driver
//! does.
//!
//! C header: [`bench.h`](bench.h)

use core::pin::Pin;

use kernel::{
    alloc::KVVec,
    fs::File,
    ioctl::{
        _IO,
        _IOW, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    uaccess::UserPtr, //
};

mod attached;
use attached::{
    Attach,
    Attached, //
};

mod counter;
use counter::Counter;

#[path = "../../src/ffi/raw.rs"]
mod ffi;

mod intervals;

// A driver uses only a part of the abstraction.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../src/mmu_notifier/mod.rs"]
mod mmu_notifier;
use mmu_notifier::{
    Domain,
    StartEnd,
    TaskContext, //
};

mod subscribers;

module! {
    type: Bench,
    name: "bench_rust",
    authors: ["The mnck developers"],
    description: "Subscribers to measure, in Rust",
    license: "GPL v2",
}

/// The name of the device: that of the module.
const NAME: &CStr = if cfg!(bench_calls) {
    c"bench_rust_calls"
} else {
    c"bench_rust"
};

const ATTACH: u32 = _IOW::<[u64; 5]>('b' as u32, 0);
const DETACH: u32 = _IO('b' as u32, 1);
const CALLS: u32 = _IO('b' as u32, 2);

/// The module.
#[pin_data]
struct Bench {
    #[pin]
    _device: MiscDeviceRegistration<Session>,
}

impl kernel::InPlaceModule for Bench {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: NAME }),
        })
    }
}

/// The state of an open file.
#[pin_data]
struct Session {
    #[pin]
    attached: Mutex<KVVec<Attached>>,
    domain: Arc<Domain<StartEnd<Counter>>>,
}

#[vtable]
impl MiscDevice for Session {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        KBox::try_pin_init(
            try_pin_init!(Self {
                attached <- new_mutex!(KVVec::new()),
                domain: Domain::new()?,
            }),
            GFP_KERNEL,
        )
    }

    fn ioctl(session: Pin<&Session>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let mut task = TaskContext::current()?;

        match cmd {
            ATTACH => session.attach(&Attach::read(UserPtr::from_addr(arg))?, &mut task),
            DETACH => {
                for attached in core::mem::take(&mut *session.attached.lock()) {
                    attached.detach(&mut task);
                }
                Ok(0)
            }
            CALLS => {
                let attached = session.attached.lock();

                Ok(attached.iter().map(|a| a.calls(&mut task)).sum::<usize>() as isize)
            }
            _ => Err(ENOTTY),
        }
    }
}

impl Session {
    /// Attaches the subscribers that `attach` asks for to the mm of the caller.
    fn attach(self: Pin<&Self>, attach: &Attach, task: &mut TaskContext) -> Result<isize> {
        let current = current!();
        let user = current.mm().ok_or(ESRCH)?;
        let mut attached = self.attached.lock();

        attached.reserve(attach.count, GFP_KERNEL)?;
        for i in 0..attach.count {
            let one = Attached::new(attach, i, &self.domain, user, task)?;

            attached.push(one, GFP_KERNEL)?;
        }
        Ok(0)
    }
}
