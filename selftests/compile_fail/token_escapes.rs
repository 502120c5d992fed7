// SPDX-License-Identifier: GPL-2.0

//! What a callback may do ends with it.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

//+ fn callback<'c>(context: NoSleep<'c>) -> NoSleep<'c> {
fn callback<'c>(context: NoSleep<'c>) -> NoSleep<'static> {
    context //~ lifetime may not live long enough
}
