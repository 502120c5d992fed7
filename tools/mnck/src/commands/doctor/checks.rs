// SPDX-License-Identifier: GPL-2.0

//! Judges what was found: whether it keeps mnck from watching, or from seeing all.

use super::{
    facts::{Facts, Lockdep, *},
    parse,
};
use crate::report::text;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    Ok,
    /// mnck can watch, but does not see all.
    Note,
    /// mnck can't watch.
    Problem,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

/// What was found, and what to do.
#[derive(Debug, PartialEq)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    pub found: String,
    pub advice: Option<String>,
}

impl Check {
    pub fn new(state: State, name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            state,
            found: found.into(),
            advice: None,
        }
    }

    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(State::Ok, name, found)
    }

    pub fn note(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(State::Note, name, found)
    }

    /// A problem; but a note if a watch has begun nevertheless.
    fn in_the_way(facts: &Facts, name: &'static str, found: impl Into<String>) -> Self {
        let state = if facts.watch.is_ok() {
            State::Note
        } else {
            State::Problem
        };
        Self::new(state, name, found)
    }

    /// Takes an error of the tool, which ends with what to do, or with the error of a system call.
    fn of_error(state: State, name: &'static str, error: &str) -> Self {
        match error.split_once(": ") {
            Some((found, advice)) if !advice.contains("(os error ") => {
                Self::new(state, name, found).with(advice)
            }
            _ => Self::new(state, name, error),
        }
    }

    pub fn with(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Judges all, first what a watch needs, then what it sees.
pub fn all(facts: &Facts) -> Vec<Check> {
    let causes = [
        module(facts),
        options(facts),
        ftrace(facts),
        lockdown(facts),
    ];
    let mut checks: Vec<_> = causes.into_iter().flatten().collect();
    let is_explained = checks.iter().any(|check| check.state == State::Problem);

    if facts.is_loaded {
        checks.push(watch(facts, is_explained));
    }
    if facts.watch.is_ok() {
        checks.push(caller(facts));
        checks.extend(probing(facts));
    }
    checks.extend(tables(facts));
    checks.push(types(facts));
    checks.push(timeline(facts));
    checks.push(lock_order(facts));
    checks.push(might_sleep(facts));
    checks
}

fn module(facts: &Facts) -> Option<Check> {
    Some(match &facts.watch {
        _ if facts.is_loaded => Check::ok("module", "the module mnck is loaded"),
        Err(error) => Check::of_error(State::Problem, "module", error),
        Ok(()) => return None,
    })
}

fn options(facts: &Facts) -> Option<Check> {
    const NEEDED: [(&str, &str); 3] = [
        (REGISTER_NOTIFIER, "CONFIG_MMU_NOTIFIER"),
        (REGISTER_KPROBE, "CONFIG_KPROBES"),
        (REGISTER_FPROBE, "CONFIG_FPROBE"),
    ];
    let (has, lacks): (Vec<_>, Vec<_>) = match &facts.symbols {
        Ok(symbols) => NEEDED
            .into_iter()
            .partition(|(function, _)| symbols.contains(function)),
        Err(error) => {
            let found = format!("what the kernel has is not known: /proc/kallsyms: {error}");
            return Some(Check::note("kernel", found));
        }
    };
    let list = |options: &[(&str, &str)]| {
        options
            .iter()
            .map(|(_, option)| *option)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let flavour = if facts.is_rt { ", and PREEMPT_RT" } else { "" };

    Some(if lacks.is_empty() {
        Check::ok("kernel", format!("it has {}{flavour}", list(&has)))
    } else {
        Check::in_the_way(facts, "kernel", format!("it lacks {}", list(&lacks)))
            .with("use a kernel that has it, as Debian's on amd64 and arm64")
    })
}

fn ftrace(facts: &Facts) -> Option<Check> {
    Some(match &facts.ftrace {
        Ok(value) if value.trim() == "0" => {
            Check::in_the_way(facts, "ftrace", "ftrace is off, and fprobe needs it")
                .with("run 'sysctl kernel.ftrace_enabled=1' as root")
        }
        Ok(_) => Check::ok("ftrace", "ftrace is on"),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Check::in_the_way(
            facts,
            "ftrace",
            "ftrace has turned itself off after an error",
        )
        .with("see the kernel's log, and restart the machine"),
        // Then the kernel has no fprobe either, which was said.
        Err(_) => return None,
    })
}

fn lockdown(facts: &Facts) -> Option<Check> {
    const ADVICE: &str = "boot with Secure Boot off, and without lockdown= on the command line";

    Some(match facts.lockdown.as_deref()? {
        "none" => Check::ok("lockdown", "the kernel is not locked down"),
        "integrity" if facts.is_loaded => Check::note(
            "lockdown",
            "the kernel is locked down (integrity): 'mnck list' and 'mnck ps' can't read the tables",
        )
        .with(ADVICE),
        "integrity" => Check::note(
            "lockdown",
            "the kernel is locked down (integrity): it loads only modules that are signed",
        )
        .with(format!("sign mnck.ko, or {ADVICE}")),
        other => {
            let found = format!("the kernel is locked down ({other}): no function can be probed");
            Check::in_the_way(facts, "lockdown", found).with(ADVICE)
        }
    })
}

fn watch(facts: &Facts, is_explained: bool) -> Check {
    let Err(error) = &facts.watch else {
        return Check::ok("watch", "a watch of this process has begun and ended");
    };
    let mut check = Check::of_error(State::Problem, "watch", error);

    // The way out of an error of other commands is this one.
    if check
        .advice
        .as_ref()
        .is_some_and(|advice| advice.contains("mnck doctor"))
    {
        check.advice = Some(if is_explained {
            "solve the problems above".into()
        } else {
            "see the kernel's log: dmesg | grep mnck:".into()
        });
    }
    check
}

fn caller(facts: &Facts) -> Check {
    if facts.is_admin {
        return Check::ok("caller", "you may watch all processes");
    }
    Check::note(
        "caller",
        "you may watch only processes that you may trace, and drivers only from the moment after \
         their first subscription",
    )
    .with("to see all, run mnck as root")
}

/// How the functions are probed.
fn probing(facts: &Facts) -> Vec<Check> {
    let Ok(table) = &facts.drivers else {
        return vec![];
    };
    let rows = parse::drivers(table);
    let (core, drivers): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.is_core);

    let check = |name, rows: &[&parse::Probed], whose: &str| {
        let by = |how: &str| rows.iter().filter(|row| row.by == how).count();
        let not: Vec<_> = rows
            .iter()
            .filter(|row| row.by == "not probed")
            .map(|row| row.function.as_str())
            .collect();

        if !not.is_empty() {
            let found = format!("not probed, and so not checked: {}", not.join(", "));
            return Check::note(name, found);
        }
        let functions = text::count(rows.len() as u64, "function");
        let how = match (by("fprobe"), by("kretprobe")) {
            (_, 0) => "by fprobe".to_owned(),
            (0, _) => "by kretprobe".to_owned(),
            (fprobes, kretprobes) => format!("{fprobes} by fprobe and {kretprobes} by kretprobe"),
        };
        Check::ok(name, format!("{functions} of {whose} probed, {how}"))
    };

    vec![
        if core.is_empty() {
            Check::note("core", "the table of drivers is not known to this tool")
                .with("use the tool and the module of one version")
        } else {
            check("core", &core, "the kernel")
        },
        if drivers.is_empty() {
            Check::ok("drivers", "no driver has a subscription at the moment")
        } else {
            check("drivers", &drivers, "drivers")
        },
    ]
}

/// The tables in debugfs, and what they say of the kernel.
fn tables(facts: &Facts) -> Vec<Check> {
    if !facts.is_loaded {
        return vec![];
    }
    let tables = match &facts.drivers {
        Ok(_) => Check::ok(
            "debugfs",
            "'mnck list' and 'mnck ps' can read the tables of mnck",
        ),
        Err(error) => Check::of_error(State::Note, "debugfs", error),
    };
    let registered = facts.registered.iter().map(|table| {
        match table.lines().find_map(|line| line.strip_prefix("no list")) {
            None => Check::ok(
                "layout",
                "this kernel keeps its subscriptions as mnck expects it",
            ),
            Some(why) => Check::note(
                "layout",
                format!(
                    "drivers from before a watch are not seen{}",
                    why.trim_start_matches(" yet").trim_end()
                ),
            ),
        }
    });

    [tables].into_iter().chain(registered).collect()
}

/// The types of functions, which show what may be a callback before it is called.
fn types(facts: &Facts) -> Check {
    const EFFECT: &str = "the first calls of a driver that begins during a watch are not seen";

    if !facts.types.contains("vmlinux") {
        return Check::note("types", format!("the kernel has no BTF, and so {EFFECT}"))
            .with("to see them, use a kernel with CONFIG_DEBUG_INFO_BTF");
    }
    if let [first, ..] = &facts.candidates.skipped[..] {
        return Check::note("types", format!("{EFFECT}: {first}"));
    }
    let lacking: Vec<_> = facts
        .modules
        .iter()
        .filter(|module| !facts.types.contains(*module))
        .collect();
    match &lacking[..] {
        [] => Check::ok(
            "types",
            format!(
                "drivers can be watched from their first call: {} may be callbacks",
                text::count(facts.candidates.functions.len() as u64, "function")
            ),
        ),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                n => format!(", and {n} more"),
            };
            Check::note(
                "types",
                format!("if one of these begins during a watch, its first calls are not seen, since it has no BTF: {first}{more}"),
            )
            .with("build the module where vmlinux is, with CONFIG_DEBUG_INFO_BTF_MODULES")
        }
    }
}

fn timeline(facts: &Facts) -> Check {
    let has_tracefs = facts
        .mounts
        .lines()
        .any(|line| line.split(' ').nth(2) == Some("tracefs"));

    if has_tracefs {
        Check::ok(
            "tracefs",
            "perf and trace-cmd can record the events of mnck",
        )
    } else {
        Check::note(
            "tracefs",
            "it is not mounted: perf and trace-cmd see no events of mnck",
        )
        .with("run 'mount -t tracefs tracefs /sys/kernel/tracing' as root")
    }
}

fn lock_order(facts: &Facts) -> Check {
    match facts.lockdep {
        Lockdep::On => Check::ok("lock-order", "rule lock-order is judged"),
        Lockdep::Off => Check::note(
            "lock-order",
            "rule lock-order is not judged: lockdep has turned itself off after a report",
        )
        .with("see the kernel's log, and restart the machine"),
        Lockdep::Lacking => Check::note("lock-order", "rule lock-order is not judged")
            .with("to have it judged, use a kernel with CONFIG_PROVE_LOCKING"),
    }
}

/// What the rules see of a callback that did not sleep.
fn might_sleep(facts: &Facts) -> Check {
    let lacks_tracepoints = facts
        .symbols
        .as_ref()
        .is_ok_and(|symbols| !symbols.contains(REGISTER_TRACEPOINT));
    let locks = if facts.lockdep == Lockdep::Lacking {
        ", but not what waits for locks"
    } else {
        ""
    };

    if lacks_tracepoints {
        let rule = if facts.is_rt {
            "rule non-block is not judged"
        } else {
            "callbacks that might sleep and did not are not reported"
        };
        Check::note("non-block", rule).with("use a kernel with CONFIG_TRACEPOINTS")
    } else if facts.has_probes {
        Check::ok(
            "non-block",
            format!("callbacks that might sleep are reported, too{locks}"),
        )
    } else {
        Check::ok(
            "non-block",
            format!("callbacks that might sleep are reported, too, with probes=1{locks}"),
        )
    }
}

#[cfg(test)]
mod tests;
