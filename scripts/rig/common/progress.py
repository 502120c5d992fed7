# SPDX-License-Identifier: GPL-2.0
"""Telling a person how far a long step is."""

import sys
import threading
import time


class Step:
    """A long step, for use in a with statement.

    On a terminal, one line that counts the seconds; elsewhere, a line when it begins, one a minute,
    and one when it ends.  A step of under a second leaves no line.
    """

    def __init__(self, what: str, about: float, total: int = 0) -> None:
        """`about`: seconds that it took where it was measured; `total`: advances, 0 if unknown."""
        self.what = what
        self.about = about
        self.total = total
        self.done = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def advance(self) -> None:
        """One of `total` is done."""
        self.done += 1

    def __enter__(self) -> "Step":
        self.start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if sys.stderr.isatty():
            self._write("\r\033[K")
        seconds = time.monotonic() - self.start
        if kind:
            self._write(f"mnck: {self.what}: failed after {seconds:.0f} s\n")
        elif seconds >= 1:
            self._write(f"mnck: {self.what}: {seconds:.0f} s\n")

    def _run(self) -> None:
        tty = sys.stderr.isatty()
        if self._stop.wait(1):
            return
        if not tty:
            self._write(f"mnck: {self.what} (about {_time(self.about)})\n")
        while not self._stop.wait(1 if tty else 60):
            self._write(f"\r\033[Kmnck: {self._state()}" if tty else f"mnck: {self._state()}\n")

    def _state(self) -> str:
        seconds = time.monotonic() - self.start
        # The last per cent are never quite as long as the others.
        share = min(self.done / self.total, 0.99) if self.total else 0
        if share > 0.05:
            left = seconds / share - seconds
            return f"{self.what}: {share:.0%}, {_time(seconds)}, about {_time(left)} left"
        return f"{self.what}: {_time(seconds)} of about {_time(self.about)}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
