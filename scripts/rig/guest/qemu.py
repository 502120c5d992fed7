# SPDX-License-Identifier: GPL-2.0
"""A guest: QEMU, the port that its init listens on, and what became of each program.

Nothing is taken for granted: a program has an outcome with ``ended`` unset only after the guest has
reported all of it and said that it is ready for the next.  Whether that is a success is not decided
here.
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

# Two CPUs, one of which runs at a time, for a while or until it waits: who spins for a lock lets
# the other go on.  With several such guests on a few CPUs that makes twice the speed.
MACHINE = ("-accel", "tcg,thread=single", "-smp", "2")

# Two that run at the same time, if the host lets them.
PARALLEL = ("-accel", "tcg,thread=multi", "-smp", "2")

# For what one CPU is enough: it is up sooner.
SMALL = ("-accel", "tcg", "-smp", "1")

# A machine of one CPU, whose clock is the number of instructions that it has executed: each is a
# nanosecond, and sleep takes none.
COUNTING = ("-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off")

# Seconds without a byte from the guest after which it counts as hung.  This is the last resort: the
# harness ends a test after 30 s, unless told otherwise, and the kernel itself when it is stuck.
DEADLINE = 120.0

# The console gets warnings and worse; the whole log comes through the port.  Objects are checked,
# but who has allocated and freed each is not kept: those traces take a fifth of the time.
COMMAND_LINE = "loglevel=5 panic=-1 slab_debug=FZP"

# On the command line of a guest that asks for nothing else.  kmemleak notes each allocation, which
# costs all tests a good part of their time and is of use to one program.
USUAL = "kmemleak=off"

# scripts/guest/init says what these are.
MARK = b"\x01"
READY = MARK + b"ready\n"


class Guest:
    """A running guest; a context manager, at whose end there is none."""

    def __init__(
        self,
        kernel: Kernel,
        initramfs: Path,
        console: Path,
        machine: tuple[str, ...] = MACHINE,
        command_line: str = USUAL,
    ):
        self.console = console
        self.ended: str | None = None
        self._state = State(lockdep=1 if kernel.has("PROVE_LOCKING") else None)
        self._port, port = socket.socketpair()
        console.touch()
        with port:
            # However the rig ends, QEMU does not outlive it.
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
        """Wait until init is ready: to be called once, first.  The outcome's log is the boot's."""
        outcome = self._step("boot", DEADLINE, None)
        return outcome if outcome.ended else replace(outcome, status=0)

    def run(
        self,
        command: str,
        deadline: float = DEADLINE,
        on_output: Callable[[str], None] | None = None,
    ) -> Outcome:
        """Run `command`, words separated by blanks, and wait for its end.

        After the guest has ended, all that this says is that `command` was not run.
        """
        if self.ended:
            return Outcome(self._state, ended=f"not run: {self.ended}")
        try:
            self._port.sendall(command.encode() + b"\n")
        except OSError:
            pass  # the guest is gone, as reading will tell
        return self._step(command, deadline, on_output)

    def give_up(self, reason: str) -> None:
        """End the guest now: whatever else is asked of it is not run, for `reason`."""
        self._stop()
        self.ended = reason

    def _step(self, name: str, deadline: float, on_output: Callable[[str], None] | None) -> Outcome:
        start = time.monotonic()
        ended = None
        data = b""
        shown = 0
        while not data.endswith(READY):
            if not select.select([self._port], [], [], deadline)[0]:
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

    def _stop(self) -> None:
        """End QEMU.  It holds nothing that a sudden end could spoil."""
        self._port.close()
        self._qemu.kill()
        self._qemu.wait()


def qemu_command(
    kernel: Kernel, initramfs: Path, command_line: str, machine: tuple[str, ...] = MACHINE
) -> list[str]:
    """QEMU's arguments but for the console and other ways out.

    With -no-reboot a guest that reboots, and so one that panics, ends.
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
    """A program's output, status, the state after it and the log, from what the guest has sent.

    What has not come yet, or not wholly, is empty or None.
    """
    output, status, state, log = "", None, None, ()
    *records, rest = data.decode(errors="replace").split("\x01")
    if rest.startswith("output\n"):
        records.append(rest)  # shown as it comes
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
            # A stray 001 has cut something off: nothing of this is to be believed.
            return output, None, None, ()
    return output, status, state, log
