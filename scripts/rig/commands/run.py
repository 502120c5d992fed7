# SPDX-License-Identifier: GPL-2.0
"""``make run`` and ``make shell``: the module in a guest, to look at."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel, ensure_kernel
from rig.common import log
from rig.guest.qemu import Guest, qemu_command
from rig.judge.gate import gate
from rig.judge.outcome import Outcome
from rig.judge.verdict import FAIL, OK, judge
from rig.report.results import paint


def run(arch: str, variant: str) -> int:
    """Load the module, run the story, and say what the kernel thought of it; the exit status."""
    kernel = ensure_kernel(arch, variant)
    console = log.console(kernel.label, "run")
    with _initramfs(kernel) as initramfs, Guest(kernel, initramfs, console) as guest:
        steps = [("boot", guest.boot())]
        steps.append(("insmod mnck.ko", guest.run("insmod /lib/mnck.ko")))
        # One after the other, since a step may announce one WARN.
        for step in ("story", "story skip", "story all", "story exact"):
            steps.append((step, guest.run(step, on_output=_screen())))
        steps.append(("rmmod mnck", guest.run("rmmod mnck")))

    verdicts = [judge(arch, name, outcome, console) for name, outcome in steps]
    failed = [verdict for verdict in verdicts if verdict.status == FAIL]
    print(f"WARN gate: {_seen([outcome for _, outcome in steps])}")
    for verdict in failed:
        print(paint(f"FAILED in {verdict.name}: {verdict.reason}", FAIL))
        for line in verdict.lines:
            print(f"  | {line}")
    if failed:
        print(f"console: {console}")
    else:
        print(paint("passed", OK))
    return int(bool(failed))


def shell(arch: str, variant: str) -> int:
    """A prompt in a guest that has the module loaded."""
    kernel = ensure_kernel(arch, variant)
    with _initramfs(kernel) as initramfs:
        print("Ctrl-A X ends QEMU", flush=True)
        qemu = qemu_command(kernel, initramfs, "rig=shell")
        return subprocess.call([*qemu, "-serial", "mon:stdio"])


def _initramfs(kernel: Kernel) -> AbstractContextManager[Path]:
    files = artifacts.for_guest(kernel, artifacts.module(kernel))[1]
    return artifacts.initramfs(kernel, "run", files)


def _screen() -> Callable[[str], None]:
    """Shows output as it comes, a line at a time, but not what is announced to the gate."""
    begun = ""

    def show(text: str) -> None:
        nonlocal begun
        *lines, begun = (begun + text).split("\n")
        for line in lines:
            if not line.startswith("# mnck-expect:"):
                print(line, flush=True)

    return show


def _seen(outcomes: list[Outcome]) -> str:
    """The gate's findings over all steps, in a line."""
    if any(outcome.after is None for outcome in outcomes):
        return "the guest did not live to tell"
    wrong = [complaint for outcome in outcomes for complaint in gate(outcome)[0]]
    warns = outcomes[-1].after.warns - outcomes[0].before.warns
    lockdep = "no lockdep" if outcomes[0].before.lockdep is None else "lockdep on and silent"
    clean = f"clean: {warns} WARNs, all announced; no oops, no other taint, {lockdep}"
    return "; ".join(wrong) or clean
