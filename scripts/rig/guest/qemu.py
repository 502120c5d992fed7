# SPDX-License-Identifier: GPL-2.0
"""A guest: QEMU, the port that its init listens on, and the outcome of each program.

An outcome has ``ended`` unset only if the guest has reported all of it and is ready for the next
program.  Whether an outcome is a success is decided in rig.judge.
"""

import re
import select
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rig.build.arch import ARCHES
from rig.build.kernel import Kernel
from rig.build.variant import NEEDS, Needs
from rig.judge.outcome import Outcome, State

# Two CPUs that QEMU runs in turns, each for a while or until it waits, so that a CPU that spins for
# a lock gives way to its holder.  Several such guests on a few CPUs are twice as fast.
MACHINE = ("-accel", "tcg,thread=single", "-smp", "2")

# Two CPUs that run at the same time, if the host has two to spare.
PARALLEL = ("-accel", "tcg,thread=multi", "-smp", "2")

# One CPU, which boots sooner, for what needs no second.
SMALL = ("-accel", "tcg", "-smp", "1")

# One CPU whose clock counts the instructions that it has executed, a nanosecond each.  While the
# CPU is idle the clock jumps to the next timer.
COUNTING = ("-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off")

# The command that inserts the module.
INSERT_MNCK = "insmod /lib/mnck.ko"

# Seconds without a byte from the guest after which it counts as hung.  That is the last resort:
# kselftest_harness.h ends a test after 30 s, or after the test's own limit, and the kernel panics
# when a task or a CPU is stuck.
DEADLINE = 120.0

# The console gets warnings and worse; the whole log comes through the port.  Slab objects are
# checked, but the stacks that allocated and freed them are not kept, which would take a fifth of
# the time.
COMMAND_LINE = "loglevel=5 panic=-1 slab_debug=FZP"

# The rest of the command line of most guests.  kmemleak records each allocation, which slows down
# all tests and serves one program.
NO_KMEMLEAK = "kmemleak=off"

# See scripts/guest/init.
MARK = b"\x01"
READY = MARK + b"ready\n"


class Guest:
    """A running guest; a context manager, which ends it."""

    def __init__(
        self,
        kernel: Kernel,
        initramfs: Path,
        console: Path,
        machine: tuple[str, ...] = MACHINE,
        command_line: str = NO_KMEMLEAK,
    ):
        self.console = console
        self.ended: str | None = None
        self._state = State(lockdep=1 if kernel.has("PROVE_LOCKING") else None)
        self._port, port = socket.socketpair()
        console.touch()
        with port:
            # QEMU ends with the rig, however the rig ends.
            qemu = qemu_command(kernel, initramfs, command_line, machine)
            self._qemu = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *qemu]
                + ["-serial", f"file:{console}"]
                + ["-chardev", f"socket,id=port,fd={port.fileno()}"]
                + ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port"],
                pass_fds=[port.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def boot(self) -> Outcome:
        """Waits until init is ready; to be called once, first.  The outcome has the boot's log."""
        outcome = self._step("boot", DEADLINE, None)
        return outcome if outcome.ended else replace(outcome, status=0)

    def run(
        self,
        command: str,
        deadline: float = DEADLINE,
        on_output: Callable[[str], None] | None = None,
    ) -> Outcome:
        """Runs `command`, words separated by blanks, and waits for its end.

        If the guest has ended, the outcome says only that `command` was not run.
        """
        if self.ended:
            return Outcome(self._state, ended=f"not run: {self.ended}")
        try:
            self._port.sendall(command.encode() + b"\n")
        except OSError:
            pass  # the guest has ended, which _step() finds out
        return self._step(command, deadline, on_output)

    def give_up(self, reason: str) -> None:
        """Ends the guest; all further commands are not run, for `reason`."""
        self._stop()
        self.ended = reason

    def _step(self, name: str, deadline: float, on_output: Callable[[str], None] | None) -> Outcome:
        start = time.monotonic()
        ended = None
        data = b""
        shown = 0
        while not data.endswith(READY):
            if not self._wait(deadline):
                ended = f"hung: no sign of life for {deadline:.0f} s"
                break
            try:
                received = self._port.recv(1 << 16)
            except ConnectionError:
                received = b""
            if not received:
                ended = "died"
                break
            data += received
            if on_output:
                output = parse_step(data)[0]
                on_output(output[shown:])
                shown = len(output)
        seconds = time.monotonic() - start

        output, status, after, log = parse_step(data)
        console: tuple[str, ...] = ()
        if ended:
            self._stop()
            self.ended = f"the guest {ended.split(':')[0]} in {name}"
            console = tuple(self.console.read_text(errors="replace").splitlines())
        before, self._state = self._state, after or self._state
        return Outcome(before, output, status, after, log, ended, console, seconds)

    def _wait(self, deadline: float) -> bool:
        """Waits for a byte from the guest; returns whether it came within `deadline` seconds.

        The time in which QEMU could have run, and the host's CPUs were busy with other work, does
        not count, up to nine tenths of the whole: on a busy host a guest is slow, not hung.
        """
        start = time.monotonic()
        delays = run_delays(self._qemu.pid)
        left = deadline
        while left > 0:
            if select.select([self._port], [], [], max(left, 1.0))[0]:
                return True
            now = run_delays(self._qemu.pid)
            starved = max((now[tid] - delays.get(tid, 0.0) for tid in now), default=0.0)
            left = deadline + min(starved, 9 * deadline) - (time.monotonic() - start)
        return False

    def _stop(self) -> None:
        """Ends QEMU at once: it has no disk that this could damage."""
        self._port.close()
        self._qemu.kill()
        self._qemu.wait()


def run_delays(pid: int) -> dict[str, float]:
    """Returns, by thread of a process, the seconds that it has waited for a CPU so far."""
    delays = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            delays[path.parent.name] = int(path.read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            pass  # the thread has ended, or the host does not count
    return delays


def qemu_command(
    kernel: Kernel, initramfs: Path, command_line: str, machine: tuple[str, ...] = MACHINE
) -> list[str]:
    """Returns QEMU's command line, without its console and other devices for output.

    With -no-reboot QEMU exits when the guest reboots, which it does after a panic.
    """
    arch = ARCHES[kernel.arch]
    needs = NEEDS.get(kernel.variant, Needs())
    parts = (arch.command_line, COMMAND_LINE, needs.command_line, command_line)
    return [
        *arch.qemu,
        *(*machine, "-m", str(needs.memory_mib)),
        *("-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-kernel", str(kernel.image), "-initrd", str(initramfs)),
        *("-append", " ".join(filter(None, parts))),
    ]


def parse_step(data: bytes) -> tuple[str, int | None, State | None, tuple[str, ...]]:
    """Returns a program's output, its status, the state after it and the log, as far as received.

    A record that is missing or incomplete is empty or None.
    """
    output, status, state, log = "", None, None, ()
    *records, rest = data.decode(errors="replace").split("\x01")
    if rest.startswith("output\n"):
        records.append(rest)  # output is shown as it comes
    for record in records:
        head, _, body = record.partition("\n")
        if head == "output":
            output = body
        elif match := re.fullmatch(r"exit (\d+)", head):
            status = int(match[1])
        elif match := re.fullmatch(r"state (\d+) (\d+) (\d+) (\d+|-)", head):
            warns, oopses, taint = map(int, match.groups()[:3])
            state = State(warns, oopses, taint, None if match[4] == "-" else int(match[4]))
            log = tuple(body.splitlines())
        elif head not in ("", "ready"):
            # A stray 001 has split a record: none of the others can be trusted.
            return output, None, None, ()
    return output, status, state, log
