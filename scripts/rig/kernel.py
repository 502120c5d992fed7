# SPDX-License-Identifier: GPL-2.0
"""The kernels under test: Debian's source, unmodified, with our configuration.

A kernel is kept in the cache under what went into it: the versions of the build root's packages,
which are the source and the tools, and the configuration.  `make` itself goes on where it was cut
off, so a build directory is never thrown away; it counts as whole when it has its stamp.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.arch import ARCHES
from rig.lock import locked
from rig.progress import Step

ARCHIVE = Path("/usr/src/linux-source-7.3.tar.xz")

# The same build gives the same kernel.
REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "KBUILD_BUILD_USER": "mnck",
    "KBUILD_BUILD_HOST": "mnck",
}


class BuildError(Exception):
    """A build that failed, with what to show of it."""


@dataclass(frozen=True)
class Kernel:
    """A kernel that is ready to boot, and to build modules against."""

    arch: str
    srcdir: Path
    objdir: Path

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.objdir / ARCHES[self.arch].image

    def make(self, *arguments: str) -> list[str]:
        """A command that runs make for this kernel."""
        return [
            *("make", "-C", str(self.objdir), f"-j{os.cpu_count()}"),
            *(f"ARCH={ARCHES[self.arch].kbuild}", "LLVM=1", *arguments),
        ]


def ensure_kernel(arch: str) -> Kernel:
    """The kernel of this architecture, built if it is not there."""
    cache = Path(os.environ["MNCK_CACHE"])
    packages = _packages()
    fragments = [Path(".config.fragment"), Path(f"scripts/config/{arch}.config")]

    digest = hashlib.sha256(packages.encode())
    for fragment in fragments:
        digest.update(fragment.read_bytes())
    name = f"{arch}-debug-{digest.hexdigest()[:12]}"

    with locked(cache / "kernel.lock"):
        version = hashlib.sha256(packages.encode()).hexdigest()[:12]
        kernel = Kernel(arch, _source(cache / f"linux-{version}"), cache / "kernel" / name)
        stamp = kernel.objdir / "mnck.whole"
        if not stamp.exists():
            kernel.objdir.mkdir(parents=True, exist_ok=True)
            _configure(kernel, fragments)
            _build(kernel)
            stamp.touch()
    return kernel


def _packages() -> str:
    """All packages of the build root, with their versions: the source and every tool."""
    return subprocess.check_output(["dpkg-query", "--show"], text=True)


def _source(directory: Path) -> Path:
    """The source tree, unpacked if it is not there."""
    if not directory.exists():
        part = directory.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with Step("kernel source", about=15):
            command = ["tar", "-xf", ARCHIVE, "-C", part, "--strip-components=1"]
            subprocess.run(command, check=True)
        part.rename(directory)
    return directory


def _configure(kernel: Kernel, fragments: list[Path]) -> None:
    """Make .config of nothing but the fragments, and see that it has all that they ask for."""
    _run(
        [
            kernel.srcdir / "scripts/kconfig/merge_config.sh",
            *("-n", "-O", kernel.objdir, *(fragment.absolute() for fragment in fragments)),
        ],
        f"configuration of the {kernel.arch} kernel",
        env={"ARCH": ARCHES[kernel.arch].kbuild, "LLVM": "1"},
        cwd=kernel.srcdir,
    )
    config = set((kernel.objdir / ".config").read_text().splitlines())
    for fragment in fragments:
        for option in fragment.read_text().splitlines():
            name = option.removeprefix("# ").split("=")[0].split(" ")[0]
            if not name.startswith("CONFIG_"):
                continue
            absent = not any(line.startswith(f"{name}=") for line in config)
            if option not in config and not (option.endswith("is not set") and absent):
                raise BuildError(
                    f"{fragment} asks for {option}, but the {kernel.arch} kernel's .config"
                    " has it not: what does the option depend on?"
                )


def _build(kernel: Kernel) -> None:
    arch = ARCHES[kernel.arch]
    target = Path(arch.image).name
    command = kernel.make(target, "modules")
    what = f"debug kernel for {arch.name}"
    with Step(what, about=300, total=arch.kernel_lines) as step:
        for _ in _run_lines(command, what, kernel.objdir / "mnck.log"):
            step.advance()


def _run(command: list, what: str, **kwargs) -> None:
    environment = os.environ | kwargs.pop("env", {})
    result = subprocess.run(
        command,
        **kwargs,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode:
        raise BuildError(f"{what} failed:\n{result.stdout[-4000:]}")


def _run_lines(command: list, what: str, log: Path) -> Iterator[str]:
    """Run a command and yield its lines as they come; they go to a log too."""
    lines = []
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            env=os.environ | REPRODUCIBLE,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            output.write(line)
            lines = [*lines[-39:], line]
            yield line
    if process.returncode:
        raise BuildError(f"{what} failed; all is in {log}, and it ends with:\n{''.join(lines)}")
