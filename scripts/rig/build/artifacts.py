# SPDX-License-Identifier: GPL-2.0
"""What goes into a guest: the module, the tests, and the initramfs around them.

All is built under the cache, per checkout, architecture and variant of the kernel; make decides
what has changed, once in a process.
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
from rig.build.kernel import Kernel
from rig.common import log
from rig.common.command import run
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.paths import CACHE, CHECKOUT
from rig.common.progress import Step

# The modules that `make bench` compares, and its programs.
BENCH = CHECKOUT / "selftests/bench"
INIT = CHECKOUT / "scripts/guest/init"
# Modules beside mnck that tests insert, each on the abstraction as a driver is.
MODULES = (CHECKOUT / "samples", CHECKOUT / "selftests/drivers/callback_misuse")
DIRECTORIES = ("bin", "dev", "lib", "proc", "sys", "tests", "tmp")


def build_dir(kernel: Kernel) -> Path:
    """Where what is built of this checkout for `kernel` lies."""
    checkout = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    path = CACHE / "build" / f"{CHECKOUT.name}-{checkout}" / kernel.label
    path.mkdir(parents=True, exist_ok=True)
    return path


def lock(kernel: Kernel) -> Path:
    """The lock on all that is built for `kernel`."""
    return build_dir(kernel) / "lock"


def _make(make: list[str]) -> str:
    """Run `make` and return its warnings; a failure shows them."""
    status, output = run([*make, "--silent"])
    lines = output.splitlines(keepends=True)
    said = "".join(line for line in lines if not re.match(r"  [A-Z]+ ", line))
    if status:
        raise RigError(f"{said}failed: {' '.join(make)}")
    return said


def kbuild(kernel: Kernel, source: Path, output: Path, *args: str) -> str:
    """Build the external modules of `source` into `output`, and return make's warnings."""
    output.mkdir(parents=True, exist_ok=True)
    return _make(kernel.make(f"M={source}", f"MO={output}", *args, "modules"))


@cache
def external(kernel: Kernel, source: Path, name: str) -> dict[str, Path]:
    """Build the external modules of `source`, to be kept as `name`: each .ko by its module's name.

    `source` has a Kbuild or a Makefile, as for "make M=".
    """
    output = build_dir(kernel) / name
    with Step(f"{name} for {kernel.arch}", about=5), locked(lock(kernel)):
        print(kbuild(kernel, source, output), end="")
        # What there is of an earlier build is not asked for any more.
        objects = (output / "modules.order").read_text().split()
    paths = [(output / path).with_suffix(".ko") for path in objects]
    return {path.stem: path for path in paths}


def module(kernel: Kernel) -> Path:
    """Build mnck.ko."""
    return external(kernel, CHECKOUT, "mnck")["mnck"]


@contextmanager
def mutant(kernel: Kernel, patch: Path, directory: Path) -> Iterator[Path]:
    """Build mnck.ko with `patch` applied, while this lasts, all of it in `directory`.

    What another mutant has left there is built no second time.
    """
    source = directory / "source"
    if not source.exists():
        shutil.copytree(CHECKOUT / "src", source / "src")
        shutil.copy(CHECKOUT / "Kbuild", source)
    command = ["patch", "--strip=1", "--fuzz=0", f"--directory={source}", f"--input={patch}"]
    status, said = run(command)
    if status:
        shutil.rmtree(source)  # some of it may have been applied
        raise RigError(f"{patch} does not apply any more:\n{said}")
    try:
        kbuild(kernel, source, directory / "module")
        yield directory / "module/src/mnck.ko"
    finally:
        # What it has changed is newer than what was built of it, so that make does not take one
        # mutant for another.
        run([*command, "--reverse"])


def rig_mistakes(kernel: Kernel) -> dict[str, Path]:
    """Build the mistakes by which the rig proves itself: what is to lie in the guest."""
    source = CHECKOUT / "selftests/drivers/rig_mistakes"
    modules = external(kernel, source, "rig_mistakes")
    return {"tests/rig_mistakes": source / "rig_mistakes.sh", **_in_lib(modules)}


def for_guest(kernel: Kernel, mnck: Path) -> tuple[list[str], dict[str, Path]]:
    """Build the tests and the modules beside mnck: the names of the test programs, and what is to
    lie in the guest, by its path there, with `mnck` as the module.
    """
    programs, tests = selftests(kernel)
    modules = {"mnck": mnck}
    for source in MODULES:
        modules |= external(kernel, source, source.name)
    modules["test_hmm"] = kernel.objdir / "lib/test_hmm.ko"
    return programs, _in_lib(modules) | {f"tests/{name}": path for name, path in tests.items()}


def _in_lib(modules: Mapping[str, Path]) -> dict[str, Path]:
    return {f"lib/{name}.ko": path for name, path in modules.items()}


@cache
def selftests(kernel: Kernel) -> tuple[list[str], dict[str, Path]]:
    """Build the kselftests: the names of the test programs, and all that is to lie in /tests."""
    output = build_dir(kernel) / "selftests"
    output.mkdir(exist_ok=True)
    make = [
        *("make", "-C", str(CHECKOUT / "selftests"), f"OUTPUT={output}", f"KSRC={kernel.srcdir}"),
        *(f"ARCH={kernel.arch}", "LLVM=1"),
    ]
    with Step(f"tests for {kernel.arch}", about=5), locked(lock(kernel)):
        print(_make(make), end="")
        listed = _make([*make, "COLLECTION=mnck", "emit_tests"])
    programs = [line.removeprefix("mnck:") for line in listed.splitlines()]
    return programs, {
        path.name: path for path in output.iterdir() if path.is_file() and os.access(path, os.X_OK)
    }


@contextmanager
def initramfs(kernel: Kernel, name: str, files: Mapping[str, Path]) -> Iterator[Path]:
    """Pack busybox, init and `files`, by their path in the guest: this run's own, while it lasts.

    `name`: of the guest.
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
    """One entry of an archive, see Documentation/driver-api/early-userspace/buffer-format.rst."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
