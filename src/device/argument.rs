// SPDX-License-Identifier: GPL-2.0

//! Arguments of ioctls: structs that say their size, and can grow.

use core::{
    mem::size_of,
    ops::Range, //
};

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// An argument in user space, whose caller may be older or newer than this module.
pub(super) struct Argument {
    address: UserPtr,
    /// The size of the caller's struct, in bytes.
    size: usize,
}

impl Argument {
    /// Reads the size that the struct at `address` begins with.
    ///
    /// # Errors
    ///
    /// - [`EFAULT`]: it cannot be read.
    /// - [`EINVAL`]: it is less than `min`, in bytes.
    /// - [`E2BIG`]: it is more than a page.
    pub(super) fn new(address: UserPtr, min: usize) -> Result<Self> {
        let size = UserSlice::new(address, size_of::<u32>())
            .reader()
            .read::<u32>()? as usize;

        if size < min {
            return Err(EINVAL);
        }
        if size > PAGE_SIZE {
            return Err(E2BIG);
        }
        Ok(Self { address, size })
    }

    /// Reads the struct. Members that the caller does not have are zero. `copy_struct_from_user()`.
    ///
    /// The size is in the struct too, but the caller may have changed it meanwhile.
    ///
    /// # Errors
    ///
    /// - [`EFAULT`]: it cannot be read.
    /// - [`E2BIG`]: a byte behind what this module knows is not zero.
    pub(super) fn read<T: AsBytes + FromBytes + Default>(&self) -> Result<T> {
        let mut value = T::default();
        let mut reader = UserSlice::new(self.address, self.size).reader();

        if let Some(known) = value
            .as_bytes_mut()
            .get_mut(..self.size.min(size_of::<T>()))
        {
            reader.read_slice(known)?;
        }
        while !reader.is_empty() {
            let mut unknown = [0u8; 64];

            let len = reader.read_slice_partial(&mut unknown, 0)?;
            if unknown.iter().take(len).any(|&byte| byte != 0) {
                return Err(E2BIG);
            }
        }
        Ok(value)
    }

    /// Writes the struct back, as far as the caller has it. What follows was zero when it was
    /// read, and is left alone.
    ///
    /// # Errors
    ///
    /// - [`EFAULT`]: it cannot be written.
    pub(super) fn write<T: AsBytes>(&self, value: &T) -> Result {
        let bytes = value.as_bytes();

        UserSlice::new(self.address, self.size)
            .writer()
            .write_slice(bytes.get(..self.size.min(bytes.len())).unwrap_or(bytes))
    }

    /// The size of the caller's struct, in bytes.
    pub(super) fn size(&self) -> u32 {
        self.size as u32
    }
}

/// The range from `start` to `end`, in bytes, half open; [`EINVAL`] if it is empty or not
/// page-aligned.
pub(super) fn page_range(start: u64, end: u64) -> Result<Range<usize>> {
    let range = usize::try_from(start)?..usize::try_from(end)?;

    if range.is_empty() || (range.start | range.end) % PAGE_SIZE != 0 {
        return Err(EINVAL);
    }
    Ok(range)
}

/// As [`page_range`], and [`EINVAL`] if it has more than `max` pages.
pub(super) fn limited_range(start: u64, end: u64, max: u32) -> Result<Range<usize>> {
    let range = page_range(start, end)?;

    if range.len() / PAGE_SIZE > max as usize {
        return Err(EINVAL);
    }
    Ok(range)
}
