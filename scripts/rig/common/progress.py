# SPDX-License-Identifier: GPL-2.0
"""Shows the user how far a long step is."""

import sys
import threading
import time


class Step:
    """A long step, for use in a with statement.

    On a terminal it prints one line that counts the seconds; elsewhere, a line when the step
    begins, one each minute, and one when it ends.  A step of less than a second prints nothing.
    """

    def __init__(self, what: str, about: float, total: int = 0) -> None:
        """`about` is how many seconds it once took; `total`, how many advances it takes, or 0."""
        self.what = what
        self.about = about
        self.total = total
        self.done = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def advance(self) -> None:
        """Counts one of `total` as done."""
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
        # `total` may be too small: never show 100 %.
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
