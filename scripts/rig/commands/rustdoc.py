# SPDX-License-Identifier: GPL-2.0
"""``make rustdoc``: the documentation of the abstraction, in the checkout."""

from rig.build.kernels import ensure_kernel
from rig.build.rustdoc import document
from rig.common.paths import CHECKOUT

OUTPUT = CHECKOUT / "build/rustdoc"


def rustdoc(arch: str, variant: str) -> int:
    """Writes the documentation into the checkout; returns the exit status."""
    if wrong := document(ensure_kernel(arch, variant), OUTPUT):
        print("\n".join(wrong))
        return 1
    print(OUTPUT / "mnck/index.html")
    return 0
