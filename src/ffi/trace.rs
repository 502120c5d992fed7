// SPDX-License-Identifier: GPL-2.0

//! The tracepoints of [`trace.h`](trace.h).
//!
//! `kernel::declare_trace!` knows those alone that the kernel itself has.

#[cfg(CONFIG_TRACEPOINTS)]
use kernel::ffi::{
    c_char,
    c_uint,
    c_ulong, //
};
use kernel::prelude::*;

/// What is told of a callback with a range: the subscriber's kind and number; and of the range, the
/// start, the end, the event by its number in C, and whether it is blockable.
pub(crate) type Call<'a> = (&'a CStr, u64, usize, usize, u32, bool);

#[cfg(CONFIG_TRACEPOINTS)]
// What a tracepoint has in it, which depends on the architecture, is nobody's business here.
#[allow(improper_ctypes)]
extern "C" {
    static __tracepoint_start: kernel::bindings::tracepoint;
    static __tracepoint_refused: kernel::bindings::tracepoint;
    static __tracepoint_end: kernel::bindings::tracepoint;
    static __tracepoint_release: kernel::bindings::tracepoint;
    static __tracepoint_flush: kernel::bindings::tracepoint;
    static __tracepoint_young: kernel::bindings::tracepoint;
    static __tracepoint_violation: kernel::bindings::tracepoint;

    fn rust_do_trace_start(_: *const c_char, _: u64, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_refused(_: *const c_char, _: u64, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_end(_: *const c_char, _: u64, _: c_ulong, _: c_ulong, _: c_uint, _: bool);
    fn rust_do_trace_release(_: *const c_char, _: u64);
    fn rust_do_trace_flush(_: *const c_char, _: u64);
    fn rust_do_trace_young(_: *const c_char, _: u64);
    fn rust_do_trace_violation(_: *const c_char);
}

/// Does something if somebody listens to a tracepoint of `trace.c`. Else it costs a no-op branch,
/// or a test where the kernel has no CONFIG_JUMP_LABEL.
#[cfg(CONFIG_TRACEPOINTS)]
macro_rules! if_listening {
    ($tracepoint:ident, $then:block) => {
        if kernel::jump_label::static_branch_unlikely!(
            $tracepoint,
            kernel::bindings::tracepoint,
            key
        ) $then
    };
}

/// A tracepoint of a callback with a range: what it tells is made only if somebody listens.
macro_rules! call {
    ($(#[$doc:meta])* $name:ident, $tracepoint:ident, $do_trace:ident) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name<'a>(call: impl FnOnce() -> Call<'a>) {
            #[cfg(CONFIG_TRACEPOINTS)]
            // SAFETY: This is the tracepoint of `trace.c`, and its key; the kind is a string.
            unsafe {
                if_listening!($tracepoint, {
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
    /// A start is called.
    start, __tracepoint_start, rust_do_trace_start
}
call! {
    /// A start refuses.
    refused, __tracepoint_refused, rust_do_trace_refused
}
call! {
    /// An end is called.
    end, __tracepoint_end, rust_do_trace_end
}

/// A tracepoint of a callback without: it tells the subscriber's kind and number.
macro_rules! bare_call {
    ($(#[$doc:meta])* $name:ident, $tracepoint:ident, $do_trace:ident) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name((kind, serial): (&CStr, u64)) {
            #[cfg(CONFIG_TRACEPOINTS)]
            // SAFETY: This is the tracepoint of `trace.c`, and its key; the kind is a string.
            unsafe {
                if_listening!($tracepoint, {
                    $do_trace(kind.as_char_ptr(), serial);
                });
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = (kind, serial);
        }
    };
}

bare_call! {
    /// A release is called.
    release, __tracepoint_release, rust_do_trace_release
}
bare_call! {
    /// A secondary TLB is flushed.
    flush, __tracepoint_flush, rust_do_trace_flush
}
bare_call! {
    /// Somebody asks whether pages are young.
    young, __tracepoint_young, rust_do_trace_young
}

/// A rule is broken, as `line` says.
pub(crate) fn violation(line: &CStr) {
    #[cfg(CONFIG_TRACEPOINTS)]
    // SAFETY: This is the tracepoint of `trace.c`, and its key; `line` is a string.
    unsafe {
        if_listening!(__tracepoint_violation, {
            rust_do_trace_violation(line.as_char_ptr());
        });
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = line;
}
