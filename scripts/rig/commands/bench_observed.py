# SPDX-License-Identifier: GPL-2.0
"""What the observation of all drivers costs in instructions, on Debian's own kernel.

selftests/bench/measure_observed.c measures a munmap of a process whose memory drivers of
notifier_mistakes use, while mnck or another observer sees each call and each return of the core's
range functions and of the callbacks.
"""

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.common import log
from rig.common.error import RigError
from rig.common.progress import Step
from rig.guest.qemu import COUNTING, Guest
from rig.judge.verdict import FAIL, judge
from rig.report.observed import OBSERVERS, Observed

DRIVERS = artifacts.CHECKOUT / "selftests/drivers"
PROGRAM = "measure_observed"

# The functions that are observed.
CORE = ("__mmu_notifier_invalidate_range_start", "__mmu_notifier_invalidate_range_end")
CALLBACKS = ("clean_start", "clean_end", "clean_invalidate")
FUNCTIONS = (*CORE, *CALLBACKS)

# How the program is told of each of OBSERVERS.
ARGUMENTS = {
    "mnck": "/lib/mnck.ko watch=1",
    "empty": f"/lib/empty_probes.ko functions={','.join(FUNCTIONS)}",
    "kprobe": f"kprobe {' '.join(FUNCTIONS)}",
    "fentry": f"fentry {' '.join(FUNCTIONS)}",
}

# Instructions and callbacks, by the kind of driver and the number of subscriptions.
Measured = dict[tuple[str, int], tuple[float, float]]


def measure(kernel: Kernel, program, parse) -> dict[str, Observed]:
    """Returns what each of OBSERVERS adds; `program` is measure_observed, `parse` reads its output."""
    files = {"lib/mnck.ko": artifacts.module(kernel), f"tests/{PROGRAM}": program}
    for name in ("notifier_mistakes", "empty_probes"):
        files[f"lib/{name}.ko"] = artifacts.external(kernel, DRIVERS / name, name)[name]
    console = log.console(kernel.label, "bench")
    steps = {name: f"{PROGRAM} {ARGUMENTS[name]}" for name in OBSERVERS}
    steps = {"load": "insmod /lib/notifier_mistakes.ko", "nothing": PROGRAM} | steps
    with (
        Step(f"measuring observers on {kernel.arch}", about=60),
        artifacts.initramfs(kernel, "bench", files) as initramfs,
        Guest(kernel, initramfs, console, COUNTING) as guest,
    ):
        outcomes = {"boot": guest.boot()} | {name: guest.run(step) for name, step in steps.items()}
    for name, outcome in outcomes.items():
        verdict = judge(kernel.arch, name, outcome, console)
        if verdict.status == FAIL:
            lines = "\n".join(verdict.lines)
            raise RigError(f"{kernel.arch}: {name}: {verdict.reason}\n{lines}\n{console}")
    nothing = parse(outcomes["nothing"].output)
    return {name: added(nothing, parse(outcomes[name].output)) for name in OBSERVERS}


def added(nothing: Measured, observed: Measured) -> Observed:
    """Returns what an observer adds to each part of a munmap."""

    def of(costs: Measured, kind: str) -> tuple[float, float, float]:
        """Returns the instructions without a subscription, with one, and for each further one."""
        none, one, many = sorted(count for name, count in costs if name == kind)
        (without, _), (first, _), (last, calls) = (costs[kind, n] for n in (none, one, many))
        if not calls:
            raise RigError(f"{kind}: the drivers were not called")
        return without, first, (last - first) / (many - one)

    def more(kind: str) -> list[float]:
        return [b - a for a, b in zip(of(nothing, kind), of(observed, kind), strict=True)]

    pair, interval = more("pair"), more("interval")
    without, first, further = pair
    # A subscription of this kind has two callbacks.
    return Observed(min(without, interval[0], key=abs), first - further, further / 2, interval[2])
