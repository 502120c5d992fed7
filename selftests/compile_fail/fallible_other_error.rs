// SPDX-License-Identifier: GPL-2.0

//! A start must not return an error other than -EAGAIN.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Fallible for Guest {
    #[rustfmt::skip]
    fn start<'c>(
        self: Pin<&Self>,
        _range: &Range,
        _context: CallbackContext<'c>,
    //+ ) -> Result<(), WouldBlock<'c>> { Ok(()) }
    ) -> Result<(), Error> { Ok(()) } //~ E0053
}
