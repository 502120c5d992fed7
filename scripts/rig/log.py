# SPDX-License-Identifier: GPL-2.0
"""Where the consoles of a run's guests are kept, to be looked at after a failure."""

import os
import shutil
import time
from functools import cache
from pathlib import Path

from rig.build import CACHE

KEPT_RUNS = 10


@cache
def _directory() -> Path:
    """This run's own, made as the oldest ones go."""
    logs = CACHE / "log"
    path = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    path.mkdir(parents=True)
    for old in sorted(logs.iterdir())[:-KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def console(arch: str, name: str) -> Path:
    """The file for the console of guest `name`."""
    return _directory() / f"{arch}.{name}.console"
