# SPDX-License-Identifier: GPL-2.0
"""``make soak``: the random test of the chain, for much longer than in ``make check``."""

from collections.abc import Iterator
from functools import partial

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.build.kernels import ensure_kernel
from rig.common import log
from rig.common.parallel import side_by_side
from rig.guest.qemu import INSERT_MNCK, PARALLEL, Guest
from rig.judge.verdict import Verdict, judge, refuse_skip
from rig.report import results

PROGRAM = "chain_random"
CASE = f"{PROGRAM}.balance"


def soak(arches: list[str], variant: str, rounds: int, seed: int | None) -> int:
    """Makes `rounds` invalidations on each architecture and reports; returns the exit status.

    Without a `seed` for the random numbers the test takes a new one and prints it.
    """
    settings = f"MNCK_ROUNDS={rounds}" + (f" MNCK_SEED={seed}" if seed is not None else "")
    kernels = [ensure_kernel(arch, variant) for arch in arches]
    return results.report(side_by_side([_soak(kernel, settings) for kernel in kernels]))


def _soak(kernel: Kernel, settings: str) -> Iterator[Verdict]:
    console = log.console(kernel.label, "soak")
    files = artifacts.for_guest(kernel, artifacts.module(kernel))[1]
    with (
        artifacts.initramfs(kernel, "soak", files) as initramfs,
        Guest(kernel, initramfs, console, PARALLEL) as guest,
    ):
        yield judge(kernel.arch, "soak.boot", guest.boot(), console)
        yield judge(kernel.arch, "soak.load", guest.run(INSERT_MNCK), console)
        command = f"env {settings} {PROGRAM} -r {CASE}"
        outcome = guest.run(command, on_output=partial(_print, kernel.arch))
        yield refuse_skip(judge(kernel.arch, CASE, outcome, console, CASE), kernel.has)
        yield judge(kernel.arch, "soak.unload", guest.run("rmmod mnck"), console)


def _print(arch: str, text: str) -> None:
    """Prints the test's progress, which is in lines that begin with "# ", KTAP's diagnostics."""
    for line in text.splitlines():
        if line.startswith("# "):
            print(f"{arch:6} {line}", flush=True)
