# SPDX-License-Identifier: GPL-2.0
"""The kselftests: in which guests they run, what there is to run, and what comes of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.common import log
from rig.common.error import RigError
from rig.common.paths import CHECKOUT
from rig.guest.qemu import MACHINE, PARALLEL, USUAL, Guest
from rig.judge import ktap, kunit
from rig.judge.outcome import Outcome
from rig.judge.verdict import FAIL, OK, SKIP, XFAIL, Verdict, judge, last_lines, seen


@dataclass(frozen=True)
class Group:
    """A guest, and the programs that share it."""

    name: str
    programs: tuple[str, ...] = ()  # none: all that have no other
    machine: tuple[str, ...] = MACHINE
    command_line: str = USUAL
    environment: str = ""  # of the programs: if there is one, they are run elsewhere without
    together: bool = False  # whether a program runs all of its cases, if all are wanted

    @property
    def is_own(self) -> bool:
        """Whether one program has it for itself."""
        return self.programs == (self.name,)

    @property
    def prefix(self) -> str:
        """What a command begins with."""
        return f"env {self.environment} " if self.environment else ""

    def called(self, case: str) -> str:
        """What a case of a program is called here."""
        return f"{self.name}.{case}" if self.environment else case

    def wants(self, program: str, groups: set[str]) -> bool:
        """Whether `groups`, which are all if there are none, have something of `program` here."""
        return not groups or (self.name if self.environment else program) in groups


# Those that drive each path of mm with all subscribers attached.
PATHS = tuple(sorted(path.stem for path in (CHECKOUT / "selftests/paths").glob("*.c")))

# Each test detaches ten subscribers, and each of these waits for all callbacks to be over.
HASTY = f"{USUAL} rcupdate.rcu_expedited=1"

# In the order in which they are begun: what takes longest comes first.
GUESTS = (
    Group("guest"),
    # What they are about is what happens at the same time.
    Group(
        "races",
        ("lifetime_race", "shared_race", "interval_exit", "chain_many"),
        machine=PARALLEL,
    ),
    Group("paths", PATHS, command_line=HASTY, together=True),
    # The same with somebody who refuses whatever must not block.
    Group("refusing", PATHS, command_line=HASTY, together=True, environment="MNCK_REFUSING=1"),
    Group("leaks", ("leaks",), command_line="kmemleak=on"),
    # What it is about leaves tasks that never end.
    Group("sequence", ("sequence",)),
    # Lockdep reports once, and then no more.
    Group("lock_callbacks", ("lock_callbacks",)),
    Group("lock_reclaim", ("lock_reclaim",)),
)

# The groups that are no test program.
SPECIAL_GROUPS = (
    *("host", "compile_fail", "doctest", "rig"),
    *("guest", "races", "paths", "refusing", "kunit"),
)


def groups_of(patterns: list[str]) -> set[str]:
    """The groups that `patterns` are in; all, if there are none."""
    return {pattern.partition(".")[0] for pattern in patterns}


def selected(name: str, patterns: list[str]) -> bool:
    """Whether one of `patterns` is `name` or a group above it, or there are none."""
    return not patterns or any(f"{name}.".startswith(f"{pattern}.") for pattern in patterns)


def kselftests(
    kernel: Kernel, module: Path, patterns: list[str], name: str = "tests"
) -> Iterator[Verdict]:
    """Run each case of each program under the gate, with `module`.

    `name`: what those guests are called.
    """
    for group in GUESTS:
        yield from in_guest(kernel, module, patterns, group, name)


def in_guest(
    kernel: Kernel, module: Path, patterns: list[str], group: Group, name: str = "tests"
) -> Iterator[Verdict]:
    """Boot a guest, load the module and run what `patterns` select of the programs of `group`.

    Loading, unloading and the boot are gated as the cases are, and reported in the group.  The
    KUnit suites, which run when the module is loaded, are reported once, by the first guest, in the
    group "kunit".  Where one program has the guest for itself, who fails as expected may leave what is
    not undone any more, and who is reported by lockdep as expected leaves nobody to watch: then the
    guest ends with that.
    """
    programs, files = artifacts.for_guest(kernel, module)
    groups = groups_of(patterns)
    if unknown := groups - {*SPECIAL_GROUPS, *programs}:
        known = ", ".join((*SPECIAL_GROUPS, *programs))
        raise RigError(f"no test is called {', '.join(unknown)}; there are {known}")
    placed = {program for other in GUESTS for program in other.programs}
    programs = [p for p in programs if p in (group.programs or set(programs) - placed)]
    programs = [program for program in programs if group.wants(program, groups)]
    is_first = group is GUESTS[0]
    wants_steps = not groups or group.name in groups or (is_first and "kunit" in groups)
    if not programs and not wants_steps:
        return
    name = name if is_first else f"{name}-{group.name}"
    console = log.console(kernel.label, name)
    # The less there is to unpack, the sooner the guest is up.
    tests = {f"tests/{program}" for program in programs}
    files = {n: path for n, path in files.items() if n in tests or not n.startswith("tests/")}

    with (
        artifacts.initramfs(kernel, name, files) as initramfs,
        Guest(kernel, initramfs, console, group.machine, group.command_line) as guest,
    ):
        boot = judge(kernel.arch, f"{group.name}.boot", guest.boot(), console)
        # All cases are known before anything is run, so that none can get lost.
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
        lost = False
        if group.together:
            for program in programs:
                whole = {n: c for n, c in listed.items() if n.partition(".")[0] == program}
                if whole.keys() <= cases.keys():
                    outcome = guest.run(f"{group.prefix}{program}")
                    verdicts = together(kernel, group, program, whole, outcome, console)
                    yield from verdicts
                    if all(verdict.status != FAIL for verdict in verdicts):
                        cases = {n: c for n, c in cases.items() if n not in whole}
        for case_name, case in cases.items():
            program = case_name.partition(".")[0]
            outcome = guest.run(f"{group.prefix}{program} -r {case}")
            verdict = judge(kernel.arch, group.called(case_name), outcome, console, case)
            unwatched = verdict.status == OK and outcome.after and outcome.after.lockdep == 0
            lost |= (verdict.status == XFAIL or unwatched) and group.is_own
            yield verdict
        if lost:
            return
        unloaded = guest.run("rmmod mnck")
        yield judge(kernel.arch, f"{group.name}.unload", unloaded, console)
        # What has outlived the module has time to show.
        silence = guest.run("sleep 1")
        yield judge(kernel.arch, f"{group.name}.silence", silence, console)


def together(
    kernel: Kernel,
    group: Group,
    program: str,
    cases: dict[str, str],
    outcome: Outcome,
    console: Path,
) -> list[Verdict]:
    """The verdicts on the `cases` of a program that has run them all; or else, if anything is wrong
    with one of them or with the whole, that one verdict: then each is to be run by itself.
    """
    plan, results = ktap.parse(outcome.output)
    said = {result.name: result for result in results}
    wrong = [text for result in results if (text := ktap.complaint(result))]
    wrong += ktap.plan_complaints(plan, results)
    if said.keys() != set(cases.values()):
        wrong.append("it has not run what it has listed")
    # Its status is for people: with a failure that was expected it is not 0.
    whole = judge(kernel.arch, group.called(program), replace(outcome, status=0), console)
    if whole.status == FAIL:
        return [whole]
    if wrong:
        reason = "; ".join(wrong)
        return [replace(whole, status=FAIL, reason=reason, lines=last_lines(outcome.output))]
    parts = sections(outcome.output)
    seconds = outcome.seconds / len(cases)
    return [
        _verdict(kernel.arch, group.called(name), said[case], seconds, parts.get(case, ""))
        for name, case in cases.items()
    ]


def _verdict(where: str, name: str, result: ktap.Result, seconds: float, output: str) -> Verdict:
    status = {"XFAIL": XFAIL, "SKIP": SKIP}.get(result.directive or "", OK)
    reason = "" if status == OK else result.reason or result.name
    return Verdict(where, name, status, seconds, reason, seen=seen(output))


def sections(output: str) -> dict[str, str]:
    """What each case has printed, of a program that has run several."""
    parts = re.split(r"^#  RUN +(\S+) \.\.\.$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _load(kernel: Kernel, guest: Guest) -> tuple[Outcome, list[Verdict]]:
    """Load the module: the outcome without what KUnit has said, and the verdicts on that."""
    outcome = guest.run("insmod /lib/mnck.ko")
    if outcome.ended or not kernel.has("KUNIT"):
        return outcome, []
    run, others = kunit.parse(outcome.log)
    return replace(outcome, log=others), kunit.verdicts(kernel.arch, run)


def parse_lists(output: str) -> dict[str, str]:
    """The cases of all programs by name, from what the guest's "list" has printed."""
    cases = {}
    for text in re.split(r"^list: ", output, flags=re.MULTILINE)[1:]:
        program, _, listed = text.partition("\n")
        cases |= parse_list(program, listed)
    return cases


def parse_list(program: str, output: str) -> dict[str, str]:
    """The cases of a program by name, with what it calls each itself, from what its -l prints.

    kselftest_harness.h prints three columns side by side: fixture, its variants, its tests.  Of
    these each variant is run with each test.  The program's own name, and that of the fixture
    which stands for none, is not repeated.
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
