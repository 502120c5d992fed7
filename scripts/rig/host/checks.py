# SPDX-License-Identifier: GPL-2.0
"""The checks that need no guest: form, warnings, licences, and the rig's own unit tests.

Two of them need a kernel, clippy and rustdoc; to the others its source is enough.
"""

import fnmatch
import hashlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from rig.build import artifacts, rustdoc
from rig.build.kernel import Kernel
from rig.common import log
from rig.common.command import run
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.paths import CACHE, CHECKOUT
from rig.judge.verdict import FAIL, OK, Verdict

Complaints = list[str]


def forms(srcdir: Path) -> Iterator[tuple[str, Callable[[], Complaints]]]:
    """Each check of form: its name, and what to call for the complaints."""
    files = sorted(_files())
    yield "host.spdx", lambda: _spdx(files)
    yield "host.rustfmt", lambda: _rustfmt(_of(files, ".rs"), srcdir)
    yield "host.checkpatch", lambda: _checkpatch(_of(files, ".c", ".h"), srcdir)
    yield "host.shellcheck", lambda: _shellcheck(files)
    yield "host.python", lambda: _python(_of(files, ".py"))
    yield "host.unit", _unit
    yield "host.model", lambda: _model(srcdir)
    patches = _of(files, ".patch")
    mutants = [path for path in patches if path.parent.name == "mutants"]
    yield "host.mutants", lambda: _apply(mutants)
    yield "host.patches", lambda: _patches([p for p in patches if p not in mutants], srcdir)


def clippy(kernel: Kernel) -> Complaints:
    """Build mnck.ko apart, and the modules that `make bench` compares, with clippy and W=1.

    Warnings are errors, as make would show them once only.
    """
    said = ""
    for source in (CHECKOUT, artifacts.BENCH):
        output = artifacts.build_dir(kernel) / f"clippy-{source.name}"
        try:
            with locked(artifacts.lock(kernel)):
                said += artifacts.kbuild(kernel, source, output, "CLIPPY=1", "W=1e")
        except RigError as error:
            said += str(error)
    return said.splitlines()


def documentation(kernel: Kernel) -> Complaints:
    """Make the documentation, which warns of what it lacks and of links that lead nowhere."""
    with tempfile.TemporaryDirectory(dir=log.directory()) as output:
        return rustdoc.document(kernel, Path(output))


# The checks that need a kernel.
BUILT = {"host.clippy": clippy, "host.rustdoc": documentation}


def check(where: str, name: str, complaints: Callable[[], Complaints]) -> Verdict:
    """Make one check."""
    start = time.monotonic()
    lines = complaints()
    seconds = time.monotonic() - start
    if not lines:
        return Verdict(where, name, OK, seconds)
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return Verdict(where, name, FAIL, seconds, f"{lines[0].strip()}{more}", lines[1:])


def _files() -> Iterator[Path]:
    """The checkout's files, relative to it, without what git would ignore."""
    ignored = CHECKOUT / ".gitignore"
    patterns = [".git"]
    if ignored.exists():
        lines = ignored.read_text().splitlines()
        patterns += [line.strip("/") for line in lines if line and not line.startswith("#")]
    for directory, directories, names in os.walk("."):
        for found in (directories, names):
            found[:] = [n for n in found if not any(fnmatch.fnmatch(n, p) for p in patterns)]
        yield from (Path(directory, name) for name in names)


def _of(files: list[Path], *suffixes: str) -> list[Path]:
    return [path for path in files if path.suffix in suffixes]


def _say(*command: str | Path, cwd: Path = CHECKOUT) -> Complaints:
    """What `command` prints if it fails."""
    status, said = run(list(command), cwd)
    return (said.splitlines() or [f"{command[0]}: exit status {status}"]) if status else []


def _head(path: Path) -> str:
    """Where a script says what it is, and each file what its licence is."""
    return "\n".join(path.read_text(errors="replace").splitlines()[:4])


def _spdx(files: list[Path]) -> Complaints:
    bare = [path for path in files if "SPDX-License-Identifier:" not in _head(path)]
    return [f"{path}: no SPDX line" for path in bare if not path.name.startswith("LICENSE")]


def _rustfmt(files: list[Path], srcdir: Path) -> Complaints:
    command = ("rustfmt", "--check", "--color=never", "--config-path", srcdir / ".rustfmt.toml")
    return _say(*command, *files)


def _checkpatch(files: list[Path], srcdir: Path) -> Complaints:
    # kselftest_harness.h's macros live by reuse, and tests of mm touch volatile memory.
    ignored = "MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE,VOLATILE"
    # Headers of tracepoints are laid out in a way of their own.
    layout = "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"
    trace = [path for path in files if path.name == "trace.h"]
    others = [path for path in files if path not in trace]
    return [
        *_checkpatch_all(others, srcdir, ignored),
        *_checkpatch_all(trace, srcdir, f"{ignored},{layout}"),
    ]


def _checkpatch_all(files: list[Path], srcdir: Path, ignored: str) -> Complaints:
    """Check `files`, but for those that were found clean before: no check is slower."""
    command = (
        *("scripts/checkpatch.pl", "--strict", "--terse", "--no-summary", "--show-types"),
        *("--max-line-length=100", f"--ignore={ignored}", "--file"),
    )
    clean = CACHE / "checkpatch"
    clean.mkdir(exist_ok=True)
    stamps = {path: clean / _hash(srcdir.name, *command, path, path.read_text()) for path in files}
    unknown = [path for path, stamp in stamps.items() if not stamp.exists()]
    # From the kernel's tree it knows the kernel's names, and calls no git, which the root has not.
    said = _say(*command, *(path.absolute() for path in unknown), cwd=srcdir) if unknown else []
    for path in [] if said else unknown:
        stamps[path].touch()
    return [line.removeprefix(f"{CHECKOUT}/") for line in said]


def _hash(*what: object) -> str:
    return hashlib.sha256(repr(tuple(map(str, what))).encode()).hexdigest()


def _shellcheck(files: list[Path]) -> Complaints:
    shells = ("#!/bin/bash", "#!/bin/busybox sh", "#!/bin/sh")
    scripts = [path for path in files if _head(path).startswith(shells)]
    return _say("shellcheck", "--format=gcc", *scripts)


def _python(files: list[Path]) -> Complaints:
    """Compile, with warnings as errors, and leave nothing behind."""
    complaints = []
    for path in files:
        try:
            with warnings.catch_warnings(action="error"):
                compile(path.read_text(), path, "exec")
        except (SyntaxError, SyntaxWarning) as error:
            complaints.append(f"{path}: {error}")
    return complaints


def _unit() -> Complaints:
    tests = ("-s", CHECKOUT / "scripts/rig/tests", "-t", CHECKOUT / "scripts")
    return _say(sys.executable, "-B", "-W", "error", "-m", "unittest", "discover", *tests)


def _model(srcdir: Path) -> Complaints:
    """Try the chain in a model of the core, which must be the core of this source."""
    command = (sys.executable, "-B", "-W", "error", "-m", "unittest", "test_unwinding")
    return _say("env", f"KSRC={srcdir}", *command, cwd=CHECKOUT / "selftests/model")


def _apply(patches: list[Path], tree: Path = CHECKOUT) -> Complaints:
    """Apply each patch to `tree`, for show.  `make mutants` needs those of the mutants to fit."""
    command = ("patch", "--strip=1", "--fuzz=0", "--dry-run", "--force")
    complaints = []
    for path in patches:
        if said := _say(*command, f"--input={path.absolute()}", cwd=tree):
            complaints.append(f"{path} does not apply: {said[-1]}")
    return complaints


def _patches(patches: list[Path], srcdir: Path) -> Complaints:
    """See that the patches to the kernel apply to its source, and are as it wants them."""
    # Whether a commit that they name exists only git can tell.
    command = ("scripts/checkpatch.pl", "--strict", "--terse", "--no-summary", "--show-types")
    ignored = "--ignore=UNKNOWN_COMMIT_ID,GIT_COMMIT_ID"
    said = _say(*command, ignored, *(path.absolute() for path in patches), cwd=srcdir)
    return said + _apply(patches, srcdir)
