# SPDX-License-Identifier: GPL-2.0
"""The verdict on one test: from what it said, how it ended, and what the kernel said meanwhile."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from rig.judge import ktap
from rig.judge.gate import gate, last_console_lines, post_mortem
from rig.judge.outcome import Outcome

OK, FAIL, SKIP = "ok", "FAIL", "skip"

# A failure that the test has expected, of a kernel that is known to have the bug.
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
    reason: str = ""  # of all but OK
    lines: list[str] = field(default_factory=list)
    console: Path | None = None
    # Of a path of mm: the callback, where it was called from, and how often.
    seen: tuple[tuple[str, str, int], ...] = ()


# What selftests/paths/path.h prints of each.
SEEN = re.compile(r"^# mnck-seen: (\w+) (\S+)/0x[0-9a-f]+ (\d+)$", re.MULTILINE)


def judge(
    where: str, name: str, outcome: Outcome, console: Path, case: str | None = None
) -> Verdict:
    """Judge the outcome of one program.

    `case`: what a test was to run, as it calls it in its KTAP; other programs speak no KTAP, and
    have an exit status only.
    """
    wrong, lines = _judge_end(outcome)
    if not wrong:
        wrong, lines = gate(outcome)
        assert outcome.status is not None
        if case:
            said = ktap.complaints(outcome.output, outcome.status, case)
        else:
            said = [f"exit status {outcome.status}"] if outcome.status else []
        wrong += said
        if said:
            lines = last_lines(outcome.output) + lines
    if wrong:
        return Verdict(where, name, FAIL, outcome.seconds, "; ".join(wrong), lines, console)
    if case and (reason := ktap.skipped(outcome.output)):
        return Verdict(where, name, SKIP, outcome.seconds, reason)
    found = seen(outcome.output)
    if case and (reason := ktap.expected_failure(outcome.output)):
        return Verdict(where, name, XFAIL, outcome.seconds, reason, seen=found)
    return Verdict(where, name, OK, outcome.seconds, seen=found)


def seen(output: str) -> tuple[tuple[str, str, int], ...]:
    """What a test of a path of mm has seen."""
    return tuple((what, address, int(n)) for what, address, n in SEEN.findall(output))


def _judge_end(outcome: Outcome) -> tuple[list[str], list[str]]:
    """What is wrong if the guest has ended, or has not told all."""
    if outcome.ended == "died":
        reason, lines = post_mortem(outcome.console)
        if reason:
            return [f"the guest died: {reason}"], lines
        return ["the guest died without a word"], last_lines(outcome.output) + lines
    if outcome.ended:
        return [outcome.ended], last_lines(outcome.output) + last_console_lines(outcome.console)[
            -5:
        ]
    if outcome.status is None or outcome.after is None:
        return ["the guest's report is garbled"], last_lines(outcome.output)
    return [], []


def last_lines(output: str) -> list[str]:
    """The last lines of a test's output that may explain its failure."""
    return [line for line in output.splitlines() if line and not FRAMING.match(line)][-15:]
