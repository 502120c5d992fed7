// SPDX-License-Identifier: GPL-2.0

//! A driver must not declare that the kernel's mutex does not sleep.

use kernel::sync::lock::mutex::MutexBackend;
use mnck::mmu_notifier::*;

//+
impl AtomicBackend for MutexBackend {} //~ E0117
