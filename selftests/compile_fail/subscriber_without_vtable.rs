// SPDX-License-Identifier: GPL-2.0

//! Which callbacks there are is said by #[vtable].

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

//+ #[vtable]
#[doc = "It is missing here."]
impl Subscriber for Guest {} //~ E0046
