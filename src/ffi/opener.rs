// SPDX-License-Identifier: GPL-2.0

//! The privileges of the task that opened a file.
//!
//! Calls on a file ask for these, not for those of the caller: a privileged task may make a call
//! on a file that it was given, without knowing what the call does.
//!
//! C header: [`include/linux/capability.h`](srctree/include/linux/capability.h)

use kernel::{
    bindings,
    ffi::c_int,
    fs::File, //
};

/// Returns whether the task that opened `file` had `CAP_SYS_ADMIN` in the initial user namespace.
pub(crate) fn is_admin(file: &File) -> bool {
    // SAFETY: `file` is a valid file. The namespace is a variable of the kernel, which is only
    // compared here.
    unsafe {
        bindings::file_ns_capable(
            file.as_ptr(),
            &raw mut bindings::init_user_ns,
            bindings::CAP_SYS_ADMIN as c_int,
        )
    }
}
