// SPDX-License-Identifier: GPL-2.0

//! Sessions: what one open file of `/dev/mnck` has attached.

use core::{
    ops::Range,
    pin::Pin, //
};

use kernel::{
    fs::File,
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
    sync::{
        Arc,
        Mutex, //
    },
    types::ScopeGuard,
    uaccess::UserPtr, //
};

use super::{
    argument::{
        page_range,
        Argument, //
    },
    call,
    watch::watch, //
};
use crate::{
    ffi::{
        parameters,
        target,
        uapi::*, //
    },
    mmu_notifier::TaskContext,
    model::{
        Attached,
        Place, //
    }, //
};

/// One open file.
#[pin_data(PinnedDrop)]
pub(crate) struct Session {
    /// Outermost, and short: under it nothing is allocated, no user memory is touched, nothing is
    /// registered or unregistered, and nothing is waited for. Each of these may wait for an
    /// invalidation, which may wait for a lock that the session holds, and only another call on the
    /// session can release that.
    ///
    /// The statistics' locks nest within.
    #[pin]
    subscribers: Mutex<Subscribers>,
}

struct Subscribers {
    attached: RBTree<u64, Entry>,
    /// How many are attached or being attached.
    count: u32,
    /// Never used twice. At one a nanosecond this lasts for centuries.
    next_id: u64,
}

struct Entry {
    attached: Arc<Attached>,
    /// How many calls have a reference of their own, and keep it from being detached.
    calls: u32,
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
            GFP_KERNEL_ACCOUNT,
        )
    }

    fn ioctl(session: Pin<&Session>, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let arg = UserPtr::from_addr(arg);

        match cmd {
            _ if call::ATTACH.has_number(cmd) => {
                session.attach(file, &call::ATTACH.argument(arg)?)?
            }
            _ if call::DETACH.has_number(cmd) => session.detach(&call::DETACH.argument(arg)?)?,
            _ if call::STATS.has_number(cmd) => session.stats(&call::STATS.argument(arg)?)?,
            _ if call::LOCK.has_number(cmd) => session.lock(&call::LOCK.argument(arg)?)?,
            _ if call::MIRROR.has_number(cmd) => {
                session.mirror(file, &call::MIRROR.argument(arg)?)?
            }
            _ if call::TOUCH.has_number(cmd) => session.touch(&call::TOUCH.argument(arg)?)?,
            _ if call::WATCH.has_number(cmd) => watch(file, &call::WATCH.argument(arg)?)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}

impl Session {
    /// `MNCK_ATTACH`.
    fn attach(&self, file: &File, argument: &Argument) -> Result {
        let mut attach: mnck_attach = argument.read()?;

        if attach.flags & !(MNCK_ATTACH_LOCKED | MNCK_ATTACH_IN_CHAIN) != 0 {
            return Err(EINVAL);
        }
        let range = match (attach.start, attach.end) {
            (0, 0) => None,
            (start, end) => Some(page_range(start, end)?),
        };

        let id = self.claim_id()?;
        let claim = ScopeGuard::new(|| self.subscribers.lock().count -= 1);

        let node = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        let attached = if attach.flags & MNCK_ATTACH_IN_CHAIN != 0 {
            self.new_member(&attach)?
        } else {
            new_subscriber(file, &attach, range)?
        };
        let attached = Arc::new(attached, GFP_KERNEL_ACCOUNT)?;

        // Nobody knows the id until it is written, and it is worth nothing until it is inserted. If
        // it cannot be written, the subscriber is detached here.
        attach.id = id;
        attach.size = argument.size();
        argument.write(&attach)?;

        let node = node.into_node(id, Entry { attached, calls: 0 });
        self.subscribers.lock().attached.insert(node);
        claim.dismiss();
        Ok(())
    }

    /// A subscriber in a chain of this session, as `attach` says.
    fn new_member(&self, attach: &mnck_attach) -> Result<Attached> {
        let &mnck_attach {
            pid,
            kind,
            flags,
            start,
            end,
            chain,
            ..
        } = attach;

        if (pid, flags) != (0, MNCK_ATTACH_IN_CHAIN) || (start, end) != (0, 0) {
            return Err(EINVAL);
        }

        self.call(chain, |chain| {
            chain.join(kind, &mut TaskContext::current()?)
        })
    }

    /// Takes a new id and a place for its subscriber.
    fn claim_id(&self) -> Result<u64> {
        let mut subscribers = self.subscribers.lock();

        if subscribers.count >= parameters::max_subscribers.value() {
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
        let node = {
            let mut subscribers = self.subscribers.lock();
            let entry = subscribers.attached.find_mut(&id).ok_or(ENOENT)?;

            if entry.get().calls != 0 || entry.get().attached.is_busy() {
                return Err(EBUSY);
            }
            entry.remove_node()
        };
        let (_, Entry { attached, .. }) = node.to_key_value();

        stats = Attached::detach(attached);
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
            .attached
            .statistics();
        write_stats(argument, request.id, stats)
    }

    /// Does something with subscriber `id` that may take long, and keeps it attached meanwhile.
    pub(super) fn call<R>(&self, id: u64, call: impl FnOnce(&Attached) -> Result<R>) -> Result<R> {
        let attached = {
            let mut subscribers = self.subscribers.lock();
            let entry = subscribers.attached.get_mut(&id).ok_or(ENOENT)?;

            // There are fewer tasks than that.
            entry.calls += 1;
            entry.attached.clone()
        };
        let result = call(&attached);

        let mut subscribers = self.subscribers.lock();
        // Not the last reference, of which the drop would detach: the entry has one until nobody
        // calls any more.
        drop(attached);
        if let Some(entry) = subscribers.attached.get_mut(&id) {
            entry.calls -= 1;
        }
        result
    }
}

/// A subscriber of the process that `attach` names, to `range` of it if there is one, attached by a
/// call on `file`.
fn new_subscriber(
    file: &File,
    attach: &mnck_attach,
    range: Option<Range<usize>>,
) -> Result<Attached> {
    if attach.chain != 0 {
        return Err(EINVAL);
    }
    let (mm, pid) = target::mm_of(file, attach.pid)?;
    let mut place = Place {
        mm: &mm,
        pid,
        locked: attach.flags & MNCK_ATTACH_LOCKED != 0,
        task: &mut TaskContext::current()?,
    };

    Attached::new(attach.kind, range, &mut place)
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
        let entries = core::mem::take(&mut self.subscribers.lock().attached);

        // First all locks: a detach waits for the starts of all subscribers.
        for entry in entries.values() {
            entry.attached.let_go();
        }
        // And then, on drop, the subscribers: all calls have returned, so nobody else has them.
    }
}
