// SPDX-License-Identifier: GPL-2.0

//! Text of limited length, made without an allocation.

use kernel::{
    fmt::{
        self,
        Write, //
    },
    prelude::*, //
};

/// At most `N` - 1 bytes of text, without a NUL in it.
///
/// # Invariants
///
/// `len` is less than `N`, and all bytes from there on are 0.
#[derive(Clone)]
pub(super) struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// No text.
    pub(super) const fn new() -> Self {
        const { assert!(N > 0) };
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    /// What `arguments` say, as much of it as there is room for.
    pub(super) fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self::new();

        text.add(arguments);
        text
    }

    /// Adds what `arguments` say, as much of it as there is room for.
    pub(super) fn add(&mut self, arguments: fmt::Arguments<'_>) {
        // An error says that it was cut off.
        let _ = self.write_fmt(arguments);
    }

    /// The bytes of the text, with at least one 0 behind it.
    pub(super) fn into_bytes(self) -> [u8; N] {
        self.bytes
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// The text, which is empty if its last character was cut through.
    pub(super) fn as_str(&self) -> &str {
        self.as_c_str().to_str().unwrap_or_default()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        // One byte stays 0.
        let free = self.bytes.get_mut(self.len..N - 1).unwrap_or_default();

        for (place, byte) in free.iter_mut().zip(s.bytes()) {
            *place = byte;
        }
        // INVARIANT: There was room for so many.
        self.len = self.len.wrapping_add(free.len().min(s.len()));
        Ok(())
    }
}

/// Padded, as a `str` is.
impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
