# SPDX-License-Identifier: GPL-2.0
"""The rig's proof of itself: mistakes planted in a guest, each to end in the right verdict.

The plants are in selftests/planted/.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from rig import build, log
from rig.guest import DEADLINE, Guest
from rig.kernel import Kernel
from rig.verdict import FAIL, OK, SKIP, Verdict, judge

HANG_DEADLINE = 2.0

# What is planted, the status that it must end in, and the reason that must be given.
SURVIVED = (
    ("pass", OK, ""),
    ("not_ok", FAIL, "not ok: planted.not_ok"),
    ("no_plan", FAIL, "no plan"),
    ("plan_unmet", FAIL, "plan not met: 1 results announced, 0 came"),
    ("status", FAIL, "exit status 3"),
    ("signal", FAIL, "killed by signal 11"),
    ("skip", SKIP, "planted"),
    ("skip_mute", FAIL, "skipped without a reason: planted.skip_mute"),
    ("warn", FAIL, "unexpected WARN: planted: subscriber 7 broke a rule"),
    ("named", OK, ""),
    ("named_missing", FAIL, "the expected WARN did not come: subscriber 7"),
    (
        *("named_wrong", FAIL),
        "the WARN names 'planted: subscriber 7 broke a rule', expected was 'subscriber 8'",
    ),
    ("named_twice", FAIL, "2 WARNs came, one was expected: subscriber 7"),
    ("atomic", FAIL, "BUG: sleeping function called from invalid context at .*planted.c:.*"),
    # Of each guest only the first lockdep report counts: lockdep then turns itself off.
    (
        *("lockdep", FAIL),
        "WARNING: possible circular locking dependency detected; lockdep has turned itself off",
    ),
    ("pass", FAIL, "lockdep did not watch: an earlier report has turned it off"),
)
FATAL = (
    ("oops", r"the guest died: (BUG|Unable to handle).*NULL pointer .*; Kernel panic.*"),
    ("panic", "the guest died: Kernel panic - not syncing: planted: the end"),
    ("stuck", "the guest died: INFO: task insmod:.* blocked for more than .*; Kernel panic.*"),
    ("hang", "hung: no sign of life for 2 s"),
    ("vanish", "the guest died without a word"),
)


def selftest(kernel: Kernel) -> Iterator[Verdict]:
    """Plant each mistake and yield whether it was found."""
    files = {
        "lib/planted.ko": build.planted(kernel),
        "tests/planted": build.CHECKOUT / "selftests/planted/planted.sh",
    }
    initramfs = build.initramfs(kernel.arch, "rig", files)

    console = log.console(kernel.arch, "rig")
    with Guest(kernel, initramfs, console) as guest:
        yield judge(kernel.arch, "rig.boot", guest.boot(), console, is_test=False)
        for what, status, reason in SURVIVED:
            outcome = guest.run(f"planted {what}")
            found = judge(kernel.arch, f"planted.{what}", outcome, console)
            name = "rig.pass_after_lockdep" if (what, status) == ("pass", FAIL) else f"rig.{what}"
            yield _compare(name, found, status, reason)

    for what, reason in FATAL:
        console = log.console(kernel.arch, f"rig-{what}")
        with Guest(kernel, initramfs, console) as guest:
            booted = guest.boot()
            outcome = guest.run(f"planted {what}", HANG_DEADLINE if what == "hang" else DEADLINE)
            after = guest.run("planted pass")
        found = judge(kernel.arch, f"planted.{what}", outcome, console)
        verdict = _compare(f"rig.{what}", found, FAIL, reason)
        if verdict.status == OK:
            found = judge(kernel.arch, "planted.pass", after, console)
            reason = f"not run: the guest (died|hung) in planted {what}"
            verdict = _compare(f"rig.{what}", found, FAIL, reason)
        yield replace(verdict, seconds=booted.seconds + outcome.seconds)


def _compare(name: str, found: Verdict, status: str, reason: str) -> Verdict:
    """The verdict on a verdict."""
    if found.status == status and re.fullmatch(reason, found.reason):
        return Verdict(found.where, name, OK, found.seconds)
    wrong = (
        f"the verdict was {found.status!r} for {found.reason!r}, not {status!r} for {reason!r}"
    )
    return Verdict(found.where, name, FAIL, found.seconds, wrong, found.lines, found.console)
