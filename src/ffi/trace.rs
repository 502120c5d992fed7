// SPDX-License-Identifier: GPL-2.0

//! The tracepoints of [`trace.h`](trace.h).
//!
//! `kernel::declare_trace!` only knows the tracepoints of the kernel itself.

#[cfg(CONFIG_TRACEPOINTS)]
use kernel::ffi::{
    c_char,
    c_long,
    c_uint,
    c_ulong, //
};
use kernel::prelude::*;

use crate::event::Range;

/// The arguments of a tracepoint for a callback with a range: the subscriber's kind and serial
/// number; the start and the end of the range, in bytes, half-open; its event, as the number in C;
/// and whether it is blockable.
pub(crate) type Call<'a> = (&'a CStr, u64, usize, usize, u32, bool);

#[cfg(CONFIG_TRACEPOINTS)]
// The members of a tracepoint depend on the architecture, and are not used here.
#[allow(improper_ctypes)]
extern "C" {
    static __tracepoint_start: kernel::bindings::tracepoint;
    static __tracepoint_refused: kernel::bindings::tracepoint;
    static __tracepoint_end: kernel::bindings::tracepoint;
    static __tracepoint_release: kernel::bindings::tracepoint;
    static __tracepoint_flush: kernel::bindings::tracepoint;
    static __tracepoint_young: kernel::bindings::tracepoint;
    static __tracepoint_callback_entry: kernel::bindings::tracepoint;
    static __tracepoint_callback_exit: kernel::bindings::tracepoint;
    static __tracepoint_violation: kernel::bindings::tracepoint;

    fn rust_do_trace_start(_: *const c_char, _: u64, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_refused(_: *const c_char, _: u64, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_end(_: *const c_char, _: u64, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_release(_: *const c_char, _: u64);
    fn rust_do_trace_flush(_: *const c_char, _: u64);
    fn rust_do_trace_young(_: *const c_char, _: u64);
    fn rust_do_trace_callback_entry(_: c_ulong, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_callback_exit(_: c_ulong, _: c_long, _: u64);
    fn rust_do_trace_violation(_: *const c_char);
}

/// Runs a block if a tracepoint of `trace.c` is enabled. If it is disabled, this costs one no-op
/// instruction, or a test if the kernel has no `CONFIG_JUMP_LABEL`.
#[cfg(CONFIG_TRACEPOINTS)]
macro_rules! if_enabled {
    ($tracepoint:ident, $then:block) => {
        if kernel::jump_label::static_branch_unlikely!(
            $tracepoint,
            kernel::bindings::tracepoint,
            key
        ) $then
    };
}

/// Defines a tracepoint for a callback with a range. Its arguments are computed only if it is
/// enabled.
macro_rules! call {
    ($(#[$doc:meta])* $name:ident, $tracepoint:ident, $do_trace:ident) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name<'a>(call: impl FnOnce() -> Call<'a>) {
            #[cfg(CONFIG_TRACEPOINTS)]
            // SAFETY: The tracepoint, with its key, is in `trace.c`. The kind is a string.
            unsafe {
                if_enabled!($tracepoint, {
                    let (kind, serial, start, end, event, blockable) = call();

                    $do_trace(kind.as_char_ptr(), serial, start, end, event, blockable);
                });
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            drop(call);
        }
    };
}

call! {
    /// Traces that a start is called.
    start, __tracepoint_start, rust_do_trace_start
}
call! {
    /// Traces that a start refuses.
    refused, __tracepoint_refused, rust_do_trace_refused
}
call! {
    /// Traces that an end is called.
    end, __tracepoint_end, rust_do_trace_end
}

/// Defines a tracepoint for a callback without a range. Its arguments are the subscriber's kind and
/// serial number.
macro_rules! bare_call {
    ($(#[$doc:meta])* $name:ident, $tracepoint:ident, $do_trace:ident) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name((kind, serial): (&CStr, u64)) {
            #[cfg(CONFIG_TRACEPOINTS)]
            // SAFETY: The tracepoint, with its key, is in `trace.c`. The kind is a string.
            unsafe {
                if_enabled!($tracepoint, {
                    $do_trace(kind.as_char_ptr(), serial);
                });
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = (kind, serial);
        }
    };
}

bare_call! {
    /// Traces that a release is called.
    release, __tracepoint_release, rust_do_trace_release
}
bare_call! {
    /// Traces that a secondary TLB is flushed.
    flush, __tracepoint_flush, rust_do_trace_flush
}
bare_call! {
    /// Traces that a callback asks whether pages are young.
    young, __tracepoint_young, rust_do_trace_young
}

/// Traces that `function`, a callback of another driver, is called for `range` if it has one.
#[inline(always)]
pub(crate) fn callback_entry(function: usize, range: Option<Range>) {
    #[cfg(CONFIG_TRACEPOINTS)]
    // SAFETY: The tracepoint, with its key, is in `trace.c`.
    unsafe {
        if_enabled!(__tracepoint_callback_entry, {
            let (start, end, event, blockable) = range.map_or((0, 0, NO_RANGE, false), |range| {
                (range.start, range.end, range.kind.0, range.blockable)
            });

            rust_do_trace_callback_entry(function, start, end, event, blockable);
        });
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = (function, range);
}

/// `MNCK_NO_RANGE`.
#[cfg(CONFIG_TRACEPOINTS)]
const NO_RANGE: u32 = !0;

/// Traces that `function` returns `result`, and has taken `ns`.
#[inline(always)]
pub(crate) fn callback_exit(function: usize, result: i64, ns: u64) {
    #[cfg(CONFIG_TRACEPOINTS)]
    // SAFETY: The tracepoint, with its key, is in `trace.c`.
    unsafe {
        if_enabled!(__tracepoint_callback_exit, {
            rust_do_trace_callback_exit(function, result as c_long, ns);
        });
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = (function, result, ns);
}

/// Traces the violation of a rule, which `line` describes.
pub(crate) fn violation(line: &CStr) {
    #[cfg(CONFIG_TRACEPOINTS)]
    // SAFETY: The tracepoint, with its key, is in `trace.c`. `line` is a string.
    unsafe {
        if_enabled!(__tracepoint_violation, {
            rust_do_trace_violation(line.as_char_ptr());
        });
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = line;
}
