// SPDX-License-Identifier: GPL-2.0

//! Sessions: what one open file of `/dev/mnck` has attached.

use core::{
    mem::{
        offset_of,
        size_of, //
    },
    pin::Pin, //
};

use kernel::{
    fs::File,
    ioctl::_IO,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    new_mutex,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::Mutex,
    types::ScopeGuard,
    uaccess::UserPtr, //
};

use super::argument::Argument;
use crate::{
    ffi::{
        target,
        uapi::*, //
    },
    mmu_notifier::TaskContext,
    module_parameters,
    subscriber::Attached, //
};

const ATTACH: u32 = _IO(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH);
const DETACH: u32 = _IO(MNCK_IOCTL_TYPE, MNCK_CMD_DETACH);
const STATS: u32 = _IO(MNCK_IOCTL_TYPE, MNCK_CMD_STATS);
const LOCK: u32 = _IO(MNCK_IOCTL_TYPE, MNCK_CMD_LOCK);

/// The part of `struct mnck_stats` that a call must have: all up to the id.
const STATS_MIN: usize = offset_of!(mnck_stats, id) + size_of::<u64>();

/// One open file.
#[pin_data(PinnedDrop)]
pub(crate) struct Session {
    /// Outermost, and short: under it nothing is allocated, no user memory is touched, nothing is
    /// registered or unregistered. Each of these may wait for an invalidation, which may wait for a
    /// lock that the session holds, and only another call on the session can release that.
    ///
    /// A trylock subscriber's lock and the statistics' locks nest within.
    #[pin]
    subscribers: Mutex<Subscribers>,
}

struct Subscribers {
    attached: RBTree<u64, Attached>,
    /// How many are attached or being attached.
    count: u32,
    /// Never used twice. At one a nanosecond this lasts for centuries.
    next_id: u64,
}

#[vtable]
impl MiscDevice for Session {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        KBox::pin_init(
            pin_init!(Self {
                subscribers <- new_mutex!(Subscribers {
                    attached: RBTree::new(),
                    count: 0,
                    next_id: 0,
                }, "Session::subscribers"),
            }),
            GFP_KERNEL,
        )
    }

    fn ioctl(session: Pin<&Session>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let arg = UserPtr::from_addr(arg);

        match cmd {
            ATTACH => session.attach(&Argument::new(arg, size_of::<mnck_attach>())?)?,
            DETACH => session.detach(&Argument::new(arg, STATS_MIN)?)?,
            STATS => session.stats(&Argument::new(arg, STATS_MIN)?)?,
            LOCK => session.lock(&Argument::new(arg, size_of::<mnck_lock>())?)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}

impl Session {
    /// `MNCK_ATTACH`.
    fn attach(&self, argument: &Argument) -> Result {
        let mut attach: mnck_attach = argument.read()?;

        if attach.flags != 0 {
            return Err(EINVAL);
        }

        let id = self.claim_id()?;
        let claim = ScopeGuard::new(|| self.subscribers.lock().count -= 1);

        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let attached = {
            let mm = target::mm_of(attach.pid)?;

            Attached::new(attach.kind, &mm, &mut TaskContext::current()?)?
        };

        // Nobody knows the id until it is written, and it is worth nothing until it is inserted. If
        // it cannot be written, the subscriber is detached here.
        attach.id = id;
        attach.size = argument.size();
        argument.write(&attach)?;

        let node = node.into_node(id, attached);
        self.subscribers.lock().attached.insert(node);
        claim.dismiss();
        Ok(())
    }

    /// Takes a new id and a place for its subscriber.
    fn claim_id(&self) -> Result<u64> {
        let mut subscribers = self.subscribers.lock();

        if subscribers.count >= module_parameters::max_subscribers.value() {
            return Err(ENOSPC);
        }
        subscribers.count += 1;

        let id = subscribers.next_id;
        subscribers.next_id = id.wrapping_add(1);
        Ok(id)
    }

    /// `MNCK_DETACH`.
    fn detach(&self, argument: &Argument) -> Result {
        let mut stats: mnck_stats = argument.read()?;

        if stats.flags != 0 {
            return Err(EINVAL);
        }

        let id = stats.id;
        let attached = self.subscribers.lock().attached.remove_node(&id);
        let (_, attached) = attached.ok_or(ENOENT)?.to_key_value();

        stats = attached.detach();
        // Not before: who is being detached takes a place still.
        self.subscribers.lock().count -= 1;
        write_stats(argument, id, stats)
    }

    /// `MNCK_STATS`.
    fn stats(&self, argument: &Argument) -> Result {
        let request: mnck_stats = argument.read()?;

        if request.flags != 0 {
            return Err(EINVAL);
        }

        let stats = self
            .subscribers
            .lock()
            .attached
            .get(&request.id)
            .ok_or(ENOENT)?
            .statistics();
        write_stats(argument, request.id, stats)
    }

    /// `MNCK_LOCK`.
    fn lock(&self, argument: &Argument) -> Result {
        let lock: mnck_lock = argument.read()?;

        if lock.flags != 0 || lock.reserved != 0 {
            return Err(EINVAL);
        }

        let mut subscribers = self.subscribers.lock();
        let attached = subscribers.attached.get_mut(&lock.id).ok_or(ENOENT)?;

        match lock.op {
            MNCK_LOCK_HOLD => attached.hold_lock(),
            MNCK_LOCK_RELEASE => attached.release_lock(),
            _ => Err(EINVAL),
        }
    }
}

/// Returns the statistics of subscriber `id` to the caller.
fn write_stats(argument: &Argument, id: u64, mut stats: mnck_stats) -> Result {
    stats.size = argument.size();
    stats.id = id;
    argument.write(&stats)
}

#[pinned_drop]
impl PinnedDrop for Session {
    /// The last close detaches all subscribers.
    fn drop(self: Pin<&mut Self>) {
        let mut attached = core::mem::take(&mut self.subscribers.lock().attached);

        // First all locks: a detach waits for the starts of all subscribers.
        for subscriber in attached.values_mut() {
            subscriber.let_go();
        }
        // And then, on drop, the subscribers.
    }
}
