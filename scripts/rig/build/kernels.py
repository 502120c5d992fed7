# SPDX-License-Identifier: GPL-2.0
"""The kernel of any variant, whether the rig builds it or Debian has."""

from rig.build.debian import ensure_debian
from rig.build.kernel import Kernel, ensure_built
from rig.build.variant import DEBIAN, DEFAULT, arches_of
from rig.common.error import RigError


def ensure_kernel(arch: str, variant: str = DEFAULT) -> Kernel:
    """Returns the kernel of this architecture and variant; makes it if it is not in the cache."""
    if arch not in arches_of(variant):
        others = arches_of(variant)
        raise RigError(f"Debian has no {variant} kernel for {arch}: give ARCH={others[0]}")
    return ensure_debian(arch, variant) if variant in DEBIAN else ensure_built(arch, variant)
