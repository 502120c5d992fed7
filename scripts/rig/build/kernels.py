# SPDX-License-Identifier: GPL-2.0
"""The kernel of any variant, whether the rig builds it or Debian has."""

from collections.abc import Iterator

from rig.build.debian import ensure_debian
from rig.build.kernel import Kernel, ensure_built
from rig.build.variant import DEBIAN, DEFAULT, arches_of
from rig.common.error import RigError
from rig.common.parallel import side_by_side


def ensure_kernel(arch: str, variant: str = DEFAULT) -> Kernel:
    """Returns the kernel of this architecture and variant; makes it if it is not in the cache."""
    if arch not in arches_of(variant):
        others = arches_of(variant)
        raise RigError(f"Debian has no {variant} kernel for {arch}: give ARCH={others[0]}")
    return ensure_debian(arch, variant) if variant in DEBIAN else ensure_built(arch, variant)


def ensure_kernels(arches: list[str], variant: str = DEFAULT) -> list[Kernel]:
    """Returns the kernels of this variant; makes those that are not in the cache, side by side.

    Parts of a build keep one CPU busy only: the Rust crates, and what comes after vmlinux.
    """
    made = {kernel.arch: kernel for kernel in side_by_side([_made(a, variant) for a in arches])}
    return [made[arch] for arch in arches]


def _made(arch: str, variant: str) -> Iterator[Kernel]:
    yield ensure_kernel(arch, variant)
