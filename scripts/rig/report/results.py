# SPDX-License-Identifier: GPL-2.0
"""The report that people read, and the same for machines."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rig.build.arch import ARCHES
from rig.common.error import RigError
from rig.judge import ktap
from rig.judge.verdict import FAIL, OK, SKIP, XFAIL, Verdict

COLOURS = {OK: "32", FAIL: "31", SKIP: "33", XFAIL: "33"}


def paint(text: str, status: str) -> str:
    """`text` in the colour of `status`, on a terminal only."""
    return f"\033[{COLOURS[status]}m{text}\033[m" if sys.stdout.isatty() else text


def show(verdict: Verdict) -> None:
    """One line, and what explains a failure below it."""
    seconds = f"{verdict.seconds:.2f} s"
    status = paint(f"{verdict.status:5}", verdict.status)
    print(f"{status} {verdict.where:6} {verdict.name:46} {seconds:>8}", flush=True)
    if verdict.reason:
        print(f"      {paint(verdict.reason, verdict.status)}")
    for line in verdict.lines:
        print(f"      | {line}")
    if verdict.console:
        print(f"      console: {verdict.console}")
    sys.stdout.flush()


def show_all(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Show each as it comes."""
    shown = []
    for verdict in verdicts:
        show(verdict)
        shown.append(verdict)
    return shown


def summary(verdicts: list[Verdict], first: Iterable[str] = ()) -> None:
    """A table of groups and places, the failures by name, and the totals in the last line.

    Of the groups there are, those in `first` come first, in that order.  A failure that was
    expected counts as passed.
    """
    there = {v.where for v in verdicts}
    places = [place for place in ("host", *ARCHES) if place in there]
    there = {_group(v) for v in verdicts}
    groups = [group for group in dict.fromkeys((*first, *map(_group, verdicts))) if group in there]
    print("\n" + " " * 14 + "".join(f"{place:>10}" for place in places))
    for group in groups:
        cells = [[v.status for v in verdicts if (_group(v), v.where) == (group, p)] for p in places]
        print(f"{group:14}" + "".join(_cell(statuses) for statuses in cells))
    for status, what in ((XFAIL, "failed, as expected"), (FAIL, "failed")):
        if found := [v for v in verdicts if v.status == status]:
            print(f"\n{what}:")
            for verdict in found:
                print(f"  {verdict.where} {verdict.name}: {verdict.reason}")
    count = Counter(v.status for v in verdicts)
    passed = count[OK] + count[XFAIL]
    print(f"\n{passed} passed, {count[FAIL]} failed, {count[SKIP]} skipped", flush=True)


def _group(verdict: Verdict) -> str:
    return verdict.name.partition(".")[0]


def _cell(statuses: list[str]) -> str:
    """How many of a group's tests have passed in a place, or failed as expected."""
    if not statuses:
        return f"{'-':>10}"
    text = f"{statuses.count(OK) + statuses.count(XFAIL)}/{len(statuses)}"
    worst = next(s for s in (FAIL, SKIP, XFAIL, OK) if s in statuses)
    return " " * (10 - len(text)) + paint(text, worst)


def write_junit(verdicts: list[Verdict], path: Path, srcdir: Path) -> None:
    """Write `path` by the kernel's own KTAP parser."""
    suites = list(dict.fromkeys((v.where, _group(v)) for v in verdicts))
    text = f"KTAP version 1\n1..{len(suites)}\n"
    for number, (where, group) in enumerate(suites, 1):
        cases = [v for v in verdicts if (v.where, _group(v)) == (where, group)]
        text += ktap.subtest(
            f"{where}.{group}",
            number,
            [
                (
                    v.status != FAIL,
                    v.name.replace("#", ""),
                    f"{v.status.upper()} {v.reason}" if v.status in (SKIP, XFAIL) else "",
                    ([v.reason] if v.status == FAIL else []) + v.lines,
                )
                for v in cases
            ],
        )
    # The parser's status is that of the tests; what counts here is that there is a file.
    with tempfile.TemporaryDirectory() as directory:
        written = Path(directory, "junit.xml")
        kunit = srcdir / "tools/testing/kunit/kunit.py"
        command = [sys.executable, "-B", kunit, "parse", f"--junit={written}"]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if not written.exists():
            raise RigError(f"kunit.py has not written JUnit XML: {done.stderr.strip()}")
        # It may be no more than a file descriptor, from outside the build root.
        path.write_bytes(written.read_bytes())
