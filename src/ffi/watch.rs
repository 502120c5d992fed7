// SPDX-License-Identifier: GPL-2.0

//! The switch of the observation of all drivers, and the modules that go meanwhile.

use core::marker::PhantomData;

use kernel::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    ffi::c_int,
    prelude::*, //
};

use super::{
    mnck_helper_is_own,
    mnck_helper_module_has,
    mnck_helper_watch_exit,
    mnck_helper_watch_hold,
    mnck_helper_watch_init,
    mnck_helper_watch_release, //
};

/// The observation that the switch turns on and off.
pub(crate) trait Watching {
    /// Turns the observation on or off. May sleep. One call runs at a time.
    ///
    /// # Errors
    ///
    /// Only if it is turned on; it is then off.
    fn turn(on: bool) -> Result;

    /// The code of a module has exited, and its memory is about to go. May sleep.
    fn module_goes(module: &ModuleMemory);

    /// A module has been loaded, and is not initialised yet. May sleep.
    fn module_comes(module: &ModuleMemory);
}

/// The memory of a module that comes or goes.
pub(crate) struct ModuleMemory(*const bindings::module);

impl ModuleMemory {
    /// Returns whether `address` is in the module.
    pub(crate) fn has(&self, address: usize) -> bool {
        // SAFETY: The module is there while a function of `Watching` is called with it.
        unsafe { mnck_helper_module_has(self.0, address) }
    }
}

/// Returns whether `address` is in mnck itself.
pub(crate) fn is_own(address: usize) -> bool {
    // SAFETY: The function accepts any address.
    unsafe { mnck_helper_is_own(address) }
}

/// The switch, of which there is one: the parameter `watch` of the module. The drop sleeps, and
/// turns the observation off.
pub(crate) struct WatchSwitch<T: Watching>(PhantomData<T>);

impl<T: Watching> WatchSwitch<T> {
    /// Makes the switch, which is turned on at once if the parameter says so. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: There is no other switch, and the drop waits for the functions.
        to_result(unsafe {
            mnck_helper_watch_init(Some(turn::<T>), Some(goes::<T>), Some(comes::<T>))
        })?;
        Ok(Self(PhantomData))
    }
}

impl<T: Watching> Drop for WatchSwitch<T> {
    fn drop(&mut self) {
        // SAFETY: `new()` has made the switch.
        unsafe { mnck_helper_watch_exit() };
    }
}

/// Keeps the observation on until this is dropped. The drop sleeps, and turns it off unless something
/// else keeps it on. It is the property of an open file, so that there is a switch all the time.
pub(crate) struct WatchHeld(());

impl WatchHeld {
    /// Turns the observation on, if it is off. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Watching::turn`].
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: This may sleep. There is a switch.
        to_result(unsafe { mnck_helper_watch_hold() })?;
        Ok(Self(()))
    }
}

impl Drop for WatchHeld {
    fn drop(&mut self) {
        // SAFETY: This may sleep. There is a switch, and `new()` has turned the observation on.
        unsafe { mnck_helper_watch_release() };
    }
}

extern "C" fn turn<T: Watching>(on: bool) -> c_int {
    from_result(|| T::turn(on).map(|()| 0))
}

extern "C" fn goes<T: Watching>(module: *const bindings::module) {
    T::module_goes(&ModuleMemory(module));
}

extern "C" fn comes<T: Watching>(module: *const bindings::module) {
    T::module_comes(&ModuleMemory(module));
}
