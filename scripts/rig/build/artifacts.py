# SPDX-License-Identifier: GPL-2.0
"""What goes into a guest: the module, the tests, and the initramfs with both.

All of it is built in the cache, by checkout, architecture and variant of the kernel.  make decides
what is out of date.  Each build runs once in a process, and not at all if another checkout with the
same sources was built.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from rig.build.arch import ARCHES
from rig.build.inputs import Inputs, once
from rig.build.kernel import Kernel
from rig.build.tool import tool
from rig.common import log
from rig.common.command import run
from rig.common.error import RigError
from rig.common.paths import CACHE, CHECKOUT
from rig.common.progress import Step

# The modules that `make bench` compares, and its programs.
BENCH = CHECKOUT / "selftests/bench"
INIT = CHECKOUT / "scripts/guest/init"
# Modules that tests insert beside mnck.
MODULES = (
    CHECKOUT / "samples",
    CHECKOUT / "selftests/drivers/callback_misuse",
    CHECKOUT / "selftests/drivers/notifier_mistakes",
)
DIRECTORIES = ("bin", "dev", "lib", "lib/peers", "proc", "sys", "tests", "tmp")


def build_dir(kernel: Kernel) -> Path:
    """Returns the directory for what is built from this checkout for `kernel`."""
    checkout = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    path = CACHE / "build" / f"{CHECKOUT.name}-{checkout}" / kernel.label
    path.mkdir(parents=True, exist_ok=True)
    return path


def lock(kernel: Kernel) -> Path:
    """Returns the lock of build_dir()."""
    return build_dir(kernel) / "lock"


def _make(make: list[str]) -> str:
    """Runs `make`; returns its warnings."""
    status, output = run([*make, "--silent"])
    lines = output.splitlines(keepends=True)
    warnings = "".join(line for line in lines if not re.match(r"  [A-Z]+ ", line))
    if status:
        raise RigError(f"{warnings}failed: {' '.join(make)}")
    return warnings


def kbuild(kernel: Kernel, source: Path, output: Path, *args: str) -> str:
    """Builds the external modules of `source` in `output`; returns make's warnings."""
    output.mkdir(parents=True, exist_ok=True)
    return _make(kernel.make(f"M={source}", f"MO={output}", *args, "modules"))


@cache
def external(kernel: Kernel, source: Path, name: str) -> dict[str, Path]:
    """Builds the external modules of `source`; returns each .ko by its module's name.

    `source` has a Kbuild or a Makefile, as for "make M=".  The build directory is called `name`.
    """
    output = build_dir(kernel) / name

    def build() -> Path:
        print(kbuild(kernel, source, output), end="")
        return output

    with Step(f"{name} for {kernel.arch}", about=5):
        built = once(_inputs_of(kernel, source, name), lock(kernel), build)
    # modules.order, unlike the directory, has no modules of earlier builds.
    objects = (built / "modules.order").read_text().split()
    paths = [(built / path).with_suffix(".ko") for path in objects]
    return {path.stem: path for path in paths}


def _inputs_of(kernel: Kernel, source: Path, name: str) -> Inputs:
    """Returns what the external modules of `source` depend on."""
    if source == CHECKOUT:
        paths = ["src", "Kbuild"]
    elif source.is_relative_to(CHECKOUT):
        paths = ["src", str(source.relative_to(CHECKOUT))]
    else:  # a copy from the kernel's source
        paths = []
    outside = (kernel.objdir.name, kernel.srcdir.name)
    return Inputs(f"{kernel.label}-{name}", outside, tuple(paths))


def module(kernel: Kernel) -> Path:
    """Builds mnck.ko; returns its path."""
    return external(kernel, CHECKOUT, "mnck")["mnck"]


@contextmanager
def mutant(kernel: Kernel, patch: Path, directory: Path) -> Iterator[Path]:
    """Builds mnck.ko in `directory` with `patch` applied to a copy of src/; yields its path.

    The patch is undone at the end, so that the next mutant rebuilds only what its patch changes.
    """
    source = directory / "source"
    if not source.exists():
        shutil.copytree(CHECKOUT / "src", source / "src")
        shutil.copy(CHECKOUT / "Kbuild", source)
    command = ["patch", "--strip=1", "--fuzz=0", f"--directory={source}", f"--input={patch}"]
    status, output = run(command)
    if status:
        shutil.rmtree(source)  # a part of it may have been applied
        raise RigError(f"{patch} does not apply to src/: regenerate it.\n{output}")
    try:
        kbuild(kernel, source, directory / "module")
        yield directory / "module/src/mnck.ko"
    finally:
        # patch(1) gives the files that it restores a new time, so make rebuilds them.
        run([*command, "--reverse"])


def rig_mistakes(kernel: Kernel) -> dict[str, Path]:
    """Builds the mistakes for the rig's own test; returns the files by their guest paths."""
    source = CHECKOUT / "selftests/drivers/rig_mistakes"
    modules = external(kernel, source, "rig_mistakes")
    return {"tests/rig_mistakes": source / "rig_mistakes.sh", **_in_lib(modules)}


def for_guest(kernel: Kernel, mnck: Path) -> tuple[list[str], dict[str, Path]]:
    """Builds the tests and the modules beside `mnck`, which is a path to mnck.ko.

    Returns the names of the test programs, and the files for the guest by their paths there.
    """
    programs, tests = selftests(kernel)
    modules = {"mnck": mnck}
    for source in MODULES:
        modules |= external(kernel, source, source.name)
    modules["test_hmm"] = _test_hmm(kernel)
    in_tests = {f"tests/{name}": path for name, path in tests.items()}
    return programs, _in_lib(modules | kernel.modules) | in_tests


def _test_hmm(kernel: Kernel) -> Path:
    """Builds the kernel's module for tests of HMM; returns its path.

    Debian does not build it, and functions of modules that are built in lib/ cannot be traced.
    """
    source = build_dir(kernel) / "test_hmm.source"
    source.mkdir(exist_ok=True)
    for name in ("test_hmm.c", "test_hmm_uapi.h"):
        shutil.copy2(kernel.srcdir / "lib" / name, source)
    (source / "Kbuild").write_text("obj-m := test_hmm.o\n")
    return external(kernel, source, "test_hmm")["test_hmm"]


def with_tool(kernel: Kernel) -> dict[str, Path]:
    """Builds the tool, and the programs that its tests run; returns all by their paths in a guest."""
    programs = selftests(kernel)[1]
    clients = {f"tests/{name}": programs[name] for name in ("tool_client", "tool_peer_client")}
    return {"bin/mnck": tool(kernel.arch)} | clients


def _in_lib(modules: Mapping[str, Path]) -> dict[str, Path]:
    return {f"lib/{name}.ko": path for name, path in modules.items()}


@cache
def selftests(kernel: Kernel) -> tuple[list[str], dict[str, Path]]:
    """Builds the kselftests; returns the names of the test programs, and the files of /tests."""
    output = build_dir(kernel) / "selftests"
    output.mkdir(exist_ok=True)
    make = [
        *("make", "-C", str(CHECKOUT / "selftests"), f"OUTPUT={output}", f"KSRC={kernel.srcdir}"),
        *(f"ARCH={kernel.arch}", "LLVM=1"),
    ]
    programs = "mnck.programs"

    def build() -> Path:
        print(_make(make), end="")
        listed = _make([*make, "COLLECTION=mnck", "emit_tests"])
        (output / programs).write_text(listed)
        return output

    # The tests depend on the kernel's source alone, so all kernels with this source share them.
    inputs = Inputs(
        f"{kernel.arch}-tests", (kernel.srcdir.name,), ("selftests", "src/device")
    )
    with Step(f"tests for {kernel.arch}", about=5):
        built = once(inputs, lock(kernel), build)
    listed = (built / programs).read_text().splitlines()
    return [line.removeprefix("mnck:") for line in listed], {
        path.name: path for path in built.iterdir() if path.is_file() and os.access(path, os.X_OK)
    }


@contextmanager
def initramfs(kernel: Kernel, name: str, files: Mapping[str, Path]) -> Iterator[Path]:
    """Packs busybox, init and `files`, by their paths in the guest; removes the image at the end.

    `name` is the guest's.
    """
    entries = {"init": INIT, "bin/busybox": ARCHES[kernel.arch].busybox, **files}
    path = log.directory() / f"{kernel.arch}.{name}.cpio"
    try:
        with path.open("wb") as file:
            for directory in DIRECTORIES:
                file.write(_newc(directory, 0o040755, b""))
            for entry, source in entries.items():
                file.write(_newc(entry, 0o100755, source.read_bytes()))
            file.write(_newc("TRAILER!!!", 0, b""))
        yield path
    finally:
        path.unlink()


def _newc(name: str, mode: int, data: bytes) -> bytes:
    """Returns one entry, see Documentation/driver-api/early-userspace/buffer-format.rst."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
