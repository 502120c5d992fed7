# SPDX-License-Identifier: GPL-2.0
"""The directory of this run: what its guests boot, and their consoles, which are kept."""

import os
import shutil
import time
from functools import cache
from pathlib import Path

from rig.common.paths import CACHE

KEPT_RUNS = 10


@cache
def directory() -> Path:
    """Returns the directory of this run; the first call makes it and removes the oldest others."""
    logs = CACHE / "log"
    path = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    path.mkdir(parents=True)
    for old in sorted(logs.iterdir())[:-KEPT_RUNS]:
        if not _is_running(old):
            shutil.rmtree(old, ignore_errors=True)
    return path


def _is_running(run: Path) -> bool:
    return Path("/proc", run.name.rpartition("-")[2]).exists()


def console(kernel: str, guest: str) -> Path:
    """Returns a new path for the console of `guest`, which runs `kernel`."""
    stem = f"{kernel}.{guest}"
    path = directory() / f"{stem}.console"
    number = 1
    while path.exists():
        number += 1
        path = directory() / f"{stem}-{number}.console"
    return path
