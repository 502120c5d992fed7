// SPDX-License-Identifier: GPL-2.0

//! The user API of `/dev/mnck`, as bindgen declares it.
//!
//! C header: [`mnck_uapi.h`](../device/mnck_uapi.h)

use kernel::transmute::{
    AsBytes,
    FromBytes, //
};

#[allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub
)]
mod uapi_generated {
    use kernel::ffi;

    include!(concat!(env!("MNCK_GENERATED"), "/uapi_generated.rs"));
}

pub(crate) use uapi_generated::*;

/// Declares that a struct of the user API is plain bytes: it has this size in every ABI, and no
/// padding.
macro_rules! plain_bytes {
    ($($name:ident: $size:expr,)*) => {$(
        // A struct without padding is as long as the sum of its members, which the argument of the
        // macro adds up by hand.
        kernel::prelude::static_assert!(::core::mem::size_of::<$name>() == $size);

        // SAFETY: All members are integers, for which any bytes are valid.
        unsafe impl FromBytes for $name {}
        // SAFETY: All members are integers, and by the assertion above there is no padding.
        unsafe impl AsBytes for $name {}
    )*};
}

plain_bytes! {
    mnck_attach: 4 * 4 + 4 * 8,
    mnck_stats: 2 * 4 + 8 * 8 + 16 * 8 + 2 * 8 + 2 * 4 + (18 + 16) * 8,
    mnck_lock: 2 * 4 + 8 + 2 * 4,
    mnck_mirror: 2 * 4 + 8 + 2 * 4 + 3 * 8,
    mnck_touch: 2 * 4 + 3 * 8,
    mnck_watch: 6 * 4,
    mnck_record_event: 2 * 4 + 2 * 8 + 2 * 4 + 16 + 4 * 4 + 3 * 8 + 3 * 128,
    mnck_record_callback: 2 * 4 + (4 + 40) * 8 + 128 + 16,
    mnck_record_unseen: 4 * 4 + 8 * 8,
    mnck_prearm: 2 * 4 + 128,
}
