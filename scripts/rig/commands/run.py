# SPDX-License-Identifier: GPL-2.0
"""``make run`` and ``make shell``: the module in a guest, to look at."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.build.kernels import ensure_kernel
from rig.common import log
from rig.guest.qemu import INSERT_MNCK, Guest, qemu_command
from rig.judge.gate import EXPECT, gate
from rig.judge.outcome import Outcome
from rig.judge.verdict import FAIL, OK, judge
from rig.report.results import paint


# What `make run` does in the guest: each program runs a command of the tool.
INSERT = (INSERT_MNCK, "insmod /lib/notifier_mistakes.ko")
STORY = ("tool_story clean", "tool_story forgetful", "tool_story sleeping")
REMOVE = ("rmmod notifier_mistakes", "rmmod mnck")


def run(arch: str, variant: str) -> int:
    """Runs the story and prints what the WARN gate found; returns the exit status."""
    kernel = ensure_kernel(arch, variant)
    console = log.console(kernel.label, "run")
    with _initramfs(kernel) as initramfs, Guest(kernel, initramfs, console) as guest:
        steps = [("boot", guest.boot())]
        for step in (*INSERT, *STORY, *REMOVE):
            steps.append((step, guest.run(step, on_output=_screen())))

    verdicts = [judge(arch, name, outcome, console) for name, outcome in steps]
    failed = [verdict for verdict in verdicts if verdict.status == FAIL]
    print(f"\nKernel log: {_seen([outcome for _, outcome in steps])}")
    for verdict in failed:
        print(paint(f"FAILED in {verdict.name}: {verdict.reason}", FAIL))
        for line in verdict.lines:
            print(f"  | {line}")
    if failed:
        print(f"console: {console}")
    else:
        print(paint("passed: mnck reported each rule that a driver broke, and nothing else", OK))
    return int(bool(failed))


def shell(arch: str, variant: str) -> int:
    """Boots a guest with the module loaded, and gives a prompt; returns the exit status."""
    kernel = ensure_kernel(arch, variant)
    with _initramfs(kernel) as initramfs:
        print("Ctrl-A X ends QEMU", flush=True)
        qemu = qemu_command(kernel, initramfs, "rig=shell")
        return subprocess.call([*qemu, "-serial", "mon:stdio"])


def _initramfs(kernel: Kernel) -> AbstractContextManager[Path]:
    files = artifacts.for_guest(kernel, artifacts.module(kernel))[1] | artifacts.with_tool(kernel)
    return artifacts.initramfs(kernel, "run", files)


def _screen() -> Callable[[str], None]:
    """Returns a function that prints output line by line, without what is announced to the gate."""
    begun = ""

    def show(text: str) -> None:
        nonlocal begun
        *lines, begun = (begun + text).split("\n")
        for line in lines:
            if not line.startswith("# mnck-expect:"):
                print(line, flush=True)

    return show


def _seen(outcomes: list[Outcome]) -> str:
    """Returns the WARN gate's findings over all steps, as one line."""
    if any(outcome.after is None for outcome in outcomes):
        return "unknown: the guest died"
    wrong = [complaint for outcome in outcomes for complaint in gate(outcome)[0]]
    warns = outcomes[-1].after.warns - outcomes[0].before.warns
    # The gate has checked that exactly one came of each.
    ours = sum(len(EXPECT.findall(outcome.output)) for outcome in outcomes)
    lockdep = "no lockdep" if outcomes[0].before.lockdep is None else "no report of lockdep"
    clean = f"{ours} warnings (WARN) of mnck, {warns - ours} of Linux; no oops; {lockdep}"
    return "; ".join(wrong) or clean
