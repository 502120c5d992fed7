// SPDX-License-Identifier: GPL-2.0

//! Tables in debugfs.
//!
//! The files of `kernel::debugfs` cannot be used: an open file does not keep the module loaded.
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

/// A text file in debugfs.
pub(crate) trait Table {
    /// The name of the file.
    const NAME: &'static CStr;

    /// Writes the whole text to `out`. May sleep. Called again if the text did not fit the buffer.
    fn show(out: &SeqFile);
}

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

    /// Adds a table, which only root may read. May sleep.
    pub(crate) fn add<T: Table>(&self) {
        // SAFETY: `NAME` is a string. The directory is owned by `self`, or it is an error pointer,
        // with which this does nothing. An open file keeps the module, and so `show`, loaded.
        unsafe { mnck_helper_debugfs_table(T::NAME.as_char_ptr(), self.0, Some(show::<T>)) };
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // SAFETY: The directory is owned by `self`, or it is an error pointer, with which this does
        // nothing.
        unsafe { mnck_helper_debugfs_remove(self.0) };
    }
}

/// Writes the table `T` to `file`. `show` of `struct seq_operations`.
///
/// # Safety
///
/// Only `seq_read()` may call this, with a file that no other thread uses at the same time.
unsafe extern "C" fn show<T: Table>(file: *mut bindings::seq_file, _: *mut c_void) -> c_int {
    // SAFETY: By the safety requirements of this function.
    T::show(unsafe { SeqFile::from_raw(file) });
    0
}
