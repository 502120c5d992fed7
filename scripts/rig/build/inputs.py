# SPDX-License-Identifier: GPL-2.0
"""What is built or judged once for the same inputs, whichever checkout they are in."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rig.build.kernel import version_of
from rig.common.lock import locked
from rig.common.paths import CACHE, CHECKOUT, files

# All results depend on the rig itself, and on how the build root is made.
RIG = "scripts"

# How many results of a kind are kept: those that were used last, and those that a run may still use.
KEPT = 4
IN_USE = 3600  # seconds


@dataclass(frozen=True)
class Inputs:
    """All that the results of a kind depend on."""

    kind: str
    outside: tuple[str, ...] = ()  # names of directories in the cache, which say what is in them
    paths: tuple[str, ...] = (".",)  # the files and directories of the checkout, beside RIG

    def digest(self, checkout: Path = CHECKOUT) -> str:
        """Returns a hash of all inputs, as they are now, and of the tools of the build root."""
        parts = [self.kind, *self.outside, version_of("*")]
        for path in sorted(files(checkout)):
            if any(path.is_relative_to(part) for part in (*self.paths, RIG)):
                content = (checkout / path).read_bytes()
                parts.append(f"{path} {hashlib.sha256(content).hexdigest()}")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def once(
    inputs: Inputs, lock: Path, build: Callable[[], Path], store: Path = CACHE / "built"
) -> Path:
    """Returns a directory that `build` has made of these inputs, maybe in an earlier run.

    `build` is called with `lock` held; it returns the directory, which is copied without objects.
    """
    digest = inputs.digest()
    kept = store / inputs.kind / digest
    if kept.exists():
        os.utime(kept)
        return kept
    with locked(lock):
        built = build()
        # If an input has changed meanwhile, it is not known which one was built.
        if inputs.digest() == digest:
            _keep(built, kept)
    return built


def _keep(built: Path, kept: Path) -> None:
    """Copies `built` to `kept`; removes the copies of its kind that are used no more."""
    part = kept.with_suffix(f".{os.getpid()}")
    shutil.copytree(built, part, symlinks=True, ignore=shutil.ignore_patterns("*.[ado]"))
    os.utime(part)  # so that it counts as used
    try:
        part.rename(kept)
    except OSError:  # another run was faster
        shutil.rmtree(part)
    used = {path: path.stat().st_mtime for path in kept.parent.iterdir()}
    for old in sorted(used, key=used.__getitem__)[:-KEPT]:
        if used[old] < time.time() - IN_USE:
            shutil.rmtree(old, ignore_errors=True)
