# SPDX-License-Identifier: GPL-2.0
"""The kselftests: runs their programs in guests, and judges each case."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rig.build import artifacts
from rig.build.arch import ARCHES
from rig.build.kernel import Kernel
from rig.common import log
from rig.common.error import RigError
from rig.guest.groups import GUESTS, SPECIAL_GROUPS, Group, groups_of, selected
from rig.guest.qemu import INSERT_MNCK, Guest
from rig.judge import ktap, kunit
from rig.judge.outcome import Outcome
from rig.judge.verdict import FAIL, OK, SKIP, XFAIL, Verdict, judge, last_lines, seen


def kselftests(
    kernel: Kernel, module: Path, patterns: list[str], name: str = "tests"
) -> Iterator[Verdict]:
    """Yields the verdicts of in_guest() on all groups, one guest after the other."""
    for group in GUESTS:
        yield from in_guest(kernel, module, patterns, group, name)


def in_guest(
    kernel: Kernel, module: Path, patterns: list[str], group: Group, name: str = "tests"
) -> Iterator[Verdict]:
    """Boots a guest, loads `module` and runs the cases of `group` that `patterns` select.

    The boot, the load and the unload are judged as cases are, under the group's name.  The KUnit
    suites, which run when the module is loaded, are reported by the first guest only.  If one
    program has the guest for itself, the guest ends without an unload after a case that failed as
    expected or oopsed as expected, which may leave tasks that never end, and after an expected
    report of lockdep, which turns lockdep off.

    `name` is the guest's, in the names of files.
    """
    programs, files = artifacts.for_guest(kernel, module)
    groups = groups_of(patterns)
    if unknown := groups - {*SPECIAL_GROUPS, *programs}:
        known = ", ".join((*SPECIAL_GROUPS, *programs))
        raise RigError(f"no test is called {', '.join(unknown)}; there are {known}")
    elsewhere = {program for other in GUESTS for program in other.programs}
    programs = [p for p in programs if p in (group.programs or set(programs) - elsewhere)]
    programs = [program for program in programs if group.wants(program, groups)]
    if (there := group.peers_of(kernel.variant)) is not None:
        programs = [program for program in programs if program in there]
        if not programs:
            return
    is_first = group is GUESTS[0]
    wants_steps = not groups or group.name in groups or (is_first and "kunit" in groups)
    if not programs and not wants_steps or group.without and kernel.has(group.without):
        return
    name = name if is_first else f"{name}-{group.name}"
    console = log.console(kernel.label, name)
    # A guest boots the sooner the less it has to unpack.
    tests = {f"tests/{program}" for program in programs}
    files = {n: path for n, path in files.items() if n in tests or not n.startswith("tests/")}
    if group.has_tool:
        files |= artifacts.with_tool(kernel)
    machine = group.machine
    if group.peers:
        peers = kernel.peers | {"test_hmm": files["lib/test_hmm.ko"]}
        files |= {f"lib/peers/{name}.ko": path for name, path in peers.items()}
        machine += ARCHES[kernel.arch].nested

    with (
        artifacts.initramfs(kernel, name, files) as initramfs,
        Guest(kernel, initramfs, console, machine, group.command_line) as guest,
    ):
        boot = judge(kernel.arch, f"{group.name}.boot", guest.boot(), console)
        # All cases are listed before the first is run, so that a missing result is noticed.
        listing = guest.run(" ".join(("list", *programs)))
        verdict = judge(kernel.arch, f"{group.name}.list", listing, console)
        if verdict.status == FAIL:
            yield verdict
        listed = parse_lists(listing.output)
        cases = {n: c for n, c in listed.items() if selected(group.called(n), patterns)}
        if not cases and not wants_steps and not guest.ended:
            return

        yield boot
        loaded, suites = _load(kernel, guest)
        verdict = judge(kernel.arch, f"{group.name}.load", loaded, console)
        yield verdict
        if is_first:
            yield from (v for v in suites if selected(v.name, patterns))
        if verdict.status == FAIL:
            guest.give_up("mnck.ko did not load cleanly")
        cannot_unload = False
        if group.together:
            for program in (p for p in programs if p not in group.alone):
                whole = {n: c for n, c in listed.items() if n.partition(".")[0] == program}
                if whole.keys() <= cases.keys():
                    outcome = guest.run(f"{group.prefix}{program}")
                    verdicts = judge_together(kernel, group, program, whole, outcome, console)
                    yield from verdicts
                    if all(verdict.status != FAIL for verdict in verdicts):
                        cases = {n: c for n, c in cases.items() if n not in whole}
        for case_name, case in cases.items():
            program = case_name.partition(".")[0]
            outcome = guest.run(f"{group.prefix}{program} -r {case}")
            verdict = judge(kernel.arch, group.called(case_name), outcome, console, case)
            after = outcome.after if verdict.status == OK else None
            spoilt = after and (after.lockdep == 0 or after.oopses > outcome.before.oopses)
            cannot_unload |= bool(verdict.status == XFAIL or spoilt) and group.is_own
            yield verdict
        if cannot_unload:
            return
        unloaded = guest.run("rmmod mnck")
        yield judge(kernel.arch, f"{group.name}.unload", unloaded, console)
        # A callback or a timer that outlived the module crashes the guest meanwhile.
        silence = guest.run("sleep 1")
        yield judge(kernel.arch, f"{group.name}.silence", silence, console)


def judge_together(
    kernel: Kernel,
    group: Group,
    program: str,
    cases: dict[str, str],
    outcome: Outcome,
    console: Path,
) -> list[Verdict]:
    """Returns the verdicts on all `cases` of a program that has run them at once.

    If anything is wrong with a case or with the whole, returns one failure under the program's
    name: each case is then to be run by itself, to say which.
    """
    plan, results = ktap.parse(outcome.output)
    by_case = {result.name: result for result in results}
    wrong = [text for result in results if (text := ktap.complaint(result))]
    wrong += ktap.plan_complaints(plan, results)
    if by_case.keys() != set(cases.values()):
        wrong.append("the program has not run the cases that it has listed")
    # The exit status does not count: it is not 0 if a case has failed as expected.
    whole = judge(kernel.arch, group.called(program), replace(outcome, status=0), console)
    if whole.status == FAIL:
        return [whole]
    if wrong:
        reason = "; ".join(wrong)
        return [replace(whole, status=FAIL, reason=reason, lines=last_lines(outcome.output))]
    parts = sections(outcome.output)
    seconds = outcome.seconds / len(cases)
    return [
        _verdict(kernel.arch, group.called(name), by_case[case], seconds, parts.get(case, ""))
        for name, case in cases.items()
    ]


def _verdict(where: str, name: str, result: ktap.Result, seconds: float, output: str) -> Verdict:
    status = {"XFAIL": XFAIL, "SKIP": SKIP}.get(result.directive or "", OK)
    reason = "" if status == OK else result.reason or result.name
    return Verdict(where, name, status, seconds, reason, seen=seen(output))


def sections(output: str) -> dict[str, str]:
    """Returns what each case has printed, of a program that has run several."""
    parts = re.split(r"^#  RUN +(\S+) \.\.\.$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _load(kernel: Kernel, guest: Guest) -> tuple[Outcome, list[Verdict]]:
    """Loads the module; returns the outcome without KUnit's lines, and the verdicts on those."""
    outcome = guest.run(INSERT_MNCK)
    if outcome.ended or not kernel.has("KUNIT"):
        return outcome, []
    run, others = kunit.parse(outcome.log)
    return replace(outcome, log=others), kunit.verdicts(kernel.arch, run)


def parse_lists(output: str) -> dict[str, str]:
    """Returns what parse_list() does, of all programs, from what the guest's "list" prints."""
    cases = {}
    for text in re.split(r"^list: ", output, flags=re.MULTILINE)[1:]:
        program, _, listed = text.partition("\n")
        cases |= parse_list(program, listed)
    return cases


def parse_list(program: str, output: str) -> dict[str, str]:
    """Returns, by ``program.case``, what a program calls each of its cases in what its -l prints.

    kselftest_harness.h prints three columns side by side: a fixture, its variants, its tests.  Each
    variant runs each test.  A case's name leaves out a fixture that is called as the program is,
    and "global", which stands for no fixture.
    """
    cases = {}
    for block in re.split(r"^-{80}$", output, flags=re.MULTILINE):
        fixture, variants, tests = "", [], []
        for line in block.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split()
            if not line.startswith(" "):
                fixture = words.pop(0)
                has_variant = len(words) == 2
            else:
                has_variant = line[21] != " "
            if has_variant:
                variants.append(words.pop(0))
            tests += words
        for variant in variants or [""]:
            for test in tests:
                name = ".".join(filter(None, (fixture, variant, test)))
                case = name if fixture == program else f"{program}.{name.removeprefix('global.')}"
                cases[case] = name
    return cases
