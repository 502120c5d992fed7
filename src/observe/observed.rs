// SPDX-License-Identifier: GPL-2.0

//! What is observed: the probes on the core and on callbacks.

use kernel::{
    pr_warn,
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::{
    callbacks::{
        Callbacks,
        Function, //
    },
    core_mm::{
        CoreMm,
        FUNCTIONS, //
    },
    registrations::Registrations,
    tables::{
        CallbackTable,
        Tables, //
    }, //
};
use crate::{
    check::{
        Name,
        Registry,
        Watch, //
    },
    ffi::{
        function_probe::{
            function_address,
            FunctionProbe,
            ProbedBy, //
        },
        is_own,
        subscriptions::{
            callbacks_of,
            Layout,
            Process,
            Symbol,
            MNCK_CALLBACK_FREE, //
        },
        sweep_soon,
        ModuleMemory,
        ObservedSection, //
    }, //
};

/// What is observed.
pub(super) struct Observed {
    drivers: KVec<Probed>,
    /// The probes on functions that are thought to be callbacks.
    ahead: KVec<FunctionProbe<Callbacks>>,
    core: FunctionProbe<CoreMm>,
    /// The functions of the core, in the order in which they are probed.
    functions: KVec<&'static CStr>,
    tables: Arc<Tables>,
    /// The keys of all that is recorded of the core and of callbacks.
    keys: KVec<u64>,
    /// The calls that were missed of callbacks that are not probed any more.
    missed: usize,
    /// Shows how the core keeps the subscriptions, if that is as in Linux 7.3.
    layout: Option<Layout>,
}

/// A table of callbacks whose callbacks are probed.
pub(super) struct Probed {
    table: CallbackTable,
    /// `None` if all of them are probed for other tables, or belong to mnck.
    probe: Option<FunctionProbe<Callbacks>>,
}

impl Observed {
    /// How long to wait, in ms, for ranges that were open before the observation.
    const WAITS_MS: u32 = 1000;

    /// Begins to observe. Sleeps.
    pub(super) fn begin() -> Result<Self> {
        let layout = match Layout::calibrate() {
            Ok(layout) => Some(layout),
            Err(EBUSY) => {
                pr_warn!("let a process of one thread write to watch, such as echo of a shell\n");
                return Err(EBUSY);
            }
            Err(error) => {
                pr_warn!(
                    "subscribers from before the watch are not observed, nor is the sequence: \
                     error {}\n",
                    error.to_errno()
                );
                None
            }
        };
        let tables = Arc::new(Tables::new()?, GFP_KERNEL)?;
        let watch = Watch::of(Name::Core, 0)?;
        let core = Arc::new(CoreMm::new(watch, tables.clone())?, GFP_KERNEL)?;
        let mut found = KVec::new();
        let mut functions = KVec::new();

        for (number, name) in FUNCTIONS {
            if let Some(address) = function_address(name) {
                found.push((number, address), GFP_KERNEL)?;
                functions.push(name, GFP_KERNEL)?;
            }
        }
        let core = FunctionProbe::new(&found, core)?;
        // The ledger needs each start and end, and the set of subscriptions each registration.
        let is_blind = |index| core.by(index) == ProbedBy::Nothing;
        if found.len() != FUNCTIONS.len() || (0..found.len()).any(is_blind) {
            pr_warn!("watch=1 needs a kernel with CONFIG_KPROBES and CONFIG_FPROBE\n");
            return Err(EOPNOTSUPP);
        }
        let mut keys = KVec::new();
        keys.push(core.observer().watch().key(), GFP_KERNEL)?;

        Ok(Self {
            drivers: KVec::new(),
            ahead: KVec::new(),
            core,
            functions,
            tables,
            keys,
            missed: 0,
            layout,
        })
    }

    /// Finds the subscribers that were there before. Sleeps.
    pub(super) fn find_subscribers(&mut self) -> Result {
        let Some(layout) = self.layout else {
            return Ok(());
        };
        let core = self.core.observer();
        let mut knows_all = true;
        let mut waits = Self::WAITS_MS;

        for process in Process::all() {
            let (_, subscriptions) = process.subscriptions(layout)?;

            for subscription in &subscriptions {
                self.tables
                    .learn(subscription.ops, subscription.is_interval);
            }
            if !comes_to_rest(&process, layout, &mut waits) {
                knows_all &= core.unknown.insert(process.mm() as u64);
            }
        }
        if knows_all {
            core.set_knows_mms();
        }
        Ok(())
    }

    /// Probes the callbacks of the tables that were found. Sleeps.
    pub(super) fn probe_callbacks(&mut self) -> Result {
        let tables = self.tables.clone();
        let found_late = tables.found_late();

        for table in tables.all() {
            if self.drivers.iter().any(|driver| driver.table == table) {
                continue;
            }
            let mut functions = KVec::new();
            let mut addresses = KVec::new();

            // Nothing may fail once the probe is active.
            self.drivers.reserve(1, GFP_KERNEL)?;
            for (number, address) in callbacks_of(table.address, table.is_interval)
                .into_iter()
                .enumerate()
                .filter(|(_, address)| *address != 0 && !is_own(*address))
            {
                if number as u32 == MNCK_CALLBACK_FREE {
                    // It has the highest number, so that the others have the same index in both.
                    addresses.push((MNCK_CALLBACK_FREE, address), GFP_KERNEL)?;
                    continue;
                }
                self.confirm(address, number as u32);
                // One function may be several callbacks.
                if self.probes(address) || addresses.iter().any(|(_, other)| *other == address) {
                    continue;
                }
                let watch = Watch::of(Name::Function(Symbol::of_function(address)), 0)?;
                let Some(function) = Function::new(number as u32, address, watch)? else {
                    continue;
                };

                self.keys.push(function.watch().key(), GFP_KERNEL)?;
                functions.push(function, GFP_KERNEL)?;
                addresses.push((number as u32, address), GFP_KERNEL)?;
            }

            let probe = if addresses.is_empty() {
                None
            } else {
                let callbacks = Callbacks::new(functions, self.core.observer().clone());
                let probe = FunctionProbe::new(&addresses, Arc::new(callbacks, GFP_KERNEL)?)?;

                probe.observer().set_active(true);
                for (index, (_, address)) in addresses.iter().enumerate() {
                    if probe.by(index) == ProbedBy::Nothing {
                        tables.add_lost();
                    } else {
                        tables.add_probed(*address);
                    }
                }
                if probe.by(addresses.len() - 1) != ProbedBy::Nothing
                    && addresses
                        .last()
                        .is_some_and(|last| last.0 == MNCK_CALLBACK_FREE)
                {
                    self.core.observer().sees_frees_of(table.address);
                }
                Some(probe)
            };
            self.drivers.push(Probed { table, probe }, GFP_KERNEL)?;
        }
        tables.set_in_time(found_late);
        Ok(())
    }

    /// Probes the function `name`, which is thought to be the callback with this number of a driver that
    /// has no subscription yet. Sleeps.
    pub(super) fn probe_ahead(&mut self, name: &CStr, number: u32) -> Result {
        let address = function_address(name).ok_or(ENOENT)?;

        if is_own(address) {
            return Err(EINVAL);
        }
        self.let_go_mistaken(address, number);
        if self.probes(address) {
            return Ok(());
        }
        self.ahead.reserve(1, GFP_KERNEL)?;
        self.keys.reserve(1, GFP_KERNEL)?;

        let watch = Watch::of(Name::Function(Symbol::of_function(address)), 0)?;
        let key = watch.key();
        let function = Function::new(number, address, watch)?.ok_or(EINVAL)?;
        let mut functions = KVec::new();

        functions.push(function, GFP_KERNEL)?;
        let callbacks = Callbacks::new(functions, self.core.observer().clone());
        let probe =
            FunctionProbe::tentative(&[(number, address)], Arc::new(callbacks, GFP_KERNEL)?)?;
        if probe.by(0) == ProbedBy::Nothing {
            return Err(EOPNOTSUPP);
        }
        probe.observer().set_active(true);
        self.tables.add_probed(address);
        self.keys.push(key, GFP_KERNEL)?;
        self.ahead.push(probe, GFP_KERNEL)?;
        Ok(())
    }

    /// Records that the function at `address` is the callback with this number, if it is probed ahead.
    fn confirm(&mut self, address: usize, number: u32) {
        self.let_go_mistaken(address, number);
        for probe in &self.ahead {
            if probe.observer().has(address) {
                probe.confirm();
            }
        }
    }

    /// Ends the probe ahead on the function at `address`, if it was taken for another callback than that
    /// with this number: it is to be probed as what it is. Sleeps.
    fn let_go_mistaken(&mut self, address: usize, number: u32) {
        self.let_go(|callbacks| callbacks.has(address) && !callbacks.has_number(number));
    }

    /// Ends the probes ahead that are `unwanted`. Sleeps.
    fn let_go(&mut self, unwanted: impl Fn(&Callbacks) -> bool) {
        let mut missed = self.missed;

        self.ahead.retain(|probe| {
            let is_unwanted = unwanted(probe.observer());

            if is_unwanted {
                stop(probe);
                missed = missed.saturating_add(probe.missed());
            }
            !is_unwanted
        });
        self.missed = missed;
    }

    /// Returns whether the callback at `address` is probed.
    fn probes(&self, address: usize) -> bool {
        self.functions_of_drivers()
            .any(|function| function.address() == address)
    }

    /// Returns the callback that is probed, of which is recorded by the next key after `key`, its probe
    /// and its index there. The first comes after 0. Drivers may come and go between two calls: a
    /// callback keeps its key, and a new one has a greater key.
    pub(super) fn next_function(
        &self,
        key: u64,
    ) -> Option<(&FunctionProbe<Callbacks>, usize, &Function)> {
        self.probes_of_drivers()
            .flat_map(|probe| {
                let functions = probe.observer().functions().iter().enumerate();

                functions.map(move |(index, function)| (probe, index, function))
            })
            .filter(|(_, _, function)| function.watch().key() > key)
            .min_by_key(|(_, _, function)| function.watch().key())
    }

    /// Returns the callbacks that are probed.
    pub(super) fn functions_of_drivers(&self) -> impl Iterator<Item = &Function> {
        self.probes_of_drivers()
            .flat_map(|probe| probe.observer().functions())
    }

    /// Forgets what is in a module that goes. Sleeps.
    pub(super) fn forget(&mut self, module: &ModuleMemory) {
        // First: what is found from here on is another module's.
        self.tables.forget(|address| module.has(address));
        self.core
            .observer()
            .forget_frees(|address| module.has(address));
        let mut missed = self.missed;

        self.drivers.retain(|driver| {
            // A callback of its may be probed for the table of another module.
            let is_its = module.has(driver.table.address)
                || callbacks_of(driver.table.address, driver.table.is_interval)
                    .into_iter()
                    .any(|address| module.has(address));

            if is_its {
                if let Some(probe) = &driver.probe {
                    stop(probe);
                    missed = missed.saturating_add(probe.missed());
                }
                // The table may be in another module, and its callbacks be there again.
                self.tables
                    .forget(|address| address == driver.table.address);
            }
            !is_its
        });
        self.missed = missed;
        self.let_go(|callbacks| {
            callbacks
                .functions()
                .iter()
                .any(|function| module.has(function.address()))
        });
        // What these callbacks did is over.
        let mut keys = core::mem::take(&mut self.keys);
        let core = self.core.observer().watch().key();
        let is_gone = |key: u64| {
            key != core
                && !self
                    .functions_of_drivers()
                    .any(|function| function.watch().key() == key)
        };

        forget_calls(|key| keys.contains(&key) && is_gone(key));
        keys.retain(|key| !is_gone(*key));
        self.keys = keys;
    }

    /// Stops to observe, and forgets what is recorded. Sleeps.
    pub(super) fn end(self) {
        // First: the ends that come from here on are not seen.
        self.core.observer().watch().stop_judging();
        self.core.observer().set_active(false);
        self.probes_of_drivers().for_each(stop);
        // While their names are known.
        if let Some(registry) = Registry::get() {
            registry.report_late();
        }

        let Self {
            drivers,
            ahead,
            core,
            keys,
            ..
        } = self;
        // First the probes: without them nothing is recorded any more.
        drop(drivers);
        drop(ahead);
        drop(core);
        forget_calls(|key| keys.contains(&key));
        ObservedSection::forget_all();
        // Gives back the slots of tasks that have exited.
        sweep_soon();
    }

    /// Returns what is known of registrations.
    pub(super) fn registrations(&self) -> &Registrations {
        self.core.observer().registrations()
    }

    /// Returns the functions of the core that are probed, how, and how many of their calls were missed.
    pub(super) fn core(&self) -> (impl Iterator<Item = (&'static CStr, ProbedBy)> + '_, usize) {
        let functions = self
            .functions
            .iter()
            .enumerate()
            .map(|(index, name)| (*name, self.core.by(index)));

        (functions, self.core.missed())
    }

    /// Returns how many calls of all functions were missed.
    pub(super) fn missed(&self) -> usize {
        self.probes_of_drivers()
            .map(FunctionProbe::missed)
            .fold(self.core.missed(), usize::saturating_add)
            .saturating_add(self.missed)
    }

    /// Returns how the core keeps the subscriptions, if that is known.
    pub(super) fn layout(&self) -> Option<Layout> {
        self.layout
    }

    /// Returns whether the subscribers from before the observation are observed too.
    pub(super) fn knows_all(&self) -> bool {
        self.layout.is_some()
    }

    /// Returns what the probes on the core know.
    pub(super) fn core_mm(&self) -> &CoreMm {
        self.core.observer()
    }

    /// Returns the tables of callbacks that were found.
    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Returns the probes on callbacks.
    pub(super) fn probes_of_drivers(&self) -> impl Iterator<Item = &FunctionProbe<Callbacks>> {
        let of_tables = self
            .drivers
            .iter()
            .filter_map(|driver| driver.probe.as_ref());

        Iterator::chain(of_tables, &self.ahead)
    }
}

/// Stops to observe the callbacks of `probe`, which is about to be dropped.
fn stop(probe: &FunctionProbe<Callbacks>) {
    probe.observer().set_active(false);
}

/// Waits until no range of the process is open that began before the observation. Returns false if
/// that takes more than the rest of `waits`, in ms, or 100 ms.
fn comes_to_rest(process: &Process, layout: Layout, waits: &mut u32) -> bool {
    for _ in 0..100 {
        match process.state(layout) {
            Some(state) if state.active_ranges != 0 => (),
            _ => return true,
        }
        let Some(rest) = waits.checked_sub(1) else {
            break;
        };

        *waits = rest;
        fsleep(Delta::from_millis(1));
    }
    false
}

/// Forgets the calls and the ranges of those, by their keys, whose calls are not observed any more.
fn forget_calls(gone: impl Fn(u64) -> bool) {
    if let Some(registry) = Registry::get() {
        registry
            .calls()
            .forget(|recorded| gone(recorded.call.subscriber));
    }
}
