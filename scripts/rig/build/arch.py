# SPDX-License-Identifier: GPL-2.0
"""The architectures that the rig can boot, and how they differ."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arch:
    """One architecture."""

    name: str  # as in tools/testing/selftests/lib.mk
    kbuild: str  # ARCH= of the kernel's Makefile
    rust: str  # the target for programs
    image: str  # the file that QEMU boots, in the kernel's build directory
    kernel_lines: int  # how many lines a build of the kernel prints, for the progress
    qemu: tuple[str, ...]  # the program, and the options that select its machine
    command_line: str  # the kernel's: its serial console, and what the machine needs
    busybox: Path  # static, in the build root
    nested: tuple[str, ...] = ()  # the options without which the machine cannot run KVM


ARCHES = {
    arch.name: arch
    for arch in (
        Arch(
            name="x86_64",
            kbuild="x86",
            rust="x86_64-unknown-linux-gnu",
            image="vmlinux",
            kernel_lines=1701,
            # qboot enters vmlinux through PVH, without a boot loader and without decompression.
            qemu=("qemu-system-x86_64", "-machine", "q35", "-bios", "qboot.rom", "-cpu", "max"),
            # On a busy host the kernel may take the timer for broken.
            command_line="console=ttyS0 no_timer_check",
            busybox=Path("/usr/bin/busybox"),
        ),
        Arch(
            name="arm64",
            kbuild="arm64",
            rust="aarch64-unknown-linux-gnu",
            image="arch/arm64/boot/Image",
            kernel_lines=1375,
            # The architected algorithm of pointer authentication is very slow to emulate.
            qemu=(
                *("qemu-system-aarch64", "-machine", "virt,gic-version=3"),
                *("-cpu", "max,pauth-impdef=on"),
            ),
            command_line="console=ttyAMA0",
            busybox=Path("/opt/arm64/usr/bin/busybox"),
            nested=("-machine", "virtualization=on"),
        ),
    )
}
