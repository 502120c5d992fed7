// SPDX-License-Identifier: GPL-2.0

//! Turns the observation of all drivers on and off.

use kernel::{
    new_mutex,
    pr_warn,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

use super::{
    observed::Observed,
    registrations::RegistrationSink, //
};
use crate::{
    check::Registry,
    ffi::{
        function_probe::Probes,
        Global,
        ModuleMemory,
        Published,
        WatchSwitch,
        Watching,
        Work,
        WorkItem, //
    }, //
};

/// Where the state is, from the module's init to its exit.
static STATE: Global<State> = Global::new();

/// The observation, which the parameter `watch` of the module turns on and off. The drop sleeps, and
/// turns it off.
pub(crate) struct Observation {
    // Dropped in this order.
    _switch: WatchSwitch<Switch>,
    _work: Work,
    _state: Published<State>,
    _probes: Probes,
}

impl Observation {
    /// Makes the observation, of which there is one. `registrations` is told of what drivers register
    /// while it is on. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new(registrations: RegistrationSink) -> Result<Self> {
        let state = STATE.publish(Arc::pin_init(
            pin_init!(State {
                registrations,
                observed <- new_mutex!(None, "observe::State::observed"),
            }),
            GFP_KERNEL,
        )?)?;
        let work = Work::new(WorkItem::Arm, arm);

        Ok(Self {
            _switch: WatchSwitch::new()?,
            _work: work,
            _state: state,
            _probes: Probes::new(),
        })
    }
}

#[pin_data]
pub(super) struct State {
    registrations: RegistrationSink,
    /// What is observed, if the observation is on. Taken by tasks that turn it on and off, by the
    /// work item that probes callbacks, by modules that go, and by readers of the table; never in a
    /// callback or a probe.
    #[pin]
    observed: Mutex<Option<Observed>>,
}

impl State {
    /// Calls `f` with what is observed, if the observation is on.
    pub(super) fn with<R>(f: impl FnOnce(&Observed) -> R) -> Option<R> {
        let state = STATE.get()?;
        let observed = state.observed.lock();

        observed.as_ref().map(f)
    }
}

/// Probes the function `name` ahead: see [`Observed::probe_ahead`]. Sleeps.
///
/// # Errors
///
/// - [`ENOENT`]: there is no such function, or it can't have a kprobe.
/// - [`EINVAL`]: there is no callback with this `number`.
/// - [`EOPNOTSUPP`]: the function can't be probed.
/// - [`ENODEV`]: the observation is off.
/// - [`ENOMEM`]: out of memory.
pub(crate) fn probe_ahead(name: &CStr, number: u32) -> Result {
    let state = STATE.get().ok_or(ENODEV)?;
    let mut observed = state.observed.lock();

    match &mut *observed {
        Some(observed) => observed.probe_ahead(name, number),
        None => Err(ENODEV),
    }
}

/// Probes the callbacks of the tables that were found since the last time, and tells of registrations.
extern "C" fn arm() {
    let Some(state) = STATE.get() else {
        return;
    };
    let mut observed = state.observed.lock();

    if let Some(observed) = &mut *observed {
        if let Err(error) = observed.probe_callbacks() {
            pr_warn!(
                "some callbacks are not observed: error {}\n",
                error.to_errno()
            );
        }
        observed.registrations().tell(state.registrations);
    }
}

/// The switch.
struct Switch;

impl Watching for Switch {
    fn turn(on: bool) -> Result {
        let state = STATE.get().ok_or(ENODEV)?;
        let mut observed = state.observed.lock();

        if on {
            Probes::hold();
            let mut begun = Observed::begin()?;

            begun.core_mm().set_active(true);
            match begun
                .find_subscribers()
                .and_then(|()| begun.probe_callbacks())
            {
                Ok(()) => *observed = Some(begun),
                Err(error) => {
                    begun.end();
                    return Err(error);
                }
            }
        } else if let Some(observed) = observed.take() {
            observed.end();
        }
        Ok(())
    }

    fn module_goes(module: &ModuleMemory) {
        let Some(state) = STATE.get() else {
            return;
        };
        let mut observed = state.observed.lock();

        if let Some(observed) = &mut *observed {
            // While the names of its functions are known.
            observed.registrations().tell(state.registrations);
            if let Some(registry) = Registry::get() {
                registry.report_late();
            }
            let _ = observed.check_lifetime(module);
            observed.check_put(module);
            observed.forget(module);
        }
    }

    fn module_comes(module: &ModuleMemory) {
        // What is known of its memory was left by another module, and found after that had gone.
        if let Some(state) = STATE.get() {
            if let Some(observed) = &mut *state.observed.lock() {
                observed.forget(module);
            }
        }
    }
}
