# SPDX-License-Identifier: GPL-2.0
"""KTAP, see Documentation/dev-tools/ktap.rst: reads what tests print, and writes it for JUnit."""

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


def result(line: str) -> Result | None:
    """Returns the result in `line`, which is not indented, or None if it has none."""
    match = RESULT.match(line)
    if not match:
        return None
    return Result(
        ok=match["ok"] == "ok",
        number=int(match["number"]),
        name=match["name"].strip(),
        directive=match["directive"],
        reason=(match["reason"] or "").strip(),
    )


def parse(output: str) -> tuple[int | None, list[Result]]:
    """Returns the plan, None if there is none, and the results that are not indented."""
    plan = None
    results = []
    for line in output.splitlines():
        if found := result(line):
            results.append(found)
        elif plan is None and (match := PLAN.match(line)):
            plan = int(match[1])
    return plan, results


def complaints(output: str, status: int, case: str) -> list[str]:
    """Returns what is wrong with the output and exit status of a program that was to run `case`."""
    plan, results = parse(output)
    wrong = [text for found in results if (text := complaint(found))]
    wrong += plan_complaints(plan, results)
    if stray := [found.name for found in results if found.name != case]:
        wrong.append(f"asked for {case}, it has run {', '.join(stray)}")
    if status > 128:
        wrong.append(f"killed by signal {status - 128}")
    elif status not in _statuses(results) and not wrong:
        wrong.append(f"exit status {status}")
    return wrong


def complaint(found: Result) -> str | None:
    """Returns what is wrong with one result, or None."""
    what = f"{found.name}: {found.reason}" if found.reason else found.name
    if not found.ok and found.directive not in ("XFAIL", "TODO", "SKIP"):
        return f"not ok: {what}"
    if found.directive in ("TIMEOUT", "ERROR"):
        return f"{found.directive}: {what}"
    if found.directive == "XPASS":
        return f"passed, and was expected to fail: {what}"
    if found.directive == "SKIP" and not found.reason:
        return f"skipped without a reason: {what}"
    return None


def plan_complaints(plan: int | None, results: list[Result]) -> list[str]:
    """Returns what is wrong with the number of results."""
    if plan is None:
        return ["no plan"]
    if [found.number for found in results] != list(range(1, plan + 1)):
        return [f"plan not met: {plan} results announced, {len(results)} came"]
    return [] if plan else ["nothing was tested"]


def _statuses(results: list[Result]) -> set[int]:
    """Returns the exit statuses that agree with the results: see KSFT_PASS in kselftest.h."""
    directives = {result.directive for result in results}
    statuses = {0}
    if "XFAIL" in directives:
        statuses.add(2)
    if directives == {"SKIP"}:
        statuses.add(4)
    return statuses


def skipped(output: str) -> str | None:
    """Returns the reason if all results are skips, or None."""
    results = parse(output)[1]
    if results and all(result.directive == "SKIP" for result in results):
        return results[0].reason
    return None


def expected_failure(output: str) -> str | None:
    """Returns the reason of the first result that failed as expected, or None."""
    return next((r.reason or r.name for r in parse(output)[1] if r.directive == "XFAIL"), None)


def subtest(name: str, number: int, results: Iterable[tuple[bool, str, str, list[str]]]) -> str:
    """Returns a nested test in the form that tools/testing/kunit/kunit.py parses.

    A result is whether it is ok, its name, its directive or "", and the lines printed before it.
    """
    results = list(results)
    text = ["  KTAP version 1", f"  # Subtest: {name}", f"  1..{len(results)}"]
    for i, (ok, case, directive, lines) in enumerate(results, 1):
        text += [f"  # {UNPRINTABLE.sub('?', line)}" for line in lines]
        text.append(f"  {'ok' if ok else 'not ok'} {i} {case}{directive and f' # {directive}'}")
    text.append(f"{'ok' if all(ok for ok, *_ in results) else 'not ok'} {number} {name}")
    return "\n".join(text) + "\n"
