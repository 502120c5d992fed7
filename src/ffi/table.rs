// SPDX-License-Identifier: GPL-2.0

//! Text files that list things, one line each, made as they are read.
//!
//! C header: [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use core::ptr;

use kernel::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_char,
        c_int,
        c_void, //
    },
    prelude::*,
    seq_file::SeqFile,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// A text file with a header and a text for each item of a list.
///
/// The list may change while a task reads the file. The text of an item is made when the task reads
/// it, so the texts are of different moments.
pub(crate) trait Table: 'static {
    /// The name of the file.
    const NAME: &'static CStr;

    /// What a task calls by writing `clear` to the file, if the list can be cleared. May sleep.
    const CLEAR: Option<fn()> = None;

    /// A place between two items of the list. The default is the place before the first.
    type Cursor: Clone + Default + Send;

    /// A copy of an item, which needs no lock to be shown.
    type Item: Send;

    /// Writes the header. May sleep.
    fn header(out: &SeqFile);

    /// Copies the first item behind `cursor`, and moves `cursor` behind that item. Returns `None` if
    /// there is no such item. May sleep.
    ///
    /// An item that is in the list all the time must be found once by a cursor that moves from the
    /// default to the end, whatever items are added or removed meanwhile.
    fn next(cursor: &mut Self::Cursor) -> Option<Self::Item>;

    /// Writes the text of `item`, which must not be empty. May sleep. Called again if the text did
    /// not fit the buffer.
    fn show(out: &SeqFile, item: &Self::Item);
}

/// Returns the permissions of the file of `T`.
pub(super) const fn mode<T: Table>() -> bindings::umode_t {
    match T::CLEAR {
        Some(_) => 0o600,
        None => 0o400,
    }
}

/// Returns the operations of the file of `T`.
pub(super) fn file_operations<T: Table>() -> &'static bindings::file_operations {
    &Operations::<T>::FILE
}

struct Operations<T: Table>(T);

impl<T: Table> Operations<T> {
    const FILE: bindings::file_operations = bindings::file_operations {
        // An open file keeps the module loaded.
        owner: <crate::LocalModule as kernel::ModuleMetadata>::THIS_MODULE.as_ptr(),
        open: Some(open::<T>),
        read: Some(bindings::seq_read),
        write: Some(write::<T>),
        llseek: Some(bindings::seq_lseek),
        release: Some(release::<T>),
        ..pin_init::zeroed()
    };

    const SEQ: bindings::seq_operations = bindings::seq_operations {
        start: Some(start::<T>),
        stop: Some(stop::<T>),
        next: Some(next::<T>),
        show: Some(show::<T>),
    };
}

/// How far an open file was read.
///
/// `seq_file` either begins again at position 0, the header, or continues at the position where it
/// stopped. It stops at an item that was not read to its end, and then asks for that item again.
struct Reader<T: Table> {
    /// The place before `item`.
    before: T::Cursor,
    /// The place behind `item`.
    behind: T::Cursor,
    /// The item that `seq_file` has started or gone on to and not stopped at, so that nothing is
    /// kept for a task that does not read on.
    item: Option<T::Item>,
}

impl<T: Table> Reader<T> {
    /// Makes a reader that is at the header.
    fn new() -> Self {
        Self {
            before: T::Cursor::default(),
            behind: T::Cursor::default(),
            item: None,
        }
    }

    /// Copies the first item behind `before`. Returns a pointer to it, or null at the end.
    fn copy(&mut self) -> *mut c_void {
        self.behind = self.before.clone();
        self.item = T::next(&mut self.behind);
        self.item
            .as_mut()
            .map_or(ptr::null_mut(), |item| ptr::from_mut(item).cast())
    }

    /// Copies the item that follows the header or the current item.
    fn advance(&mut self) -> *mut c_void {
        self.before = self.behind.clone();
        self.copy()
    }
}

/// `SEQ_START_TOKEN`: stands for the header.
const HEADER: *mut c_void = ptr::without_provenance_mut(1);

/// Returns the reader of an open file.
///
/// # Safety
///
/// - `open::<T>()` has opened `file`, and `release::<T>()` was not called.
/// - No other thread uses the reader during `'a`: `seq_file` calls its operations under a lock.
unsafe fn reader<'a, T: Table>(file: *mut bindings::seq_file) -> &'a mut Reader<T> {
    // SAFETY: By the safety requirements, `private` is the box that `open()` made.
    unsafe { &mut *(*file).private.cast() }
}

/// `open` of `struct file_operations`.
///
/// # Safety
///
/// Only the VFS may call this.
unsafe extern "C" fn open<T: Table>(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    from_result(|| {
        let reader = KBox::new(Reader::<T>::new(), GFP_KERNEL)?;

        // SAFETY: The VFS is opening `file`. The operations are static.
        to_result(unsafe { bindings::seq_open(file, &Operations::<T>::SEQ) })?;
        // SAFETY: `seq_open()` has made `private_data` a `struct seq_file`, which no other thread
        // knows yet.
        unsafe {
            let seq_file = (*file).private_data.cast::<bindings::seq_file>();

            (*seq_file).private = KBox::into_raw(reader).cast();
        }
        Ok(0)
    })
}

/// `release` of `struct file_operations`.
///
/// # Safety
///
/// Only the VFS may call this, with a file that [`open`] has opened.
unsafe extern "C" fn release<T: Table>(
    inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: `open()` has put a box there, and nothing uses it any more.
    drop(unsafe {
        let seq_file = (*file).private_data.cast::<bindings::seq_file>();

        KBox::from_raw((*seq_file).private.cast::<Reader<T>>())
    });
    // SAFETY: `seq_open()` has opened the file.
    unsafe { bindings::seq_release(inode, file) }
}

/// `write` of `struct file_operations`: the word `clear` clears the list. All else fails with
/// [`EINVAL`].
///
/// # Safety
///
/// Only the VFS may call this.
unsafe extern "C" fn write<T: Table>(
    _: *mut bindings::file,
    text: *const c_char,
    len: usize,
    _: *mut bindings::loff_t,
) -> isize {
    let mut word = [0; 8];
    let result = word
        .get_mut(..len)
        .ok_or(EINVAL)
        .and_then(|word| {
            UserSlice::new(UserPtr::from_addr(text as usize), len)
                .reader()
                .read_slice(word)?;
            Ok(&*word)
        })
        .and_then(|word| match T::CLEAR {
            Some(clear) if word.trim_ascii() == b"clear" => {
                clear();
                Ok(len as isize)
            }
            _ => Err(EINVAL),
        });

    result.unwrap_or_else(|error| error.to_errno() as isize)
}

/// `start` of `struct seq_operations`.
///
/// # Safety
///
/// Only `seq_file` may call this, for a file that [`open`] has opened.
unsafe extern "C" fn start<T: Table>(
    file: *mut bindings::seq_file,
    position: *mut bindings::loff_t,
) -> *mut c_void {
    // SAFETY: By the safety requirements.
    let reader = unsafe { reader::<T>(file) };

    // SAFETY: `seq_file` passes the position.
    if unsafe { *position } == 0 {
        *reader = Reader::new();
        return HEADER;
    }
    reader.copy()
}

/// `next` of `struct seq_operations`.
///
/// # Safety
///
/// As [`start`].
unsafe extern "C" fn next<T: Table>(
    file: *mut bindings::seq_file,
    _: *mut c_void,
    position: *mut bindings::loff_t,
) -> *mut c_void {
    // SAFETY: `seq_file` passes the position, which is far from the greatest.
    unsafe { *position += 1 };
    // SAFETY: By the safety requirements.
    unsafe { reader::<T>(file) }.advance()
}

/// `show` of `struct seq_operations`.
///
/// # Safety
///
/// As [`start`].
unsafe extern "C" fn show<T: Table>(file: *mut bindings::seq_file, item: *mut c_void) -> c_int {
    // SAFETY: `seq_file` calls this with a file that no other thread uses at the same time.
    let out = unsafe { SeqFile::from_raw(file) };

    if item == HEADER {
        T::header(out);
    // SAFETY: By the safety requirements.
    } else if let Some(item) = &unsafe { reader::<T>(file) }.item {
        T::show(out, item);
    }
    0
}

/// `stop` of `struct seq_operations`.
///
/// # Safety
///
/// As [`start`].
unsafe extern "C" fn stop<T: Table>(file: *mut bindings::seq_file, _: *mut c_void) {
    // SAFETY: By the safety requirements.
    unsafe { reader::<T>(file) }.item = None;
}
