# SPDX-License-Identifier: GPL-2.0
"""The kernels under test: Debian's source with the project's configuration.

A kernel is cached under a hash of its inputs: the versions of the build root's packages, which
include the source and the tools, the configuration, and the patches of a patched variant.  A build
directory is complete when it has its stamp.  If a build is interrupted, the next run goes on with
it, as make allows.  A new kernel replaces those of its variant that were not used for KEPT_DAYS.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.build.arch import ARCHES
from rig.build.variant import DEFAULT, fragments, patches
from rig.common import command
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.paths import CACHE
from rig.common.progress import Step

ARCHIVE = Path("/usr/src/linux-source-7.3.tar.xz")
KEPT_DAYS = 14

# MiB of disk.
SOURCE_SIZE = 2048
KERNEL_SIZE = 1024

# Makes builds reproducible.
REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "KBUILD_BUILD_USER": "mnck",
    "KBUILD_BUILD_HOST": "mnck",
}


@dataclass(frozen=True)
class Kernel:
    """A kernel to boot and to build modules for."""

    arch: str
    variant: str
    srcdir: Path
    objdir: Path
    # For a kernel of Debian's, the directory with its image and modules.
    binaries: Path | None = None

    @property
    def label(self) -> str:
        """The kernel's name, as a part of file names."""
        return f"{self.arch}-{self.variant}"

    @property
    def image(self) -> Path:
        """The file that QEMU boots."""
        if self.binaries:
            return self.binaries / "vmlinuz"
        return self.objdir / ARCHES[self.arch].image

    @property
    def modules(self) -> dict[str, Path]:
        """The kernel's own modules that the guest loads at boot, by name."""
        return {path.stem: path for path in self.binaries.glob("*.ko")} if self.binaries else {}

    @property
    def peers(self) -> dict[str, Path]:
        """The modules of other drivers that some guests load at boot, by name."""
        paths = self.binaries.glob("peers/*.ko") if self.binaries else ()
        return {path.stem: path for path in paths}

    def has(self, option: str) -> bool:
        """Returns whether the kernel has CONFIG_`option`, built in or as a module."""
        lines = (self.objdir / ".config").read_text().splitlines()
        return f"CONFIG_{option}=y" in lines or f"CONFIG_{option}=m" in lines

    def make(self, *arguments: str) -> list[str]:
        """Returns a command that runs make in the build directory."""
        command = ["make", "-C", str(self.objdir), f"-j{os.cpu_count()}"]
        if not self.binaries:  # a kernel of Debian's says itself how it was compiled
            command += [f"ARCH={ARCHES[self.arch].kbuild}", "LLVM=1"]
        return [*command, *arguments]


def ensure_source(variant: str = DEFAULT) -> Path:
    """Returns the source tree of this variant; makes it if it is not in the cache."""
    source = _ensure_tree(f"linux-{_version()}", _unpack)
    if changes := patches(variant):
        name = f"{source.name}-{_digest([], changes)}"
        return _ensure_tree(name, lambda tree: _patch(source, changes, tree))
    return source


def ensure_built(arch: str, variant: str) -> Kernel:
    """Returns the kernel that is built for this variant; builds it if it is not in the cache."""
    name = f"{arch}-{variant}-{_digest(fragments(arch, variant), patches(variant))}"
    kernel = Kernel(arch, variant, ensure_source(variant), CACHE / "kernel" / name)
    whole = _stamp(kernel.objdir)
    if not whole.exists():
        with locked(CACHE / f"kernel-{arch}.lock"):
            if not whole.exists():
                _prune(kernel.objdir, f"{arch}-{variant}-*")
                _configure(kernel)
                _build(kernel)
    whole.touch()
    return kernel


def _stamp(objdir: Path) -> Path:
    """Returns the file that says that the build is complete, and by its time when it was used."""
    return objdir / "mnck.whole"


def _digest(configuration: list[Path], changes: list[Path]) -> str:
    """Returns a hash of the packages' versions, the options of a configuration, and patches.

    The comments in a fragment of configuration do not count.
    """
    digest = hashlib.sha256(_version().encode())
    for path in configuration:
        digest.update("".join(f"{line}\n" for _, line in _options(path)).encode())
    for path in changes:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


# The packages of the build root on which a kernel depends, as patterns: the source, the compilers,
# and pahole, whose version is in the configuration.
PACKAGES = (
    *("linux-source-*", "clang*", "libllvm*", "lld*", "llvm*"),
    *("rustc", "rust-src", "bindgen", "pahole"),
)


@functools.cache
def version_of(*packages: str) -> str:
    """Returns a hash of the versions of the build root's `packages`, which are patterns."""
    versions = subprocess.check_output(["dpkg-query", "--show", *packages])
    return hashlib.sha256(versions).hexdigest()[:12]


def _version() -> str:
    """Returns a hash of the versions of the packages on which a kernel depends."""
    return version_of(*PACKAGES)


def _prune(new: Path, pattern: str) -> None:
    """Removes the directories beside `new` that were not used for KEPT_DAYS."""
    limit = time.time() - KEPT_DAYS * 24 * 3600
    for old in new.parent.glob(pattern):
        used = _stamp(old) if _stamp(old).exists() else old
        if old != new and used.stat().st_mtime < limit:
            print(f"mnck: removing {old}, unused for {KEPT_DAYS} days", file=sys.stderr)
            shutil.rmtree(old)


def _need_space(mib: int, what: str) -> None:
    free = shutil.disk_usage(CACHE).free >> 20
    if free < mib:
        raise RigError(
            f"{CACHE} has {free} MiB free, but {what} needs {mib} MiB: free some space, or set"
            " XDG_CACHE_HOME to a directory on a larger disk"
        )


def _ensure_tree(name: str, fill: Callable[[Path], None]) -> Path:
    """Returns a source tree in the cache; if it is not there, `fill` writes it to a new path."""
    tree = CACHE / name
    if not tree.exists():
        with locked(CACHE / "kernel.lock"):
            if not tree.exists():
                _prune(tree, "linux-*")
                part = tree.with_suffix(".part")
                shutil.rmtree(part, ignore_errors=True)
                fill(part)
                part.rename(tree)
    tree.touch()
    return tree


def _unpack(tree: Path) -> None:
    _need_space(SOURCE_SIZE, "the kernel's source")
    tree.mkdir(parents=True)
    with Step("kernel source", about=15):
        command.output_of(
            ["tar", "-xf", ARCHIVE, "-C", tree, "--strip-components=1"], "unpacking the source"
        )


def _patch(source: Path, changes: list[Path], tree: Path) -> None:
    """Makes `tree` of links to the files of `source`; patch(1) replaces those that it changes."""
    with Step("kernel source, patched", about=5):
        command.output_of(["cp", "--archive", "--link", source, tree], "copying the source")
        for change in changes:
            options = ("--strip=1", "--fuzz=0", f"--directory={tree}")
            command.output_of(
                ["patch", *options, f"--input={change.absolute()}"], f"applying {change}"
            )


def _configure(kernel: Kernel) -> None:
    """Makes .config of the fragments alone, and checks that it has all options that they set."""
    kernel.objdir.mkdir(parents=True, exist_ok=True)
    paths = fragments(kernel.arch, kernel.variant)
    command.output_of(
        [
            kernel.srcdir / "scripts/kconfig/merge_config.sh",
            *("-n", "-O", kernel.objdir, *(path.absolute() for path in paths)),
        ],
        f"configuration of the {kernel.variant} kernel for {kernel.arch}",
        environment={"ARCH": ARCHES[kernel.arch].kbuild, "LLVM": "1"},
        cwd=kernel.srcdir,
    )
    config = dict(_options(kernel.objdir / ".config"))
    asked = {name: (line, path) for path in paths for name, line in _options(path)}
    for name, (line, path) in asked.items():
        # Kconfig drops an option whose dependencies are not met.
        if config.get(name, f"# {name} is not set") != line:
            raise RigError(
                f"{path} has {line}, but the .config of the {kernel.variant} kernel for"
                f" {kernel.arch} has {config.get(name, 'no such line')}: add the options that it"
                " depends on to the fragment"
            )


def _options(path: Path) -> Iterator[tuple[str, str]]:
    """Yields each option that a configuration sets, or says is not set, and its line."""
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"(CONFIG_\w+)=.*|# (CONFIG_\w+) is not set", line):
            yield match[1] or match[2], line


def _build(kernel: Kernel) -> None:
    arch = ARCHES[kernel.arch]
    _need_space(KERNEL_SIZE, "a kernel")
    make = kernel.make(Path(arch.image).name, "modules")
    what = f"{kernel.variant} kernel for {arch.name}"
    log = kernel.objdir / "mnck.log"
    last: deque[str] = deque(maxlen=40)
    with (
        Step(what, about=300, total=arch.kernel_lines) as step,
        log.open("w") as output,
        command.started(make, environment=REPRODUCIBLE) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            output.write(line)
            last.append(line)
            step.advance()
    if process.returncode:
        raise RigError(
            f"{what}: the build failed.  All its output is in {log}; the end:\n{''.join(last)}"
        )
