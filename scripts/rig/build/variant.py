# SPDX-License-Identifier: GPL-2.0
"""The variants of the kernel under test: the debug kernel, and those that differ from it.

A variant is a fragment of configuration, scripts/config/<variant>.config, on top of the fragments
of the debug kernel; or it is one of Debian's own kernels.  What else a variant needs is in this
file.
"""

from dataclasses import dataclass
from pathlib import Path

from rig.build.arch import ARCHES

DEFAULT = "debug"
STOCK = "stock"
CONFIGS = Path("scripts/config")


@dataclass(frozen=True)
class Needs:
    """What a guest with a kernel of some variant needs."""

    memory_mib: int = 512
    command_line: str = ""


NEEDS = {
    # A kernel of Debian's goes on after an oops, and has a short log.
    **dict.fromkeys((STOCK, "rt"), Needs(1024, "oops=panic log_buf_len=1M")),
    # KASAN takes an eighth of the memory, and keeps freed memory in quarantine.  Its first report
    # turns lockdep off and is its only one, so the guest must not go on after it.
    "kasan": Needs(memory_mib=1024, command_line="kasan.fault=panic"),
}


# The variants whose source is patched, and the directories with the patches.
PATCHED = {
    "fixed": Path("patches"),
}


# The variants that are Debian's own kernels, as they are in the archive: the end of their release.
DEBIAN = {
    STOCK: {"x86_64": "amd64", "arm64": "arm64"},
    "rt": {"x86_64": "rt-amd64"},
}


def variants() -> list[str]:
    """Returns the names of all variants."""
    others = {path.stem for path in CONFIGS.glob("*.config")} - set(ARCHES)
    return [DEFAULT, *sorted(others), *DEBIAN]


def arches_of(variant: str) -> list[str]:
    """Returns the architectures that have a kernel of this variant."""
    return list(DEBIAN.get(variant, ARCHES))


def fragments(arch: str, variant: str) -> list[Path]:
    """Returns the fragments of a configuration; of two lines for one option the later one wins."""
    paths = [Path(".config.fragment"), CONFIGS / f"{arch}.config"]
    return paths if variant == DEFAULT else [*paths, CONFIGS / f"{variant}.config"]


def patches(variant: str) -> list[Path]:
    """Returns the patches to a variant's source, in the order in which they are applied."""
    return sorted(PATCHED[variant].glob("*.patch")) if variant in PATCHED else []
