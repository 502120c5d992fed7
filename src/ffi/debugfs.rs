// SPDX-License-Identifier: GPL-2.0

//! Tables in debugfs.
//!
//! Not those of `kernel::debugfs`, which do not keep the module loaded while one is open.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use kernel::{
    bindings,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    seq_file::SeqFile, //
};

use super::{
    mnck_helper_debugfs_dir,
    mnck_helper_debugfs_remove,
    mnck_helper_debugfs_table, //
};

/// A text that debugfs shows.
pub(crate) trait Table {
    /// The name of the file.
    const NAME: &'static CStr;

    /// Writes all of it. May sleep, and may be called again if it was too long.
    fn show(out: &SeqFile);
}

/// A directory at the root of debugfs; removed on drop, with all that is in it. What is read at that
/// moment is waited for.
///
/// That there is none, or no debugfs, is no error.
pub(crate) struct Directory(*mut bindings::dentry);

// SAFETY: A dentry belongs to no task.
unsafe impl Send for Directory {}
// SAFETY: Nothing but the drop changes it.
unsafe impl Sync for Directory {}

impl Directory {
    /// A directory without files. May sleep.
    pub(crate) fn new(name: &CStr) -> Self {
        // SAFETY: `name` is a string.
        Self(unsafe { mnck_helper_debugfs_dir(name.as_char_ptr()) })
    }

    /// Adds a table, which root alone may read. May sleep.
    pub(crate) fn add<T: Table>(&self) {
        // SAFETY: `NAME` is a string. The directory is ours, or it is an error pointer, with which
        // this does nothing. A file that is open keeps the module, and so `show`, loaded.
        unsafe { mnck_helper_debugfs_table(T::NAME.as_char_ptr(), self.0, Some(show::<T>)) };
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // SAFETY: The directory is ours, or it is an error pointer, with which this does nothing.
        unsafe { mnck_helper_debugfs_remove(self.0) };
    }
}

/// # Safety
///
/// Called by `seq_read()` alone, with a file that no other thread uses meanwhile.
unsafe extern "C" fn show<T: Table>(file: *mut bindings::seq_file, _: *mut c_void) -> c_int {
    // SAFETY: By the duty of this function.
    T::show(unsafe { SeqFile::from_raw(file) });
    0
}
