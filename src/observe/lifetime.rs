// SPDX-License-Identifier: GPL-2.0

//! Rule `lifetime`: what a module leaves behind when it goes.

use kernel::prelude::*;

use super::{
    callbacks::Function,
    observed::Observed, //
};
use crate::{
    check::{
        self,
        Rule, //
    },
    ffi::{
        subscriptions::{
            put_subscription,
            Process, //
        },
        ModuleMemory, //
    }, //
};

impl Observed {
    /// Reports the subscriptions that `module` has left behind: rule `lifetime`.
    pub(super) fn check_lifetime(&self, module: &ModuleMemory) -> Result {
        let Some(layout) = self.layout() else {
            return Ok(());
        };

        for process in Process::all() {
            let (_, subscriptions) = process.subscriptions(layout)?;

            for subscription in subscriptions
                .iter()
                .filter(|subscription| module.has(subscription.callback))
            {
                let watch = self
                    .functions_of_drivers()
                    .find(|function| function.address() == subscription.callback)
                    .map(Function::watch);

                if let Some(watch) = watch {
                    watch.report_to(
                        Rule::Lifetime,
                        concerned(&process),
                        fmt!("unloaded, but subscribed to process {}", process.pid),
                    );
                }
            }
        }
        Ok(())
    }

    /// Reports the subscriptions that `module` has put and that are not freed yet: it has not waited
    /// for that, by `mmu_notifier_synchronize()`.
    pub(super) fn check_put(&self, module: &ModuleMemory) {
        let Some(watch) = self
            .functions_of_drivers()
            .find(|function| module.has(function.address()))
            .map(Function::watch)
        else {
            return;
        };

        for subscription in self.core_mm().put() {
            let Some((_, mm)) =
                put_subscription(subscription).filter(|(table, _)| module.has(*table))
            else {
                continue;
            };

            match Process::all().find(|process| process.mm() == mm) {
                Some(process) => watch.report_to(
                    Rule::Lifetime,
                    concerned(&process),
                    fmt!(
                        "unloaded, but its subscription to process {} is not freed",
                        process.pid
                    ),
                ),
                None => watch.report_to(
                    Rule::Lifetime,
                    check::Process { mm, pid: None },
                    fmt!(
                        "unloaded, but its subscription to a process that has exited is not freed"
                    ),
                ),
            }
        }
    }
}

/// Returns the process that a violation concerns.
fn concerned(process: &Process) -> check::Process {
    check::Process {
        mm: process.mm(),
        pid: Some(process.pid),
    }
}
