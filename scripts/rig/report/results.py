# SPDX-License-Identifier: GPL-2.0
"""The verdicts on a terminal: a line for each, and a summary."""

import sys
from collections import Counter
from collections.abc import Iterable

from rig.build.arch import ARCHES
from rig.judge.verdict import FAIL, OK, SKIP, XFAIL, Verdict

COLOURS = {OK: "32", FAIL: "31", SKIP: "33", XFAIL: "33"}


def paint(text: str, status: str) -> str:
    """Returns `text` in the colour of `status` on a terminal, else as it is."""
    return f"\033[{COLOURS[status]}m{text}\033[m" if sys.stdout.isatty() else text


def show(verdict: Verdict) -> None:
    """Prints a line, and below it what explains a failure."""
    seconds = "(same as before)" if verdict.is_known else f"{verdict.seconds:.2f} s"
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
    """Prints each verdict as it comes; returns all."""
    shown = []
    for verdict in verdicts:
        show(verdict)
        shown.append(verdict)
    return shown


def report(verdicts: Iterable[Verdict]) -> int:
    """Prints each verdict as it comes, and the summary; returns the exit status."""
    shown = show_all(verdicts)
    summary(shown)
    return int(any(verdict.status == FAIL for verdict in shown))


def summary(verdicts: list[Verdict], first: Iterable[str] = ()) -> None:
    """Prints a table of groups and places, the failures by name, and the totals in the last line.

    The groups in `first` come first, in that order.  An expected failure counts as passed.
    """
    used = {v.where for v in verdicts}
    places = [place for place in ("host", *ARCHES) if place in used]
    groups = groups_in(verdicts, first)
    print("\n" + " " * 14 + "".join(f"{place:>10}" for place in places))
    for group in groups:
        cells = [
            [v.status for v in verdicts if (group_of(v), v.where) == (group, p)] for p in places
        ]
        print(f"{group:14}" + "".join(_cell(statuses) for statuses in cells))
    for status, what in ((XFAIL, "failed, as expected"), (FAIL, "failed")):
        if found := [v for v in verdicts if v.status == status]:
            print(f"\n{what}:")
            for verdict in found:
                print(f"  {verdict.where} {verdict.name}: {verdict.reason}")
    if known := sum(v.is_known for v in verdicts):
        print(f"\n{known} of the tests without a guest have passed before, with the same inputs")
    count = Counter(v.status for v in verdicts)
    passed = count[OK] + count[XFAIL]
    print(f"\n{passed} passed, {count[FAIL]} failed, {count[SKIP]} skipped", flush=True)


def groups_in(verdicts: Iterable[Verdict], first: Iterable[str] = ()) -> list[str]:
    """Returns the groups of `verdicts`; those in `first` come first, in that order."""
    used = dict.fromkeys(map(group_of, verdicts))
    return [group for group in dict.fromkeys((*first, *used)) if group in used]


def group_of(verdict: Verdict) -> str:
    """Returns the group that the test is in."""
    return verdict.name.partition(".")[0]


def _cell(statuses: list[str]) -> str:
    """Returns how many of a group's tests have passed in a place, or failed as expected."""
    if not statuses:
        return f"{'-':>10}"
    text = f"{statuses.count(OK) + statuses.count(XFAIL)}/{len(statuses)}"
    worst = next(s for s in (FAIL, SKIP, XFAIL, OK) if s in statuses)
    return " " * (10 - len(text)) + paint(text, worst)
