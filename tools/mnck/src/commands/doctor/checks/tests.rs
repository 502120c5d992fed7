// SPDX-License-Identifier: GPL-2.0

//! Tests of [`super`].

use std::io;

use super::*;
use crate::{
    btf::Candidates,
    commands::doctor::to_json,
    report::schema::documented, //
};

const TABLE: &str = "\
FUNCTION CALLBACK STATE CALLS REFUSED MAX_US MISSED
__mmu_notifier_invalidate_range_start - fprobe - - - 0
__mmu_notifier_invalidate_range_end - fprobe - - - 0
clean_start [driver] start fprobe 1 0 2 0
";

/// Returns a machine on which mnck can watch and see all.
fn healthy() -> Facts {
    Facts {
        is_loaded: true,
        watch: Ok(()),
        drivers: Ok(TABLE.into()),
        registered: Ok("DRIVER PID COMM WHAT\n".into()),
        has_probes: false,
        is_admin: true,
        symbols: Ok([
            REGISTER_NOTIFIER,
            REGISTER_KPROBE,
            REGISTER_FPROBE,
            REGISTER_TRACEPOINT,
        ]
        .into()),
        is_rt: false,
        ftrace: Ok("1\n".into()),
        lockdown: Some("none".into()),
        mounts: "tracefs /sys/kernel/tracing tracefs rw 0 0\n".into(),
        types: ["vmlinux".into(), "driver".into()].into(),
        candidates: Candidates::default(),
        modules: vec!["driver".into()],
        lockdep: Lockdep::On,
    }
}

/// Returns a machine whose watch has failed.
fn failed(error: &str) -> Facts {
    Facts {
        watch: Err(error.into()),
        drivers: Ok("off: write 1 to /sys/module/mnck/parameters/watch\n".into()),
        ..healthy()
    }
}

fn find(facts: &Facts, name: &str) -> Check {
    let checks = all(facts);

    documented(to_json(&checks));
    checks.into_iter().find(|check| check.name == name).unwrap()
}

/// Returns the state of a check, what was found, and what to do.
fn seen(facts: &Facts, name: &str) -> (State, String, Option<String>) {
    let check = find(facts, name);
    (check.state, check.found, check.advice)
}

fn states(facts: &Facts, state: State) -> Vec<&'static str> {
    all(facts)
        .iter()
        .filter(|check| check.state == state)
        .map(|check| check.name)
        .collect()
}

#[test]
fn a_healthy_machine_has_no_note() {
    let checks = all(&healthy());

    assert!(
        checks.iter().all(|check| check.state == State::Ok),
        "{checks:#?}"
    );
    assert_eq!(
        "1 function of drivers probed, by fprobe",
        find(&healthy(), "drivers").found
    );
}

#[test]
fn a_module_that_is_not_loaded_is_the_only_problem() {
    let facts = Facts {
        is_loaded: false,
        drivers: Err("the module mnck is not loaded: x".into()),
        ..failed("the module mnck is not loaded: run 'insmod mnck.ko' as root")
    };

    assert_eq!(["module"], states(&facts, State::Problem)[..]);
    assert_eq!(
        (
            State::Problem,
            "the module mnck is not loaded".into(),
            Some("run 'insmod mnck.ko' as root".into())
        ),
        seen(&facts, "module")
    );
    assert!(states(&facts, State::Note).is_empty());
}

#[test]
fn an_older_module_and_a_missing_right_are_problems_of_the_watch() {
    let facts = failed("the module mnck that is loaded is older: load the other");

    assert_eq!(["watch"], states(&facts, State::Problem)[..]);
    assert_eq!(Some("load the other".into()), find(&facts, "watch").advice);

    let facts = failed("cannot watch: Cannot allocate memory (os error 12)");
    assert_eq!(
        (
            State::Problem,
            "cannot watch: Cannot allocate memory (os error 12)".into(),
            None
        ),
        seen(&facts, "watch")
    );
}

#[test]
fn what_the_kernel_lacks_explains_the_watch() {
    const ERROR: &str = "this kernel can't be watched: 'mnck doctor' says what it lacks";
    let mut facts = failed(ERROR);
    assert_eq!(
        Some("see the kernel's log: dmesg | grep mnck:".into()),
        find(&facts, "watch").advice
    );

    facts.symbols = Ok([REGISTER_NOTIFIER, REGISTER_FPROBE].into());
    assert_eq!(["kernel", "watch"], states(&facts, State::Problem)[..]);
    assert_eq!("it lacks CONFIG_KPROBES", find(&facts, "kernel").found);
    assert_eq!(
        Some("solve the problems above".into()),
        find(&facts, "watch").advice
    );

    // A watch that has begun is the better proof.
    facts.watch = Ok(());
    assert_eq!(State::Note, find(&facts, "kernel").state);
}

#[test]
fn ftrace_that_is_off_is_a_problem() {
    let mut facts = failed("this kernel can't be watched");
    facts.ftrace = Ok("0\n".into());
    assert_eq!(State::Problem, find(&facts, "ftrace").state);

    facts.ftrace = Err(io::Error::from_raw_os_error(libc::ENODEV));
    assert_eq!(
        "ftrace has turned itself off after an error",
        find(&facts, "ftrace").found
    );

    facts.ftrace = Err(io::ErrorKind::NotFound.into());
    assert!(all(&facts).iter().all(|check| check.name != "ftrace"));
}

#[test]
fn a_locked_down_kernel_is_told_of() {
    let mut facts = failed("this kernel can't be watched");
    facts.lockdown = Some("confidentiality".into());
    assert_eq!(State::Problem, find(&facts, "lockdown").state);

    facts.lockdown = Some("integrity".into());
    assert_eq!(State::Note, find(&facts, "lockdown").state);
    facts.is_loaded = false;
    assert!(find(&facts, "lockdown")
        .advice
        .unwrap()
        .starts_with("sign mnck.ko, or boot"));

    facts.lockdown = None;
    assert!(all(&facts).iter().all(|check| check.name != "lockdown"));
}

#[test]
fn what_is_not_seen_is_a_note() {
    let facts = Facts {
        is_admin: false,
        drivers: Ok(TABLE.replace("start fprobe", "start not probed")),
        registered: Ok("DRIVER\nno list: this kernel is another\n".into()),
        mounts: String::new(),
        types: ["vmlinux".into()].into(),
        lockdep: Lockdep::Lacking,
        ..healthy()
    };

    assert_eq!(
        [
            "caller",
            "drivers",
            "layout",
            "types",
            "tracefs",
            "lock-order"
        ],
        states(&facts, State::Note)[..]
    );
    assert_eq!(
        "not probed, and so not checked: clean_start [driver]",
        find(&facts, "drivers").found
    );
    assert_eq!(
        "drivers from before a watch are not seen: this kernel is another",
        find(&facts, "layout").found
    );
    assert!(find(&facts, "types").found.ends_with(": driver"));
    assert!(find(&facts, "non-block")
        .found
        .ends_with("but not what waits for locks"));
}

#[test]
fn debugfs_that_is_not_mounted_is_a_note() {
    let facts = Facts {
        drivers: Err("/sys/kernel/debug/mnck is missing: run 'mount'".into()),
        registered: Err("/sys/kernel/debug/mnck is missing: run 'mount'".into()),
        ..healthy()
    };

    assert_eq!(["debugfs"], states(&facts, State::Note)[..]);
    assert_eq!(Some("run 'mount'".into()), find(&facts, "debugfs").advice);
}

#[test]
fn types_that_are_missing_are_a_note() {
    let mut facts = healthy();
    facts.candidates.skipped = vec!["/sys/kernel/btf/x: cut off".into()];
    assert!(find(&facts, "types")
        .found
        .ends_with("are not seen: /sys/kernel/btf/x: cut off"));

    facts.types.clear();
    assert!(find(&facts, "types")
        .found
        .starts_with("the kernel has no BTF"));
}

#[test]
fn lockdep_and_tracepoints_decide_what_is_judged() {
    let mut facts = healthy();
    facts.lockdep = Lockdep::Off;
    assert_eq!(State::Note, find(&facts, "lock-order").state);

    facts.has_probes = true;
    assert_eq!(
        "callbacks that might sleep are reported, too",
        find(&facts, "non-block").found
    );
    facts.symbols = Ok([REGISTER_NOTIFIER, REGISTER_KPROBE, REGISTER_FPROBE].into());
    facts.is_rt = true;
    assert_eq!(
        "rule non-block is not judged",
        find(&facts, "non-block").found
    );
    assert!(find(&facts, "kernel").found.ends_with(", and PREEMPT_RT"));

    // Nothing is said of what is not known.
    facts.symbols = Err(io::ErrorKind::PermissionDenied.into());
    assert_eq!(State::Note, find(&facts, "kernel").state);
    assert_eq!(State::Ok, find(&facts, "non-block").state);
}

#[test]
fn functions_are_counted_by_their_probes() {
    let mut facts = healthy();
    facts.drivers = Ok(TABLE.replacen("- fprobe", "- kretprobe", 1));
    assert_eq!(
        "2 functions of the kernel probed, 1 by fprobe and 1 by kretprobe",
        find(&facts, "core").found
    );

    facts.drivers = Ok(TABLE.replace("fprobe", "kretprobe"));
    assert_eq!(
        "2 functions of the kernel probed, by kretprobe",
        find(&facts, "core").found
    );

    facts.drivers = Ok("something else\n".into());
    assert_eq!(State::Note, find(&facts, "core").state);
    assert_eq!(
        "no driver has a subscription at the moment",
        find(&facts, "drivers").found
    );
}
