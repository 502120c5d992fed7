# SPDX-License-Identifier: GPL-2.0
"""The misuses of the abstraction that must not compile: selftests/compile_fail/, one a file.

Each file has a twin, which differs in the line that corrects the misuse and must compile.  That
proves that the compiler rejects the misuse and nothing else in the file.  Comments mark both:

    code //~ E0308      the compiler must report this error in this line, and no other in the file
    //~^ E0046          the same for the line above; each further ^ goes up one line
    //+ code            the twin has this instead of the line below; in addition to it if that line
                        is a comment

With "//+" alone the twin lacks the line below.  An error without a code is given by its message.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rig.build.rustc import Compiler, Diagnostic
from rig.common.paths import CHECKOUT
from rig.judge.verdict import FAIL, OK, Verdict

GROUP = "compile_fail"
CASES = CHECKOUT / "selftests" / GROUP

Error = tuple[int, str]  # line and code
Complaint = tuple[str, list[str]]  # what is wrong, and the lines that explain it


@dataclass(frozen=True)
class Case:
    """What the marks of a file say."""

    expected: set[Error]
    twin: str  # has the same line numbers


class BadCase(Exception):
    """A file whose marks are wrong."""


def parse_case(text: str) -> Case:
    """Returns what the marks of a file say."""
    lines = text.splitlines()
    expected = set()
    right = []
    for number, line in enumerate(lines, start=1):
        for up, code in re.findall(r"//~(\^*) (.+?)(?= //~|$)", line):
            expected.add((number - len(up), code))
        if re.match(r" *//\+( |$)", line):
            right.append(number)
    if not expected:
        raise BadCase("no line has //~ and an error: mark the line that must not compile")
    if len(right) != 1:
        raise BadCase(f"{len(right)} lines have //+: mark exactly one correction")

    [number] = right
    if number == len(lines):
        raise BadCase("no line is below the one with //+")
    if not lines[number].lstrip().startswith("//"):
        lines[number] = ""
    lines[number - 1] = re.sub(r"//\+ ?", "", lines[number - 1])
    return Case(expected, "\n".join(lines) + "\n")


def judge(
    expected: set[Error],
    path: Path,
    found: list[Diagnostic],
    in_twin: list[Diagnostic],
) -> Complaint | None:
    """Returns what is wrong with the file at `path`, from the diagnostics of it and of its twin."""
    errors = [diagnostic for diagnostic in found if diagnostic.level == "error"]
    if not errors:
        return "it compiles", []
    reported = {(e.line if e.file == str(path) else 0, e.code) for e in errors}
    if reported != expected:
        missing = [f"not {code} in line {line}" for line, code in sorted(expected - reported)]
        more = [f"{code} in line {line}" for line, code in sorted(reported - expected)]
        return f"the compiler reports {', '.join(more + missing)}", _explain(errors)
    if in_twin:
        return f"its twin does not compile: {in_twin[0]}", _explain(in_twin)
    return None


def _explain(found: list[Diagnostic]) -> list[str]:
    return "\n".join(diagnostic.text for diagnostic in found).splitlines()


def verdicts(arch: str, compiler: Compiler, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """Yields the verdict on each file whose test is `wanted`."""
    paths = {f"{GROUP}.{path.stem}": path for path in sorted(CASES.glob("*.rs"))}
    cases: dict[str, Case] = {}
    for name, path in paths.items():
        try:
            if wanted(name):
                cases[name] = parse_case(path.read_text())
        except BadCase as error:
            yield Verdict(arch, name, FAIL, reason=str(error))
    twins = {name: compiler.directory / f"{paths[name].stem}.twin.rs" for name in cases}
    for name, case in cases.items():
        twins[name].write_text(case.twin)

    by_module = {twin.name.partition(".")[0]: twin for twin in twins.values()}
    in_twins = compiler.check_each("twins", by_module) if cases else {}
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        checks = {name: pool.submit(_check, compiler, paths[name]) for name in cases}
        for name, check in checks.items():
            found, seconds = check.result()
            wrong = judge(cases[name].expected, paths[name], found, in_twins[paths[name].stem])
            reason, lines = wrong or ("", [])
            yield Verdict(arch, name, FAIL if wrong else OK, seconds, reason, lines)
    finally:
        pool.shutdown(cancel_futures=True)


def _check(compiler: Compiler, path: Path) -> tuple[list[Diagnostic], float]:
    start = time.monotonic()
    return compiler.check(f"case_{path.stem}", {path.stem: path}), time.monotonic() - start
