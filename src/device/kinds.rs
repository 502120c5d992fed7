// SPDX-License-Identifier: GPL-2.0

//! The calls that are for subscribers of one kind.

use kernel::{
    fs::File,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use super::{
    argument::{
        limited_range,
        Argument, //
    },
    Session, //
};
use crate::{
    ffi::{
        opener,
        uapi::*, //
    },
    mmu_notifier::TaskContext, //
};

impl Session {
    /// `MNCK_LOCK`.
    pub(super) fn lock(&self, argument: &Argument) -> Result {
        let lock: mnck_lock = argument.read()?;

        if lock.flags != 0 || lock.reserved != 0 {
            return Err(EINVAL);
        }

        self.call(lock.id, |attached| {
            let trylock = attached.trylock()?;

            match lock.op {
                MNCK_LOCK_HOLD => trylock.hold_lock(),
                MNCK_LOCK_RELEASE => trylock.release_lock(),
                _ => Err(EINVAL),
            }
        })
    }

    /// `MNCK_MIRROR`, called on `file`.
    pub(super) fn mirror(&self, file: &File, argument: &Argument) -> Result {
        let request: mnck_mirror = argument.read()?;
        let mnck_mirror {
            flags,
            op,
            start,
            end,
            entries,
            ..
        } = request;

        let (known_flags, has_range) = match op {
            MNCK_MIRROR_FAULT => (MNCK_MIRROR_WRITE | MNCK_MIRROR_WAIT, true),
            MNCK_MIRROR_READ => (0, true),
            MNCK_MIRROR_HOLD | MNCK_MIRROR_LET_GO => (0, false),
            _ => return Err(EINVAL),
        };
        if flags & !known_flags != 0
            || request.reserved != 0
            || (entries != 0 && op != MNCK_MIRROR_READ)
            || (!has_range && (start, end) != (0, 0))
        {
            return Err(EINVAL);
        }
        let range = if has_range {
            limited_range(start, end, MNCK_MIRROR_PAGES)?
        } else {
            0..0
        };

        self.call(request.id, |attached| {
            let mirror = attached.mirror()?;

            match op {
                MNCK_MIRROR_FAULT => mirror.fault(
                    range,
                    flags & MNCK_MIRROR_WRITE != 0,
                    flags & MNCK_MIRROR_WAIT != 0,
                    &mut TaskContext::current()?,
                ),
                MNCK_MIRROR_READ => {
                    let mut found = mirror.read(range, &mut TaskContext::current()?)?;
                    let entries = UserPtr::from_addr(entries as usize);

                    // As in /proc/PID/pagemap: frame numbers help to attack physical memory.
                    if !opener::is_admin(file) {
                        for entry in found.iter_mut() {
                            *entry &= u64::from(MNCK_PAGE_PRESENT | MNCK_PAGE_WRITABLE);
                        }
                    }
                    let bytes = found.as_slice().as_bytes();

                    UserSlice::new(entries, bytes.len())
                        .writer()
                        .write_slice(bytes)
                }
                MNCK_MIRROR_HOLD => mirror.hold(&mut TaskContext::current()?),
                _ => {
                    mirror.let_go();
                    Ok(())
                }
            }
        })
    }

    /// `MNCK_TOUCH`.
    pub(super) fn touch(&self, argument: &Argument) -> Result {
        let touch: mnck_touch = argument.read()?;

        if touch.flags != 0 {
            return Err(EINVAL);
        }
        let range = limited_range(touch.start, touch.end, MNCK_TOUCH_PAGES)?;

        self.call(touch.id, |attached| attached.aging()?.touch(range))
    }
}
