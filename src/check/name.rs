// SPDX-License-Identifier: GPL-2.0

//! The name of what is under check.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::ffi::subscriptions::Symbol;

/// The name of what is under check.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A model subscriber: its kind and serial number.
    Model(&'static CStr, u64),
    /// A callback of a driver, with its module.
    Function(Symbol),
    /// The core, which opens and closes ranges for its initiators.
    Core,
}

impl Name {
    /// Returns the kind and the serial number, for a model subscriber.
    pub(super) fn model(&self) -> (&'static CStr, u64) {
        match self {
            Self::Model(kind, serial) => (kind, *serial),
            Self::Function(_) => (c"driver", 0),
            Self::Core => (c"core", 0),
        }
    }
}

/// As reports have it: "counter 12", or "kvm_mmu_notifier_invalidate_range_start \[kvm\]".
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(kind, serial) => {
                write!(f, "{} {serial}", CStr::to_str(kind).unwrap_or("?"))
            }
            Self::Function(name) => f.write_str(name.as_str()),
            Self::Core => f.write_str("core"),
        }
    }
}
