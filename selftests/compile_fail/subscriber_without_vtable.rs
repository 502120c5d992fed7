// SPDX-License-Identifier: GPL-2.0

//! A subscriber must have `#[vtable]`, which records the callbacks that it implements.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

//+ #[vtable]
#[doc = "It is missing here."]
impl Subscriber for Guest {} //~ E0046
