# SPDX-License-Identifier: GPL-2.0
"""The tool, tools/mnck/: a static program for each architecture.

It is built once for identical sources.  Otherwise Cargo decides what is out of date.  Each checkout
has a directory of its own, since Cargo does not tell the sources of two checkouts apart, and all
builds of a checkout share it.
"""

import hashlib
import shutil
from functools import cache
from pathlib import Path

from rig.build.arch import ARCHES
from rig.build.inputs import Inputs, once
from rig.common.command import run
from rig.common.error import RigError
from rig.common.paths import CACHE, CHECKOUT
from rig.common.progress import Step

CRATE = CHECKOUT / "tools/mnck"
# What the tool is made of, and what its tests read.
SOURCES = ("tools/mnck", "src/device/mnck_uapi.h", "Documentation/mnck.schema.json")


def target_dir() -> Path:
    """Returns Cargo's directory for this checkout."""
    checkout = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    return CACHE / "build" / f"{CHECKOUT.name}-{checkout}" / "tool"


@cache
def tool(arch: str) -> Path:
    """Builds the tool for `arch`; returns its path."""
    triple = ARCHES[arch].rust

    def build() -> Path:
        cargo("build", "--release", f"--target={triple}")
        alone = target_dir() / f"{arch}-alone"
        alone.mkdir(exist_ok=True)
        shutil.copy2(target_dir() / triple / "release/mnck", alone)
        return alone

    with Step(f"tool for {arch}", about=40):
        return once(Inputs(f"{arch}-tool", paths=SOURCES), lock(), build) / "mnck"


def lock() -> Path:
    """Returns the lock of Cargo's directory: both architectures share what is compiled for both."""
    target_dir().mkdir(parents=True, exist_ok=True)
    return target_dir().with_suffix(".lock")


def cargo(command: str, *arguments: str) -> str:
    """Runs cargo, which must succeed, for the tool; returns what it prints."""
    options = ("--quiet", "--locked", f"--target-dir={target_dir()}")
    status, output = run(["cargo", command, *options, *arguments], CRATE)
    if status:
        texts = [line for line in output.splitlines() if not line.startswith("{")]
        raise RigError("\n".join(texts) or f"cargo {command}: exit status {status}")
    return output
