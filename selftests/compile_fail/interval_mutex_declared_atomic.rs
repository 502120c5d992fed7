// SPDX-License-Identifier: GPL-2.0

//! A driver cannot say of somebody else's lock that it does not sleep.

use kernel::sync::lock::mutex::MutexBackend;
use mnck::mmu_notifier::*;

//+
impl AtomicBackend for MutexBackend {} //~ E0117
