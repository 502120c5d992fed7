# SPDX-License-Identifier: GPL-2.0
"""Runs the commands that build and check, and ends them if the rig is ended.

Each command leads a process group of its own.  On SIGTERM or Ctrl-C the rig ends the whole group.
If the rig is killed, the command goes on, and it keeps the locks that were held when it was
started, so that the next run of the rig waits for it.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rig.common.error import RigError

Command = Sequence[str | Path]


def run(
    command: Command, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Runs `command`; returns its exit status and its output."""
    with started(command, cwd, environment) as process:
        output = process.communicate()[0]
    return process.returncode, output


def output_of(
    command: Command,
    purpose: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Runs `command`, which must succeed, and returns its output; an error gives its `purpose`."""
    status, output = run(command, cwd, environment)
    if status:
        purpose = purpose or " ".join(map(str, command))[:200]
        raise RigError(f"{purpose}: failed with exit status {status}:\n{output[-4000:]}")
    return output


@contextmanager
def started(
    command: Command, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Starts `command`, with `environment` on top of the rig's, and waits for it at the end."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,  # the locks are inherited
        process_group=0,
    ) as process:
        try:
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
