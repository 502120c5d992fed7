# SPDX-License-Identifier: GPL-2.0
"""KUnit: a module's suites run when it is loaded, and print KTAP to the kernel's log."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rig.judge import ktap
from rig.judge.gate import strip_time
from rig.judge.verdict import FAIL, OK, SKIP, Verdict

INDENT = "    "  # before the lines of a suite; twice before those of a case with parameters
SUBTEST = "# Subtest: "
HEADING = re.compile(r" *KTAP version |# \S+: pass:\d")


@dataclass
class Suite:
    """The results of one suite."""

    name: str
    plan: int | None = None
    cases: list[tuple[ktap.Result, list[str]]] = field(default_factory=list)  # each with its lines
    result: ktap.Result | None = None


@dataclass
class Run:
    """The results of the suites of one module."""

    plan: int | None = None  # how many suites there are
    suites: list[Suite] = field(default_factory=list)


def parse(log: Iterable[str]) -> tuple[Run, tuple[str, ...]]:
    """Returns the results that KUnit has printed to `log`, and all other lines of it."""
    run = Run()
    suite: Suite | None = None  # the one that is running
    lines: list[str] = []  # since the last result
    others = []
    for raw in log:
        line = strip_time(raw)
        inner = line.removeprefix(INDENT) if line.startswith(INDENT) else ""
        if inner.startswith(SUBTEST):
            suite = Suite(inner.removeprefix(SUBTEST))
            run.suites.append(suite)
            lines = []
        elif suite and inner:
            if result := ktap.result(inner):
                suite.cases.append((result, lines))
                lines = []
            elif suite.plan is None and (match := ktap.PLAN.match(inner)):
                suite.plan = int(match[1])
            else:
                lines.append(inner)
        elif result := ktap.result(line):
            if not suite:  # it failed before its first case
                run.suites.append(suite := Suite(result.name))
            suite.result = result
            suite = None
        elif match := ktap.PLAN.match(line):
            run.plan = int(match[1])
        elif not HEADING.match(line):
            others.append(raw)
    return run, tuple(others)


def verdicts(where: str, run: Run) -> list[Verdict]:
    """Returns a verdict on each case, and on each suite and the run if they are wrong otherwise."""
    if not run.suites:
        return [Verdict(where, "kunit.none", FAIL, reason="the module has run no KUnit suite")]
    found = []
    for suite in run.suites:
        found += [_case(where, suite, result, lines) for result, lines in suite.cases]
        if wrong := _complaints(suite):
            found.append(Verdict(where, f"kunit.{suite.name}", FAIL, reason="; ".join(wrong)))
    if run.plan != len(run.suites):
        reason = f"{run.plan} suites announced, {len(run.suites)} came"
        found.append(Verdict(where, "kunit.plan", FAIL, reason=reason))
    return found


def _case(where: str, suite: Suite, result: ktap.Result, lines: list[str]) -> Verdict:
    name = f"kunit.{suite.name}.{result.name}"
    notes = [re.sub(r"^# [\w-]+: ", "", line.strip()) for line in lines]
    if wrong := ktap.complaint(result):
        return Verdict(where, name, FAIL, reason=notes[0] if notes else wrong, lines=notes[1:])
    if result.directive == "SKIP":
        return Verdict(where, name, SKIP, reason=result.reason)
    return Verdict(where, name, OK)


def _complaints(suite: Suite) -> list[str]:
    """Returns what is wrong with a suite other than its cases."""
    wrong = []
    failed = any(ktap.complaint(result) for result, _ in suite.cases)
    if not suite.result:
        wrong.append("the suite has printed no result")
    elif not failed and (complaint := ktap.complaint(suite.result)):
        wrong.append(complaint)
    skipped = suite.result and suite.result.directive == "SKIP"
    if suite.cases or not skipped:
        wrong += ktap.plan_complaints(suite.plan, [result for result, _ in suite.cases])
    return wrong
