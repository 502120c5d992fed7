# SPDX-License-Identifier: GPL-2.0
"""The checks that need no guest: form, warnings, licences, and the rig's own unit tests.

BUILT has those that need a kernel; the others need only its source.
"""

import hashlib
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
from rig.common.paths import CACHE, CHECKOUT, files
from rig.judge.verdict import FAIL, OK, Verdict

Complaints = list[str]


def of_source(srcdir: Path) -> Iterator[tuple[str, Callable[[], Complaints]]]:
    """Yields each check that needs no kernel: its name, and a function that makes it."""
    paths = sorted(files())
    yield "host.spdx", lambda: _spdx(paths)
    yield "host.rustfmt", lambda: _rustfmt(_with_suffix(paths, ".rs"), srcdir)
    yield "host.checkpatch", lambda: _checkpatch(_with_suffix(paths, ".c", ".h"), srcdir)
    yield "host.shellcheck", lambda: _shellcheck(paths)
    yield "host.python", lambda: _python(_with_suffix(paths, ".py"))
    yield "host.unit", _unit
    yield "host.model", lambda: _model(srcdir)
    patches = _with_suffix(paths, ".patch")
    mutants = [path for path in patches if path.parent.name == "mutants"]
    yield "host.mutants", lambda: _apply(mutants)
    yield "host.patches", lambda: _patches([p for p in patches if p not in mutants], srcdir)


def clippy(kernel: Kernel) -> Complaints:
    """Builds mnck.ko and the modules of `make bench` with clippy and W=1, in separate directories.

    Warnings are errors: otherwise make would not show them again on the next run.
    """
    output_of_make = ""
    for source in (CHECKOUT, artifacts.BENCH):
        output = artifacts.build_dir(kernel) / f"clippy-{source.name}"
        try:
            with locked(artifacts.lock(kernel)):
                output_of_make += artifacts.kbuild(kernel, source, output, "CLIPPY=1", "W=1e")
        except RigError as error:
            output_of_make += str(error)
    return output_of_make.splitlines()


def documentation(kernel: Kernel) -> Complaints:
    """Makes the documentation; rustdoc warns of missing parts and broken links."""
    with tempfile.TemporaryDirectory(dir=log.directory()) as output:
        return rustdoc.document(kernel, Path(output))


# The checks that need a kernel.
BUILT = {"host.clippy": clippy, "host.rustdoc": documentation}


def check(where: str, name: str, complaints: Callable[[], Complaints]) -> Iterator[Verdict]:
    """Makes one check; yields its verdict."""
    start = time.monotonic()
    lines = complaints()
    seconds = time.monotonic() - start
    if not lines:
        yield Verdict(where, name, OK, seconds)
        return
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    yield Verdict(where, name, FAIL, seconds, f"{lines[0].strip()}{more}", lines[1:])


def _with_suffix(files: list[Path], *suffixes: str) -> list[Path]:
    return [path for path in files if path.suffix in suffixes]


def _failure(*command: str | Path, cwd: Path = CHECKOUT) -> Complaints:
    """Runs `command`; returns what it prints if it fails, else nothing."""
    status, output = run(list(command), cwd)
    return (output.splitlines() or [f"{command[0]}: exit status {status}"]) if status else []


def _head(path: Path) -> str:
    """Returns the first lines: the interpreter of a script, and the licence of each file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[:4])


def _spdx(files: list[Path]) -> Complaints:
    bare = [path for path in files if "SPDX-License-Identifier:" not in _head(path)]
    return [
        f"{path}: add a line SPDX-License-Identifier:"
        for path in bare
        if not path.name.startswith("LICENSE")
    ]


def _rustfmt(files: list[Path], srcdir: Path) -> Complaints:
    command = ("rustfmt", "--check", "--color=never", "--config-path", srcdir / ".rustfmt.toml")
    return _failure(*command, *files)


def _checkpatch(files: list[Path], srcdir: Path) -> Complaints:
    # Macros in the style of kselftest_harness.h reuse arguments and return; tests of mm use
    # volatile memory.
    ignored = "MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE,MACRO_WITH_FLOW_CONTROL,VOLATILE"
    # Headers of tracepoints have a layout of their own.
    layout = "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"
    trace = [path for path in files if path.name == "trace.h"]
    # Tests of the tool have commands and outputs, as a user sees them.
    outputs = "SPLIT_STRING,LONG_LINE_STRING,REPEATED_WORD,STATIC_CONST_CHAR_ARRAY"
    tool = [path for path in files if path.parent.name == "tool"]
    others = [path for path in files if path not in trace + tool]
    return [
        *_checkpatch_all(others, srcdir, ignored),
        *_checkpatch_all(trace, srcdir, f"{ignored},{layout}"),
        *_checkpatch_all(tool, srcdir, f"{ignored},{outputs}"),
    ]


def _checkpatch_all(files: list[Path], srcdir: Path, ignored: str) -> Complaints:
    """Checks `files` but those that were found clean before: this is the slowest check."""
    command = (
        *("scripts/checkpatch.pl", "--strict", "--terse", "--no-summary", "--show-types"),
        *("--max-line-length=100", f"--ignore={ignored}", "--file"),
    )
    clean = CACHE / "checkpatch"
    clean.mkdir(exist_ok=True)
    stamps = {path: clean / _hash(srcdir.name, *command, path, path.read_text()) for path in files}
    unknown = [path for path, stamp in stamps.items() if not stamp.exists()]
    # Run in the kernel's tree, checkpatch knows the kernel's names and does not call git.
    wrong = (
        _failure(*command, *(path.absolute() for path in unknown), cwd=srcdir) if unknown else []
    )
    for path in [] if wrong else unknown:
        stamps[path].touch()
    return [line.removeprefix(f"{CHECKOUT}/") for line in wrong]


def _hash(*what: object) -> str:
    return hashlib.sha256(repr(tuple(map(str, what))).encode()).hexdigest()


def _shellcheck(files: list[Path]) -> Complaints:
    shells = ("#!/bin/bash", "#!/bin/busybox sh", "#!/bin/sh")
    scripts = [path for path in files if _head(path).startswith(shells)]
    return _failure("shellcheck", "--format=gcc", *scripts)


def _python(files: list[Path]) -> Complaints:
    """Compiles each file, with warnings as errors, and writes no byte code."""
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
    return _failure(sys.executable, "-B", "-W", "error", "-m", "unittest", "discover", *tests)


def _model(srcdir: Path) -> Complaints:
    """Runs the model of the chain in a model of the core, which must match the core in `srcdir`."""
    command = (sys.executable, "-B", "-W", "error", "-m", "unittest", "test_unwinding")
    return _failure("env", f"KSRC={srcdir}", *command, cwd=CHECKOUT / "selftests/model")


def _apply(patches: list[Path], tree: Path = CHECKOUT) -> Complaints:
    """Checks that each patch applies to `tree`."""
    command = ("patch", "--strip=1", "--fuzz=0", "--dry-run", "--force")
    complaints = []
    for path in patches:
        if wrong := _failure(*command, f"--input={path.absolute()}", cwd=tree):
            complaints.append(f"{path} does not apply, regenerate it: {wrong[-1]}")
    return complaints


def _patches(patches: list[Path], srcdir: Path) -> Complaints:
    """Checks that the patches to the kernel apply to its source, and their form."""
    # Without git, checkpatch cannot look up the commits that the patches cite.
    command = ("scripts/checkpatch.pl", "--strict", "--terse", "--no-summary", "--show-types")
    ignored = "--ignore=UNKNOWN_COMMIT_ID,GIT_COMMIT_ID"
    wrong = _failure(*command, ignored, *(path.absolute() for path in patches), cwd=srcdir)
    return wrong + _apply(patches, srcdir)
