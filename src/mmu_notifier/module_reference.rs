// SPDX-License-Identifier: GPL-2.0

//! Keeping the code of callbacks loaded.

use core::marker::PhantomData;

use kernel::{
    bindings,
    module::this_module,
    prelude::*,
    ModuleMetadata, //
};

/// A reference that keeps the module `M` loaded.
///
/// `M` is the `OwnerModule` of a subscriber, which `#[vtable]` makes the module of the crate that
/// implements it. The code of the callbacks is in the crate that registers it. That these are one
/// module is assumed here, as by all users of `OwnerModule`: a crate that registers another's
/// subscriber links to that other's module, and must not be unloaded before it.
///
/// # Invariants
///
/// A reference to the module is held.
pub(super) struct ModuleReference<M: ModuleMetadata>(PhantomData<fn() -> M>);

impl<M: ModuleMetadata> ModuleReference<M> {
    /// Fails with [`ENODEV`] if the module is being unloaded.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: It is a module that is loaded, or null, for what is built in.
        if !unsafe { bindings::try_module_get(this_module::<M>().as_ptr()) } {
            return Err(ENODEV);
        }

        // INVARIANT: The reference was just taken.
        Ok(Self(PhantomData))
    }
}

impl<M: ModuleMetadata> Drop for ModuleReference<M> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference to give up.
        unsafe { bindings::module_put(this_module::<M>().as_ptr()) };
    }
}
