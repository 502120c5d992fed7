# SPDX-License-Identifier: GPL-2.0
"""The variants of the kernel under test: the debug kernel, and others that differ from it.

A variant is a fragment of configuration, scripts/config/<variant>.config, on top of those of the
debug kernel.  All that it has and a guest of it needs beyond that stands here.
"""

from dataclasses import dataclass
from pathlib import Path

from rig.build.arch import ARCHES

DEFAULT = "debug"
CONFIGS = Path("scripts/config")


@dataclass(frozen=True)
class Needs:
    """What a guest must have."""

    memory_mib: int = 512
    command_line: str = ""


NEEDS = {
    # An eighth of the memory is KASAN's, and what is freed is kept for a while.  Its first report
    # turns lockdep off, and is its last: nothing that comes after would be watched.
    "kasan": Needs(memory_mib=1024, command_line="kasan.fault=panic"),
}


# Those whose source is not the unmodified one, and where the patches to it are.
PATCHED = {
    "fixed": Path("patches"),
}


def variants() -> list[str]:
    """All that there are."""
    others = {path.stem for path in CONFIGS.glob("*.config")} - set(ARCHES)
    return [DEFAULT, *sorted(others)]


def fragments(arch: str, variant: str) -> list[Path]:
    """The configuration of a kernel; of two lines on one option the later holds."""
    paths = [Path(".config.fragment"), CONFIGS / f"{arch}.config"]
    return paths if variant == DEFAULT else [*paths, CONFIGS / f"{variant}.config"]


def patches(variant: str) -> list[Path]:
    """What is applied to the source of a kernel, in this order."""
    return sorted(PATCHED[variant].glob("*.patch")) if variant in PATCHED else []
