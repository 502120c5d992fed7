# SPDX-License-Identifier: GPL-2.0
"""What goes into a guest: the module, the tests, and the initramfs around them.

All is built under the cache, per checkout and architecture; make decides what has changed.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rig.arch import ARCHES
from rig.kernel import BuildError, Kernel
from rig.lock import locked
from rig.progress import Step

CHECKOUT = Path.cwd()
CACHE = Path(os.environ["MNCK_CACHE"])

INIT = CHECKOUT / "scripts/guest/init"
DIRECTORIES = ("bin", "dev", "lib", "proc", "sys", "tests", "tmp")


def build_dir(arch: str) -> Path:
    """Where what is built of this checkout for `arch` lies."""
    checkout = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    path = CACHE / "build" / f"{CHECKOUT.name}-{checkout}" / arch
    path.mkdir(parents=True, exist_ok=True)
    return path


def lock(kernel: Kernel) -> Path:
    """The lock on all that is built for `kernel`."""
    return build_dir(kernel.arch) / "lock"


def _make(command: list[str]) -> str:
    """Run `command`, a make, and return its warnings; a failure shows them."""
    done = subprocess.run(
        [*command, "--silent"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    lines = done.stdout.splitlines(keepends=True)
    said = "".join(line for line in lines if not re.match(r"  [A-Z]+ ", line))
    if done.returncode:
        raise BuildError(f"{said}failed: {' '.join(command)}")
    return said


def kbuild(kernel: Kernel, source: Path, output: Path, *args: str) -> str:
    """Build the external modules of `source` into `output`, and return make's warnings."""
    output.mkdir(parents=True, exist_ok=True)
    return _make(kernel.make(f"M={source}", f"MO={output}", *args, "modules"))


def module(kernel: Kernel) -> Path:
    """Build mnck.ko."""
    output = build_dir(kernel.arch) / "module"
    with Step(f"mnck.ko for {kernel.arch}", about=5), locked(lock(kernel)):
        print(kbuild(kernel, CHECKOUT, output), end="")
    found = list(output.rglob("mnck.ko"))
    if len(found) != 1:
        raise BuildError(f"the build of {CHECKOUT} has made {len(found)} mnck.ko: {found}")
    return found[0]


def mutant(kernel: Kernel, patch: Path) -> Path:
    """Build mnck.ko with `patch` applied."""
    output = build_dir(kernel.arch) / "mutant"
    source = output / "source"
    with locked(lock(kernel)):
        # All afresh: what an earlier patch had changed must be built again too.
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(CHECKOUT / "src", source / "src")
        shutil.copy(CHECKOUT / "Kbuild", source)
        command = ["patch", "--strip=1", "--fuzz=0", f"--directory={source}", f"--input={patch}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{patch} does not apply any more:\n{done.stdout}")
        kbuild(kernel, source, output / "module")
    return output / "module/src/mnck.ko"


def planted(kernel: Kernel) -> Path:
    """Build planted.ko, the mistakes by which the rig proves itself."""
    output = build_dir(kernel.arch) / "planted"
    with Step(f"planted.ko for {kernel.arch}", about=2), locked(lock(kernel)):
        print(kbuild(kernel, CHECKOUT / "selftests/planted", output), end="")
    return output / "planted.ko"


def selftests(kernel: Kernel) -> tuple[list[str], dict[str, Path]]:
    """Build the kselftests: the names of the test programs, and all that is to lie in /tests."""
    output = build_dir(kernel.arch) / "selftests"
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


def initramfs(arch: str, name: str, files: Mapping[str, Path]) -> Path:
    """Pack busybox, init and `files`, by their path in the guest, as `name`."""
    path = build_dir(arch) / f"{name}.cpio"
    entries = {"init": INIT, "bin/busybox": ARCHES[arch].busybox, **files}
    with open(f"{path}.{os.getpid()}", "wb") as file:
        for directory in DIRECTORIES:
            file.write(_newc(directory, 0o040755, b""))
        for entry, source in entries.items():
            file.write(_newc(entry, 0o100755, source.read_bytes()))
        file.write(_newc("TRAILER!!!", 0, b""))
    os.replace(file.name, path)
    return path


def _newc(name: str, mode: int, data: bytes) -> bytes:
    """One entry of an archive, see Documentation/driver-api/early-userspace/buffer-format.rst."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
