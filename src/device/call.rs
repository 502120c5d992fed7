// SPDX-License-Identifier: GPL-2.0

//! The numbers of the ioctls.

use core::mem::{
    offset_of,
    size_of, //
};

use kernel::{
    ioctl::{
        _IO,
        _IOC_DIR,
        _IOC_NR,
        _IOC_SIZE,
        _IOC_TYPE,
        _IOW,
        _IOWR, //
    },
    prelude::*,
    uaccess::UserPtr, //
};

use super::argument::Argument;
use crate::ffi::uapi::*;

/// An ioctl of `/dev/mnck`.
pub(super) struct Call {
    /// Its number, with the size of the argument as this module knows it.
    number: u32,
    /// The least size of its argument, in bytes.
    min: usize,
}

pub(super) const ATTACH: Call = Call {
    number: _IOWR::<mnck_attach>(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH),
    // The first version of the struct.
    min: offset_of!(mnck_attach, start),
};
pub(super) const DETACH: Call = Call {
    number: _IOWR::<mnck_stats>(MNCK_IOCTL_TYPE, MNCK_CMD_DETACH),
    min: STATS_MIN,
};
pub(super) const STATS: Call = Call {
    number: _IOWR::<mnck_stats>(MNCK_IOCTL_TYPE, MNCK_CMD_STATS),
    min: STATS_MIN,
};
pub(super) const LOCK: Call = Call {
    number: _IOW::<mnck_lock>(MNCK_IOCTL_TYPE, MNCK_CMD_LOCK),
    min: size_of::<mnck_lock>(),
};
pub(super) const MIRROR: Call = Call {
    number: _IOW::<mnck_mirror>(MNCK_IOCTL_TYPE, MNCK_CMD_MIRROR),
    min: size_of::<mnck_mirror>(),
};
pub(super) const TOUCH: Call = Call {
    number: _IOW::<mnck_touch>(MNCK_IOCTL_TYPE, MNCK_CMD_TOUCH),
    min: size_of::<mnck_touch>(),
};

pub(super) const WATCH: Call = Call {
    number: _IOWR::<mnck_watch>(MNCK_IOCTL_TYPE, MNCK_CMD_WATCH),
    min: size_of::<mnck_watch>(),
};

pub(super) const PREARM: Call = Call {
    number: _IOW::<mnck_prearm>(MNCK_IOCTL_TYPE, MNCK_CMD_PREARM),
    min: size_of::<mnck_prearm>(),
};

/// The number of `MNCK_SUMMARY`, which has no argument.
pub(super) const SUMMARY: u32 = _IO(MNCK_IOCTL_TYPE, MNCK_CMD_SUMMARY);

/// The part of `struct mnck_stats` that a call must have: all up to the id.
const STATS_MIN: usize = offset_of!(mnck_stats, id) + size_of::<u64>();

impl Call {
    /// Returns whether `cmd` is the number of this call in some version of the user API. In these
    /// the number differs only in the size, which is at least that of the first version:
    /// `extensible_ioctl_valid()`.
    pub(super) fn has_number(&self, cmd: u32) -> bool {
        _IOC_TYPE(cmd) == _IOC_TYPE(self.number)
            && _IOC_NR(cmd) == _IOC_NR(self.number)
            && _IOC_DIR(cmd) == _IOC_DIR(self.number)
            && _IOC_SIZE(cmd) >= self.min
    }

    /// Returns the argument of this call, which is at `address`.
    ///
    /// # Errors
    ///
    /// As [`Argument::new`].
    pub(super) fn argument(&self, address: UserPtr) -> Result<Argument> {
        Argument::new(address, self.min)
    }
}
