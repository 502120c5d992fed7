# SPDX-License-Identifier: GPL-2.0
"""What differs between the architectures that the rig can boot."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arch:
    """One architecture, as this project, the kernel and QEMU know it."""

    name: str  # here, and in tools/testing/selftests/lib.mk
    kbuild: str  # ARCH= of the kernel's Makefile
    image: str  # what QEMU boots, in the kernel's build directory
    kernel_lines: int  # how many lines the build of the kernel prints
    qemu: tuple[str, ...]  # the program and its machine
    command_line: str  # of the guest's kernel: its serial port, and what its machine needs
    busybox: Path  # static, from the architecture's busybox-static


ARCHES = {
    arch.name: arch
    for arch in (
        Arch(
            name="x86_64",
            kbuild="x86",
            image="vmlinux",
            kernel_lines=1690,
            # qboot enters vmlinux through PVH: no boot loader, no unpacking.
            qemu=("qemu-system-x86_64", "-machine", "q35", "-bios", "qboot.rom", "-cpu", "max"),
            # On a host with too much to do the kernel may take the timer for broken.
            command_line="console=ttyS0 no_timer_check",
            busybox=Path("/usr/bin/busybox"),
        ),
        Arch(
            name="arm64",
            kbuild="arm64",
            image="arch/arm64/boot/Image",
            kernel_lines=1365,
            # The architected pointer authentication is very slow to emulate.
            qemu=(
                *("qemu-system-aarch64", "-machine", "virt,gic-version=3"),
                *("-cpu", "max,pauth-impdef=on"),
            ),
            command_line="console=ttyAMA0",
            busybox=Path("/opt/arm64/usr/bin/busybox"),
        ),
    )
}
