// SPDX-License-Identifier: GPL-2.0

//! Collects what `mnck doctor` judges.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufReader},
};

use super::parse;
use crate::{
    btf,
    device::{self, Scope, Watch},
    tables,
};

/// The functions of the kernel that show what options it has.
pub const REGISTER_NOTIFIER: &str = "__mmu_notifier_register";
pub const REGISTER_KPROBE: &str = "register_kprobe";
pub const REGISTER_FPROBE: &str = "register_fprobe_ips";
pub const REGISTER_TRACEPOINT: &str = "tracepoint_probe_register";

const CAP_SYS_ADMIN: u32 = 21;

/// What this kernel is like, and what the caller may do.
pub struct Facts {
    pub is_loaded: bool,
    /// Whether a watch of this process could begin, or why not.
    pub watch: Result<(), String>,
    /// The table `drivers` during that watch.
    pub drivers: Result<String, String>,
    pub registered: Result<String, String>,
    /// Whether mnck looks for what might have slept.
    pub has_probes: bool,
    /// Whether the caller is root in the initial user namespace, or as good as that.
    pub is_admin: bool,
    /// Which of the functions above there are.
    pub symbols: io::Result<BTreeSet<&'static str>>,
    pub is_rt: bool,
    /// The sysctl.
    pub ftrace: io::Result<String>,
    /// In what way the kernel is locked down.
    pub lockdown: Option<String>,
    pub mounts: String,
    /// The modules whose types are known; and "vmlinux", for the kernel.
    pub types: BTreeSet<String>,
    pub candidates: btf::Candidates,
    /// The modules that are loaded, without mnck.
    pub modules: Vec<String>,
    pub lockdep: Lockdep,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lockdep {
    Lacking,
    On,
    /// After its first report.
    Off,
}

impl Facts {
    /// Collects them: watches this process for a moment.
    pub fn collect() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let table = |name| tables::read(name).map_err(|error| error.to_string());

        // The table shows how functions are probed as long as there is a watch.
        let watch = Watch::begin(Scope::Process(0), None);
        let drivers = table("drivers");
        let registered = table("registered");
        let watch = watch.map(drop).map_err(|error| format!("{error:#}"));

        let mut modules = parse::modules(&text("/proc/modules"));
        modules.retain(|module| module != "mnck");
        let status = text("/proc/self/status");
        let entries = fs::read_dir("/sys/kernel/btf")
            .into_iter()
            .flatten()
            .flatten();

        Self {
            is_loaded: device::is_loaded(),
            watch,
            drivers,
            registered,
            has_probes: device::parameter("probes").is_ok_and(|value| value != "0"),
            is_admin: parse::has_capability(&status, CAP_SYS_ADMIN)
                && parse::is_initial_namespace(&text("/proc/self/uid_map")),
            symbols: symbols(),
            is_rt: text("/proc/version").contains("PREEMPT_RT"),
            ftrace: fs::read_to_string("/proc/sys/kernel/ftrace_enabled"),
            lockdown: parse::chosen(&text("/sys/kernel/security/lockdown")).map(str::to_owned),
            mounts: text("/proc/mounts"),
            types: entries
                .map(|entry| entry.file_name().to_string_lossy().into())
                .collect(),
            candidates: btf::candidates(),
            modules,
            lockdep: match fs::exists("/proc/lockdep_chains") {
                Ok(true) if parse::is_lockdep_off(&text("/proc/lockdep_stats")) => Lockdep::Off,
                Ok(true) => Lockdep::On,
                _ => Lockdep::Lacking,
            },
        }
    }
}

fn symbols() -> io::Result<BTreeSet<&'static str>> {
    let wanted = [
        REGISTER_NOTIFIER,
        REGISTER_KPROBE,
        REGISTER_FPROBE,
        REGISTER_TRACEPOINT,
    ];

    parse::symbols(BufReader::new(File::open("/proc/kallsyms")?), &wanted)
}
