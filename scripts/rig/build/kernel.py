# SPDX-License-Identifier: GPL-2.0
"""The kernels under test: Debian's source, unmodified but for one variant, with our configuration.

A kernel is kept in the cache under what went into it: the versions of the build root's packages,
which are the source and the tools, the configuration, and patches if there are any.  `make` itself
goes on where it was cut off, so a build directory is never thrown away for having been interrupted;
it counts as whole when it has its stamp.  Those that nobody has used for a while go when another
takes their place.
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
from collections.abc import Callable, Iterable, Iterator
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

# The same build gives the same kernel.
REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "KBUILD_BUILD_USER": "mnck",
    "KBUILD_BUILD_HOST": "mnck",
}


@dataclass(frozen=True)
class Kernel:
    """A kernel that is ready to boot, and to build modules against."""

    arch: str
    variant: str
    srcdir: Path
    objdir: Path

    @property
    def label(self) -> str:
        """Its name in those of files."""
        return f"{self.arch}-{self.variant}"

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.objdir / ARCHES[self.arch].image

    def has(self, option: str) -> bool:
        """Whether it was built with CONFIG_`option`."""
        return f"CONFIG_{option}=y" in (self.objdir / ".config").read_text().splitlines()

    def make(self, *arguments: str) -> list[str]:
        """A command that runs make for this kernel."""
        return [
            *("make", "-C", str(self.objdir), f"-j{os.cpu_count()}"),
            *(f"ARCH={ARCHES[self.arch].kbuild}", "LLVM=1", *arguments),
        ]


def ensure_source(variant: str = DEFAULT) -> Path:
    """The source tree of this variant, made if it is not there."""
    source = _ensure_tree(f"linux-{_version()}", _unpack)
    if changes := patches(variant):
        name = f"{source.name}-{_digest(changes)}"
        return _ensure_tree(name, lambda tree: _patch(source, changes, tree))
    return source


def ensure_kernel(arch: str, variant: str = DEFAULT) -> Kernel:
    """The kernel of this architecture and variant, built if it is not there."""
    name = f"{arch}-{variant}-{_digest((*fragments(arch, variant), *patches(variant)))}"
    kernel = Kernel(arch, variant, ensure_source(variant), CACHE / "kernel" / name)
    whole = _stamp(kernel.objdir)
    if not whole.exists():
        with _lock():
            if not whole.exists():
                _prune(kernel.objdir, f"{arch}-{variant}-*")
                _configure(kernel)
                _build(kernel)
    whole.touch()
    return kernel


def _lock():
    """One at a time: two builds would take each other's memory and time."""
    return locked(CACHE / "kernel.lock")


def _stamp(objdir: Path) -> Path:
    """What makes a build directory a kernel, and says when it was last used."""
    return objdir / "mnck.whole"


def _digest(files: Iterable[Path]) -> str:
    """Of the versions, and of what is in `files`."""
    digest = hashlib.sha256(_version().encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@functools.cache
def _version() -> str:
    """Of all packages of the build root: of the source and of every tool."""
    packages = subprocess.check_output(["dpkg-query", "--show"])
    return hashlib.sha256(packages).hexdigest()[:12]


def _prune(new: Path, pattern: str) -> None:
    """Remove those beside `new` that nobody has used of late."""
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
            f"{CACHE} has {free} MiB free, {what} needs {mib}; free some, or set XDG_CACHE_HOME"
        )


def _ensure_tree(name: str, fill: Callable[[Path], None]) -> Path:
    """A source tree in the cache; if it is not there, it is what `fill` makes of a new path."""
    tree = CACHE / name
    if not tree.exists():
        with _lock():
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
        _run(["tar", "-xf", ARCHIVE, "-C", tree, "--strip-components=1"], "unpacking the source")


def _patch(source: Path, changes: list[Path], tree: Path) -> None:
    """Make `tree` of links to the files of `source`, in place of which patch(1) puts new ones."""
    with Step("kernel source, patched", about=5):
        _run(["cp", "--archive", "--link", source, tree], "copying the source")
        for change in changes:
            options = ("--strip=1", "--fuzz=0", f"--directory={tree}")
            _run(["patch", *options, f"--input={change.absolute()}"], f"applying {change}")


def _configure(kernel: Kernel) -> None:
    """Make .config of nothing but the fragments, and see that it has all that they ask for."""
    kernel.objdir.mkdir(parents=True, exist_ok=True)
    paths = fragments(kernel.arch, kernel.variant)
    _run(
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
        # An option whose dependencies are not met is not set.
        if config.get(name, f"# {name} is not set") != line:
            raise RigError(
                f"{path} asks for {line}, but the .config of the {kernel.variant} kernel for"
                f" {kernel.arch} has {config.get(name, 'it not')}: what does the option depend on?"
            )


def _options(path: Path) -> Iterator[tuple[str, str]]:
    """The name of each option that a configuration sets, or says is not set, and that line."""
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
        raise RigError(f"{what} failed; all is in {log}, and it ends with:\n{''.join(last)}")


def _run(what_to_run: command.Command, what: str, **options) -> None:
    status, said = command.run(what_to_run, **options)
    if status:
        raise RigError(f"{what} failed:\n{said[-4000:]}")
