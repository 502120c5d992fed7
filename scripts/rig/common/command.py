# SPDX-License-Identifier: GPL-2.0
"""Running the commands that build and check: how they end, and that they end with the rig.

Each is the first of a process group of its own, which is ended with all that it has started if the
rig is told to end.  A rig that is killed outright can't do that: then the command goes on, with
the locks that were held when it was begun, so that the next run waits for it.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Command = list[str | Path]


def run(
    command: Command, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run `command`; its exit status, and what it has printed."""
    with started(command, cwd, environment) as process:
        said = process.communicate()[0]
    return process.returncode, said


@contextmanager
def started(
    command: Command, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run `command`, with `environment` on top of the rig's; it has ended at the end."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,  # the locks
        process_group=0,
    ) as process:
        try:
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
