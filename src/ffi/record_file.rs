// SPDX-License-Identifier: GPL-2.0

//! Files without a name, from which a task reads records.
//!
//! `kernel::miscdevice` has no `poll`.
//!
//! C header: [`include/linux/anon_inodes.h`](srctree/include/linux/anon_inodes.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::from_err_ptr,
    ffi::{
        c_char,
        c_int,
        c_long,
        c_uint,
        c_ulong, //
    },
    fs::{
        file::{
            flags::O_CLOEXEC,
            flags::O_NONBLOCK,
            FileDescriptorReservation, //
        },
        File, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        poll::PollTable,
        Arc,
        ArcBorrow, //
    },
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceWriter, //
    }, //
};

use super::mnck_helper_record_file;

/// What a file is of. Several tasks may call these at the same time.
pub(crate) trait RecordFile: Send + Sync + 'static {
    /// The name of the file in `/proc/PID/fd/`, as in `anon_inode:[mnck]`.
    const NAME: &'static CStr;

    /// Writes records to the user, as many as there are and as have room. If there is none and the call
    /// `waits`, it waits for one. Returns the number of bytes. Sleeps.
    fn read(&self, to: UserSliceWriter, waits: bool) -> Result<usize>;

    /// Has `table` woken when there is a record, and returns whether there is one. May sleep.
    fn poll(&self, file: &File, table: &PollTable<'_>) -> bool;

    /// An ioctl. Sleeps.
    fn ioctl(&self, cmd: u32, argument: UserPtr) -> Result;
}

/// A file that no task can use yet. On drop it is closed.
pub(crate) struct NewRecordFile {
    number: FileDescriptorReservation,
    file: ARef<File>,
}

impl NewRecordFile {
    /// Makes a file of `value`. The last close drops the reference, which may sleep.
    ///
    /// # Errors
    ///
    /// - [`EMFILE`], [`ENFILE`]: the process, or the machine, has too many open files.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new<T: RecordFile>(value: Arc<T>) -> Result<Self> {
        let number = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
        let value = Arc::into_raw(value);

        // SAFETY: The name is a string. The operations are static, and an open file keeps the module
        // loaded. If this succeeds, the file owns the reference to `value`.
        let file = from_err_ptr(unsafe {
            mnck_helper_record_file(
                T::NAME.as_char_ptr(),
                &Operations::<T>::FILE,
                value.cast_mut().cast(),
            )
        })
        .inspect_err(|_| {
            // SAFETY: It comes from `into_raw()`, and there is no file.
            drop(unsafe { Arc::from_raw(value) });
        })?;

        // SAFETY: The file is not null, and this owns the reference to it. No task knows it, so none is
        // within `fdget_pos()`. `File` is a transparent wrapper of `struct file`.
        let file = unsafe { ARef::from_raw(NonNull::new_unchecked(file.cast::<File>())) };
        Ok(Self { number, file })
    }

    /// Returns the number that the file will have.
    pub(crate) fn number(&self) -> u32 {
        self.number.reserved_fd()
    }

    /// Gives the file to the current process.
    pub(crate) fn install(self) {
        self.number.fd_install(self.file);
    }
}

struct Operations<T: RecordFile>(T);

impl<T: RecordFile> Operations<T> {
    const FILE: bindings::file_operations = bindings::file_operations {
        // An open file keeps the module loaded.
        owner: <crate::LocalModule as kernel::ModuleMetadata>::THIS_MODULE.as_ptr(),
        read: Some(read::<T>),
        poll: Some(poll::<T>),
        unlocked_ioctl: Some(ioctl::<T>),
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: bindings::compat_ptr_ioctl,
        release: Some(release::<T>),
        ..pin_init::zeroed()
    };
}

/// Returns what an open file is of.
///
/// # Safety
///
/// [`NewRecordFile::new`] has made `file` of a `T`, and it is open during `'a`.
unsafe fn value<'a, T: RecordFile>(file: *mut bindings::file) -> ArcBorrow<'a, T> {
    // SAFETY: By the safety requirements the file owns a reference that comes from `into_raw()`.
    unsafe { ArcBorrow::from_raw((*file).private_data.cast::<T>()) }
}

/// `read` of `struct file_operations`.
///
/// # Safety
///
/// Only the VFS may call this, with a file of a `T`.
unsafe extern "C" fn read<T: RecordFile>(
    file: *mut bindings::file,
    to: *mut c_char,
    len: usize,
    _: *mut bindings::loff_t,
) -> isize {
    // SAFETY: By the safety requirements. The VFS keeps the file open.
    let (value, file) = unsafe { (value::<T>(file), File::from_raw_file(file)) };
    let to = UserSlice::new(UserPtr::from_addr(to as usize), len).writer();

    match value.read(to, file.flags() & O_NONBLOCK == 0) {
        Ok(len) => len as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// `poll` of `struct file_operations`.
///
/// # Safety
///
/// As [`read`].
unsafe extern "C" fn poll<T: RecordFile>(
    file: *mut bindings::file,
    table: *mut bindings::poll_table,
) -> bindings::__poll_t {
    // SAFETY: By the safety requirements. The VFS keeps the file open, and the table is null or valid.
    let (value, file, table) = unsafe {
        (
            value::<T>(file),
            File::from_raw_file(file),
            PollTable::from_raw(table),
        )
    };

    if value.poll(file, &table) {
        bindings::POLLIN | bindings::POLLRDNORM
    } else {
        0
    }
}

/// `unlocked_ioctl` of `struct file_operations`.
///
/// # Safety
///
/// As [`read`].
unsafe extern "C" fn ioctl<T: RecordFile>(
    file: *mut bindings::file,
    cmd: c_uint,
    argument: c_ulong,
) -> c_long {
    // SAFETY: By the safety requirements. The VFS keeps the file open.
    let value = unsafe { value::<T>(file) };

    match value.ioctl(cmd, UserPtr::from_addr(argument)) {
        Ok(()) => 0,
        Err(error) => error.to_errno() as c_long,
    }
}

/// `release` of `struct file_operations`.
///
/// # Safety
///
/// As [`read`], once.
unsafe extern "C" fn release<T: RecordFile>(
    _: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: The file owns the reference, and nothing uses the file any more.
    drop(unsafe { Arc::from_raw((*file).private_data.cast::<T>()) });
    0
}
