# SPDX-License-Identifier: GPL-2.0
"""The verdict on one test: from its output, its end, and what the kernel logged meanwhile."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rig.judge import ktap
from rig.judge.gate import console_of_last_program, gate, post_mortem
from rig.judge.outcome import Outcome
from rig.judge.symbols import without_suffixes

OK, FAIL, SKIP = "ok", "FAIL", "skip"

# The test failed as it expects of a kernel that has a known bug.
XFAIL = "xfail"

# What kselftest_harness.h prints around a test.
FRAMING = re.compile(
    r"K?TAP version|1\.\.\d|(not )?ok \d"
    r"|# (Starting|Totals|PASSED|FAILED)\b|# +(RUN|OK|FAIL) |# \w+: Test failed$"
)


@dataclass(frozen=True)
class Verdict:
    """One line of the report, and what explains it."""

    where: str  # an architecture, or "host"
    name: str  # group and case, as in "munmap.whole"
    status: str  # OK, FAIL, SKIP or XFAIL
    seconds: float = 0.0
    reason: str = ""  # empty if the status is OK
    lines: list[str] = field(default_factory=list)
    console: Path | None = None
    # The calls that a test of a path of mm has seen: callback, address, and how often.
    seen: tuple[tuple[str, str, int], ...] = ()
    is_known: bool = False  # from an earlier run with the same inputs


# One such call, as selftests/lib/path.h prints it.
SEEN = re.compile(r"^# mnck-seen: (\w+) (\S+)/0x[0-9a-f]+ (\d+)$", re.MULTILINE)

OPTION = re.compile(r"\bCONFIG_(\w+)")


def judge(
    where: str, name: str, outcome: Outcome, console: Path, case: str | None = None
) -> Verdict:
    """Returns the verdict on the outcome of one program.

    `case` is what the program calls the test that it was to run, in its KTAP.  Without it the
    program is taken for one that prints no KTAP, and only its exit status counts.
    """
    wrong, lines = _judge_end(outcome)
    if not wrong:
        wrong, lines = gate(outcome)
        assert outcome.status is not None
        if case:
            complaints = ktap.complaints(outcome.output, outcome.status, case)
        else:
            complaints = [f"exit status {outcome.status}"] if outcome.status else []
        wrong += complaints
        if complaints:
            lines = last_lines(outcome.output) + lines
    if wrong:
        return Verdict(where, name, FAIL, outcome.seconds, "; ".join(wrong), lines, console)
    if case and (reason := ktap.skipped(outcome.output)):
        return Verdict(where, name, SKIP, outcome.seconds, reason)
    found = seen(outcome.output)
    if case and (reason := ktap.expected_failure(outcome.output)):
        return Verdict(where, name, XFAIL, outcome.seconds, reason, seen=found)
    return Verdict(where, name, OK, outcome.seconds, seen=found)


def refuse_skip(verdict: Verdict, has: Callable[[str], bool]) -> Verdict:
    """Returns `verdict`, but a failure in place of a skip that the kernel gives no cause for.

    A test may skip only if its reason names a CONFIG_ option that the kernel lacks; `has` says
    whether the kernel has an option.
    """
    if verdict.status != SKIP or any(not has(o) for o in OPTION.findall(verdict.reason)):
        return verdict
    reason = f"skipped, but names no CONFIG_ option that this kernel lacks: {verdict.reason}"
    return replace(verdict, status=FAIL, reason=reason)


def refuse_skips(verdicts: Iterable[Verdict], has: Callable[[str], bool]) -> Iterator[Verdict]:
    """Yields what refuse_skip() makes of each verdict."""
    for verdict in verdicts:
        yield refuse_skip(verdict, has)


def seen(output: str) -> tuple[tuple[str, str, int], ...]:
    """Returns the calls that a test of a path of mm has seen."""
    return tuple((what, without_suffixes(at), int(n)) for what, at, n in SEEN.findall(output))


def _judge_end(outcome: Outcome) -> tuple[list[str], list[str]]:
    """Returns what is wrong, and lines that show it, if the guest ended or its report has gaps."""
    if outcome.ended == "died":
        reason, lines = post_mortem(outcome.console)
        if reason:
            return [f"the guest died: {reason}"], lines
        return ["the guest died and its console shows no cause"], last_lines(outcome.output) + lines
    if outcome.ended:
        console = console_of_last_program(outcome.console)
        return [outcome.ended], last_lines(outcome.output) + console[-5:]
    if outcome.status is None or outcome.after is None:
        return ["the guest's report is garbled"], last_lines(outcome.output)
    return [], []


def last_lines(output: str) -> list[str]:
    """Returns the last lines of a test's output that may explain its failure."""
    return [line for line in output.splitlines() if line and not FRAMING.match(line)][-15:]
