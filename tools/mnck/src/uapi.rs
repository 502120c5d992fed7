// SPDX-License-Identifier: GPL-2.0

//! The interface of the module, as its header `src/device/mnck_uapi.h` has it.

#![allow(non_camel_case_types, dead_code, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/uapi.rs"));

/// The names of the rules, by their numbers.
pub const RULES: [&str; 13] = [
    "pairing",
    "failure",
    "failing-end",
    "non-block",
    "lock-order",
    "reclaim",
    "sequence",
    "release",
    "lifetime",
    "latency",
    "stall",
    "finish",
    "range",
];

/// The names of the events, by their numbers.
pub const EVENTS: [&str; 8] = [
    "UNMAP",
    "CLEAR",
    "PROTECTION_VMA",
    "PROTECTION_PAGE",
    "SOFT_DIRTY",
    "RELEASE",
    "MIGRATE",
    "EXCLUSIVE",
];

const READ: u32 = 2;
const WRITE: u32 = 1;

/// Returns the number of an ioctl, as `_IOC()` of `<linux/ioctl.h>` makes it.
const fn ioc(direction: u32, call: u32, size: usize) -> u32 {
    direction << 30 | (size as u32) << 16 | MNCK_IOCTL_TYPE << 8 | call
}

/// `MNCK_WATCH`
pub const WATCH: u32 = ioc(READ | WRITE, MNCK_CMD_WATCH, size_of::<mnck_watch>());
/// `MNCK_SUMMARY`
pub const SUMMARY: u32 = ioc(0, MNCK_CMD_SUMMARY, 0);
/// `MNCK_PREARM`
pub const PREARM: u32 = ioc(WRITE, MNCK_CMD_PREARM, size_of::<mnck_prearm>());
