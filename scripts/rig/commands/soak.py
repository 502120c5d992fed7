# SPDX-License-Identifier: GPL-2.0
"""``make soak``: two tests with random load, for much longer than in ``make check``.

One is of the chain, one of what mnck reports while it watches all drivers.
"""

from collections.abc import Iterator
from functools import partial

from rig.build import artifacts
from rig.build.arch import ARCHES
from rig.build.kernel import Kernel
from rig.build.kernels import ensure_kernels
from rig.common import log
from rig.common.parallel import side_by_side
from rig.guest.qemu import INSERT_MNCK, PARALLEL, Guest
from rig.judge.verdict import Verdict, judge, refuse_skip
from rig.report import results

CHAIN = "chain_random.balance"
LOAD = "load.observed"


def soak(arches: list[str], variant: str, rounds: int, minutes: int, seed: int | None) -> int:
    """Runs both tests on each architecture and reports; returns the exit status.

    The test of the chain makes `rounds` invalidations, and that of the observation takes `minutes`.
    If either is 0, that test is left out.  Without a `seed` for the random numbers the tests take
    new ones and print them.
    """
    seeds = f" MNCK_SEED={seed}" if seed is not None else ""
    cases = {CHAIN: f"MNCK_ROUNDS={rounds}{seeds}"} if rounds else {}
    cases |= {LOAD: f"MNCK_SECONDS={60 * minutes}{seeds}"} if minutes else {}
    kernels = ensure_kernels(arches, variant)
    return results.report(side_by_side([_soak(kernel, cases) for kernel in kernels]))


def _soak(kernel: Kernel, cases: dict[str, str]) -> Iterator[Verdict]:
    """Yields the verdicts on `cases`, which are by name, with what the environment has for each."""
    console = log.console(kernel.label, "soak")
    files = artifacts.for_guest(kernel, artifacts.module(kernel))[1]
    files |= {f"lib/peers/{name}.ko": path for name, path in kernel.peers.items()}
    machine = PARALLEL + ARCHES[kernel.arch].nested
    with (
        artifacts.initramfs(kernel, "soak", files) as initramfs,
        Guest(kernel, initramfs, console, machine) as guest,
    ):
        yield judge(kernel.arch, "soak.boot", guest.boot(), console)
        yield judge(kernel.arch, "soak.load", guest.run(INSERT_MNCK), console)
        for case, settings in cases.items():
            command = f"env {settings} {case.partition('.')[0]} -r {case}"
            outcome = guest.run(command, on_output=partial(_print, kernel.arch))
            yield refuse_skip(judge(kernel.arch, case, outcome, console, case), kernel.has)
        yield judge(kernel.arch, "soak.unload", guest.run("rmmod mnck"), console)


def _print(arch: str, text: str) -> None:
    """Prints the test's progress, which is in lines that begin with "# ", KTAP's diagnostics."""
    for line in text.splitlines():
        if line.startswith("# "):
            print(f"{arch:6} {line}", flush=True)
