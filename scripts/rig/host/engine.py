# SPDX-License-Identifier: GPL-2.0
"""The tests of src/event and src/check on the host: the crate selftests/engine/.

The crate is built twice: once with atomics of std, for streams of events, and once with those of
loom, for the module `interleavings`.  Cargo builds in $CARGO_TARGET_DIR, which all checkouts share,
so that the crates on which this one depends are compiled once.  Cargo does not tell the checkouts
apart, so one at a time uses the directory, and compiles this crate anew.

Each test is run by itself, so that one which hangs or aborts takes no other with it.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rig.common.command import output_of, run
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.paths import CACHE, CHECKOUT
from rig.judge.verdict import FAIL, OK, Verdict

NAME = "host.engine"
PACKAGE = "mnck-engine"
CRATE = Path("selftests/engine")
LOOM = "interleavings"
LIMIT = 300  # seconds, for one test

PASSED = re.compile(r"^test result: ok\. 1 passed; 0 failed; 0 ignored;", re.MULTILINE)


@dataclass(frozen=True)
class Build:
    """A build of the crate."""

    options: tuple[str, ...] = ()  # for cargo
    has_loom: bool = False

    def has(self, test: str) -> bool:
        """Returns whether `test`, as the program calls it, is run in this build."""
        return test.startswith(f"{LOOM}::") == self.has_loom


BUILDS = (Build(), Build(("--config=build.rustflags=['--cfg=loom']",), has_loom=True))


def is_wanted(crate: str, patterns: list[str]) -> bool:
    """Returns whether `patterns` select a test of the crate of this name, or all tests."""
    return not patterns or any(
        f"{crate}.".startswith(f"{p}.") or p.startswith(f"{crate}.") for p in patterns
    )


def verdicts(wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """Yields the verdict of clippy, and that on each test that is `wanted`."""
    yield from _verdicts(wanted, CHECKOUT, BUILDS)


def verdicts_on_mutant(names: list[str], tree: Path) -> Iterator[Verdict]:
    """Yields the verdicts on the tests of these names, built from `tree`."""
    tests = [name.removeprefix(f"{NAME}.").replace(".", "::") for name in names]
    builds = [build for build in BUILDS if any(map(build.has, tests))]
    yield from _verdicts(names.__contains__, tree, builds)


def _verdicts(
    wanted: Callable[[str], bool], tree: Path, builds: Iterable[Build]
) -> Iterator[Verdict]:
    crate = tree / CRATE
    tests: dict[str, list[str]] = {}
    pool = ThreadPoolExecutor(os.cpu_count())
    with locked(CACHE / "cargo.lock"):
        try:
            _cargo(BUILDS[0], crate, "clean", "--package", PACKAGE)
            if wanted(name := f"{NAME}.clippy"):
                yield _clippy(name, crate)
            for build in builds:
                tests |= _tests(build, crate)
            yield from pool.map(partial(run_one, tests), filter(wanted, tests))
        except RigError as error:
            lines = str(error).splitlines()
            yield Verdict("host", NAME, FAIL, reason=lines[0], lines=lines[1:])
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def mutant(patch: Path) -> Iterator[Path]:
    """Applies `patch` to a copy of the sources; yields the copy.  There is one at a time."""
    tree = CACHE / "build/engine-mutant"
    with locked(tree.with_suffix(".lock")):
        shutil.rmtree(tree, ignore_errors=True)
        for source in ("src", CRATE):
            # With new times, or cargo would not see that the last patch is undone.
            shutil.copytree(CHECKOUT / source, tree / source, copy_function=shutil.copy)
        command = ["patch", "--strip=1", "--fuzz=0", f"--directory={tree}", f"--input={patch}"]
        output_of(command, f"{patch} does not apply to src/: regenerate it")
        yield tree


def _clippy(name: str, crate: Path) -> Verdict:
    start = time.monotonic()
    try:
        for build in BUILDS:
            _cargo(build, crate, "clippy", "--all-targets", "--", "-Dwarnings")
    except RigError as error:
        lines = str(error).splitlines()
        return Verdict("host", name, FAIL, time.monotonic() - start, lines[0], lines[1:])
    return Verdict("host", name, OK, time.monotonic() - start)


def _tests(build: Build, crate: Path) -> dict[str, list[str]]:
    """Builds the crate; returns the command that runs each test, by the test's name here."""
    tests = {}
    message_format = "--message-format=json-render-diagnostics"
    for program in programs(_cargo(build, crate, "test", "--no-run", message_format)):
        for test in filter(build.has, cases(output_of([program, "--list", "--format=terse"]))):
            name = f"{NAME}.{test.replace('::', '.')}"
            tests[name] = command_of(program, test)
    if not tests:
        raise RigError(f"{crate} has no test: cargo test {' '.join(build.options)}")
    return tests


def _cargo(build: Build, crate: Path, command: str, *arguments: str) -> str:
    """Runs cargo, which must succeed; returns what it prints."""
    options = ("--quiet", "--locked", *build.options)
    status, output = run(["cargo", command, *options, *arguments], crate)
    if status:
        texts = [line for line in output.splitlines() if not line.startswith("{")]
        raise RigError("\n".join(texts) or f"cargo {command}: exit status {status}")
    return output


def programs(output: str) -> list[str]:
    """Returns the test programs that `output` of cargo names."""
    messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("executable")]


def cases(output: str) -> list[str]:
    """Returns the tests that `output` of a test program lists."""
    return re.findall(r"^(\S+): test$", output, re.MULTILINE)


def command_of(program: str, test: str) -> list[str]:
    """Returns the command that runs one test of a program."""
    return ["timeout", str(LIMIT), program, "--exact", "--nocapture", test]


def run_one(tests: dict[str, list[str]], name: str) -> Verdict:
    """Runs one of `tests`, which has the command of each; returns its verdict."""
    start = time.monotonic()
    status, output = run(tests[name])
    return judge(name, status, output, time.monotonic() - start)


def judge(name: str, status: int, output: str, seconds: float) -> Verdict:
    """Returns the verdict on the test that a program has run alone."""
    if status == 0 and PASSED.search(output):
        return Verdict("host", name, OK, seconds)
    lines = output.splitlines()
    ends = {0: "did not run", 101: "failed", 124: f"did not end within {LIMIT} s"}
    reason = ends.get(status, f"exit status {status}")
    return Verdict("host", name, FAIL, seconds, reason, lines[-40:])
