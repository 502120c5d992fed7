// SPDX-License-Identifier: GPL-2.0

//! A directory in debugfs, for tables.
//!
//! The files of `kernel::debugfs` cannot be used: an open file does not keep the module loaded.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use kernel::{
    bindings,
    prelude::*, //
};

use super::{
    mnck_helper_debugfs_dir,
    mnck_helper_debugfs_file,
    mnck_helper_debugfs_remove,
    table::{
        file_operations,
        mode,
        Table, //
    }, //
};

/// A directory at the root of debugfs, removed with its files on drop. The drop sleeps until all
/// reads of the files have returned.
///
/// A kernel without debugfs, or a failure to make the directory, is no error: the tables are then
/// missing.
pub(crate) struct Directory(*mut bindings::dentry);

// SAFETY: A dentry is not tied to a task.
unsafe impl Send for Directory {}
// SAFETY: Only the drop changes the directory.
unsafe impl Sync for Directory {}

impl Directory {
    /// Makes a directory without files. May sleep.
    pub(crate) fn new(name: &CStr) -> Self {
        // SAFETY: `name` is a string.
        Self(unsafe { mnck_helper_debugfs_dir(name.as_char_ptr()) })
    }

    /// Adds a table, which only root may read or clear. May sleep.
    pub(crate) fn add<T: Table>(&self) {
        // SAFETY: `NAME` is a string. The directory is owned by `self`, or it is an error pointer,
        // with which this does nothing. An open file keeps the module, and so its file operations,
        // loaded.
        unsafe {
            mnck_helper_debugfs_file(
                T::NAME.as_char_ptr(),
                mode::<T>(),
                self.0,
                file_operations::<T>(),
            )
        };
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // SAFETY: The directory is owned by `self`, or it is an error pointer, with which this does
        // nothing.
        unsafe { mnck_helper_debugfs_remove(self.0) };
    }
}
