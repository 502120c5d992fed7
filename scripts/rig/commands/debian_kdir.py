# SPDX-License-Identifier: GPL-2.0
"""``make debian-kdir``: a KDIR= for one of Debian's own kernels."""

from rig.build.debian import ensure_kdir


def debian_kdir(release: str) -> int:
    """Makes the build directory for modules of the kernel `release`; returns the exit status."""
    directory = ensure_kdir(release)
    print(f"To build mnck for {release}:\n\n    scripts/build_root.sh make KDIR={directory}")
    return 0
