# SPDX-License-Identifier: GPL-2.0
"""What a guest reports of one program: the plain data that the verdict is made from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """The kernel's own alarms, at one moment."""

    warns: int = 0  # /sys/kernel/warn_count
    oopses: int = 0  # /sys/kernel/oops_count
    taint: int = 0  # /proc/sys/kernel/tainted
    lockdep: int | None = 1  # debug_locks in /proc/lockdep_stats, None if there is no lockdep


@dataclass(frozen=True)
class Outcome:
    """What one program did, and what it did to the guest."""

    before: State
    output: str = ""
    status: int | None = None  # the shell's $?, None if the guest has not reported it
    after: State | None = None
    log: tuple[str, ...] = ()  # the kernel's, since the program before this
    ended: str | None = None  # why the guest has ended, None if it runs on
    console: tuple[str, ...] = ()  # all of it, if the guest has ended
    seconds: float = 0.0
