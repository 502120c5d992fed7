# SPDX-License-Identifier: GPL-2.0
"""KTAP, as Documentation/dev-tools/ktap.rst has it: what tests say, and what is told to others."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PLAN = re.compile(r"1\.\.(\d+)( # SKIP *(?P<reason>.*))?$")
RESULT = re.compile(
    r"(?P<ok>ok|not ok) (?P<number>\d+)( - | )?(?P<name>[^#]*?)"
    r"( *# +(?P<directive>SKIP|TODO|XFAIL|XPASS|TIMEOUT|ERROR)?\b *(?P<reason>.*))?$"
)

# JUnit is XML, which cannot hold control characters.
UNPRINTABLE = re.compile(r"[^\t -~\u00a0-\ud7ff]")


@dataclass(frozen=True)
class Result:
    """One ``ok`` or ``not ok`` line."""

    ok: bool
    number: int
    name: str
    directive: str | None
    reason: str


def parse(output: str) -> tuple[int | None, list[Result]]:
    """The plan, None if there is none, and the results at the outermost level."""
    plan = None
    results = []
    for line in output.splitlines():
        if match := RESULT.match(line):
            results.append(
                Result(
                    ok=match["ok"] == "ok",
                    number=int(match["number"]),
                    name=match["name"].strip(),
                    directive=match["directive"],
                    reason=(match["reason"] or "").strip(),
                )
            )
        elif plan is None and (match := PLAN.match(line)):
            plan = int(match[1])
    return plan, results


def complaints(output: str, status: int) -> list[str]:
    """What is wrong with a test program's output or its exit status."""
    plan, results = parse(output)
    wrong = []
    for result in results:
        what = f"{result.name}: {result.reason}" if result.reason else result.name
        expected_failure = result.directive in ("XFAIL", "TODO")
        if not result.ok and not expected_failure and result.directive != "SKIP":
            wrong.append(f"not ok: {what}")
        elif result.directive in ("TIMEOUT", "ERROR"):
            wrong.append(f"{result.directive}: {what}")
        elif result.directive == "XPASS":
            wrong.append(f"passed, and was expected to fail: {what}")
        elif result.directive == "SKIP" and not result.reason:
            wrong.append(f"skipped without a reason: {what}")
    if plan is None:
        wrong.append("no plan")
    elif [result.number for result in results] != list(range(1, plan + 1)):
        wrong.append(f"plan not met: {plan} results announced, {len(results)} came")
    elif plan == 0:
        wrong.append("nothing was tested")
    if status > 128:
        wrong.append(f"killed by signal {status - 128}")
    elif status not in _statuses(results) and not wrong:
        wrong.append(f"exit status {status}")
    return wrong


def _statuses(results: list[Result]) -> set[int]:
    """Exit statuses that agree with the results: kselftest's codes for pass, XFAIL and SKIP."""
    directives = {result.directive for result in results}
    statuses = {0}
    if "XFAIL" in directives:
        statuses.add(2)
    if directives == {"SKIP"}:
        statuses.add(4)
    return statuses


def skipped(output: str) -> str | None:
    """The reason if all was skipped."""
    results = parse(output)[1]
    if results and all(result.directive == "SKIP" for result in results):
        return results[0].reason
    return None


def subtest(name: str, number: int, results: Iterable[tuple[bool, str, str, list[str]]]) -> str:
    """A nested test in the form that tools/testing/kunit/kunit.py parses.

    `results`: of each, whether it is ok, its name, its directive or "", and lines to go with it.
    """
    results = list(results)
    text = ["  KTAP version 1", f"  # Subtest: {name}", f"  1..{len(results)}"]
    for i, (ok, case, directive, lines) in enumerate(results, 1):
        text += [f"  # {UNPRINTABLE.sub('?', line)}" for line in lines]
        text.append(f"  {'ok' if ok else 'not ok'} {i} {case}{directive and f' # {directive}'}")
    text.append(f"{'ok' if all(ok for ok, *_ in results) else 'not ok'} {number} {name}")
    return "\n".join(text) + "\n"
