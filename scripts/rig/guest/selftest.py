# SPDX-License-Identifier: GPL-2.0
"""The rig's own test: makes each mistake of selftests/drivers/rig_mistakes/ in a guest, and checks
that the rig's verdict on it is right.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.common import log
from rig.guest.qemu import DEADLINE, SMALL, Guest
from rig.judge import kunit
from rig.judge.verdict import FAIL, OK, SKIP, XFAIL, Verdict, judge, refuse_skip

HANG_DEADLINE = 2.0

# The mistakes that a guest survives, the status of the verdict, and its reason as a pattern.
SURVIVED = (
    ("pass", OK, ""),
    ("not_ok", FAIL, "not ok: rig_mistakes.not_ok"),
    ("misnamed", FAIL, "asked for rig_mistakes.misnamed, it has run rig_mistakes.other"),
    ("no_plan", FAIL, "no plan"),
    ("plan_unmet", FAIL, "plan not met: 1 results announced, 0 came"),
    ("status", FAIL, "exit status 3"),
    ("signal", FAIL, "killed by signal 11"),
    ("skip", FAIL, "skipped, but names no CONFIG_ option that this kernel lacks: rig_mistakes"),
    ("skip_option", SKIP, "needs CONFIG_RIG_MISTAKES"),
    ("xfail", XFAIL, "rig_mistakes"),
    ("skip_mute", FAIL, "skipped without a reason: rig_mistakes.skip_mute"),
    ("warn", FAIL, "unexpected WARN: rig_mistakes: subscriber 7 broke a rule"),
    ("named", OK, ""),
    ("named_missing", FAIL, "the expected WARN did not come: subscriber 7"),
    (
        *("named_wrong", FAIL),
        "the WARN names 'rig_mistakes: subscriber 7 broke a rule', expected was 'subscriber 8'",
    ),
    ("named_twice", FAIL, "2 WARNs came, one was expected: subscriber 7"),
    ("atomic", FAIL, "BUG: sleeping function called from invalid context at .*rig_mistakes.c:.*"),
    ("bug_named", OK, ""),
    ("bug_missing", FAIL, "the expected BUG did not come: sleeping function called"),
    (
        *("bug_wrong", FAIL),
        "the expected BUG did not come: scheduling in a non-blocking section; "
        "BUG: sleeping function called from invalid context at .*rig_mistakes.c:.*",
    ),
    # Lockdep turns itself off after its first report, so these come last.
    (
        *("lockdep", FAIL),
        "WARNING: possible circular locking dependency detected; lockdep has turned itself off",
    ),
    ("pass_after_lockdep", FAIL, "lockdep did not watch: an earlier report has turned it off"),
)
# The mistakes that end a guest, and the reason of the failure.
FATAL = (
    # The access is at address 8, which KASAN reports in its own words.
    ("oops", r"the guest died: (BUG|Oops|Unable to handle).*; Kernel panic.*"),
    ("use_after_free", r"the guest died: BUG: KASAN: slab-use-after-free .*; Kernel panic.*"),
    ("panic", "the guest died: Kernel panic - not syncing: rig_mistakes: the end"),
    ("stuck", "the guest died: INFO: task insmod:.* blocked for more than .*; Kernel panic.*"),
    ("hang", "hung: no sign of life for 2 s"),
    ("vanish", "the guest died and its console shows no cause"),
)

# A subscriber of mnck breaks a rule while panic_on_warn is set.
ON_WARN = (
    "panic_on_warn",
    r"the guest died: WARNING: .*; Kernel panic - not syncing: .*panic_on_warn.*",
)

ON_WARN_NEEDS = ("lib/mnck.ko", "tests/check")

# The cases of a KUnit suite, and the reason for a module that has no suite.
KUNIT = (
    ("rig_mistakes.right", OK, ""),
    ("rig_mistakes.wrong", FAIL, r"EXPECTATION FAILED at .*rig_mistakes_kunit\.c:\d+"),
    ("rig_mistakes.skipped", FAIL, "skipped, but names no .* that this kernel lacks: rig_mistakes"),
)
NO_KUNIT = "the module has run no KUnit suite"

# The option that a kernel needs to find a mistake.
NEEDS = {
    "atomic": "DEBUG_ATOMIC_SLEEP",
    "bug_named": "DEBUG_ATOMIC_SLEEP",
    "bug_wrong": "DEBUG_ATOMIC_SLEEP",
    "use_after_free": "KASAN",
    "lockdep": "PROVE_LOCKING",
    "pass_after_lockdep": "PROVE_LOCKING",
    "stuck": "DETECT_HUNG_TASK",
}


def selftest(kernel: Kernel) -> Iterator[Verdict]:
    """Makes each mistake; yields whether the verdict on it is right."""
    with artifacts.initramfs(kernel, "rig", artifacts.rig_mistakes(kernel)) as initramfs:
        console = log.console(kernel.label, "rig")
        with Guest(kernel, initramfs, console) as guest:
            yield judge(kernel.arch, "rig.boot", guest.boot(), console)
            if kernel.has("KUNIT"):
                yield from _kunit(kernel, guest)
            for what, status, reason in SURVIVED:
                if _can_find(kernel, what):
                    outcome = guest.run(f"rig_mistakes {what}")
                    found = judge(kernel.arch, what, outcome, console, f"rig_mistakes.{what}")
                    found = refuse_skip(found, kernel.has)
                    yield _compare(f"rig.{what}", found, status, reason)
        for what, reason in FATAL:
            if _can_find(kernel, what):
                yield _fatal(kernel, initramfs, what, reason)
    files = artifacts.for_guest(kernel, artifacts.module(kernel))[1]
    files = artifacts.rig_mistakes(kernel) | {name: files[name] for name in ON_WARN_NEEDS}
    with artifacts.initramfs(kernel, "rig-mnck", files) as initramfs:
        yield _fatal(kernel, initramfs, *ON_WARN)


def _can_find(kernel: Kernel, what: str) -> bool:
    return what not in NEEDS or kernel.has(NEEDS[what])


def _kunit(kernel: Kernel, guest: Guest) -> Iterator[Verdict]:
    """Loads a module with KUnit cases, of which one fails and one skips, and one without cases."""
    outcome = guest.run("insmod /lib/rig_mistakes_kunit.ko")
    run, others = kunit.parse(outcome.log)
    found = {verdict.name: verdict for verdict in kunit.verdicts(kernel.arch, run)}
    for name, status, reason in KUNIT:
        missing = Verdict(kernel.arch, name, "missing")
        verdict = refuse_skip(found.get(f"kunit.{name}", missing), kernel.has)
        yield _compare(f"rig.kunit.{name}", verdict, status, reason)
    loaded = judge(kernel.arch, "load", replace(outcome, log=others), guest.console)
    yield _compare("rig.kunit.load", loaded, OK, "")

    outcome = guest.run("insmod /lib/rig_mistakes.ko")
    [none] = kunit.verdicts(kernel.arch, kunit.parse(outcome.log)[0])
    yield _compare("rig.kunit.none", none, FAIL, NO_KUNIT)
    guest.run("rmmod rig_mistakes")


def _fatal(kernel: Kernel, initramfs: Path, what: str, reason: str) -> Verdict:
    """Makes a mistake that ends the guest; the test after it must be reported as not run."""
    console = log.console(kernel.label, f"rig-{what}")
    with Guest(kernel, initramfs, console, SMALL) as guest:
        booted = guest.boot()
        outcome = guest.run(f"rig_mistakes {what}", HANG_DEADLINE if what == "hang" else DEADLINE)
        after = guest.run("rig_mistakes pass")
    found = judge(kernel.arch, what, outcome, console, f"rig_mistakes.{what}")
    verdict = _compare(f"rig.{what}", found, FAIL, reason)
    if verdict.status == OK:
        found = judge(kernel.arch, "pass", after, console, "rig_mistakes.pass")
        reason = f"not run: the guest (died|hung) in rig_mistakes {what}"
        verdict = _compare(f"rig.{what}", found, FAIL, reason)
    return replace(verdict, seconds=booted.seconds + outcome.seconds)


def _compare(name: str, found: Verdict, status: str, reason: str) -> Verdict:
    """Returns OK if the verdict `found` has this status and reason, else a failure."""
    if found.status == status and re.fullmatch(reason, found.reason):
        return Verdict(found.where, name, OK, found.seconds)
    wrong = f"the verdict was {found.status!r} for {found.reason!r}, not {status!r} for {reason!r}"
    return Verdict(found.where, name, FAIL, found.seconds, wrong, found.lines, found.console)
