// SPDX-License-Identifier: GPL-2.0

//! A callback must not keep its context: what it allows ends with the callback.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

//+ fn callback<'c>(context: NoSleep<'c>) -> NoSleep<'c> {
fn callback<'c>(context: NoSleep<'c>) -> NoSleep<'static> {
    context //~ lifetime may not live long enough
}
