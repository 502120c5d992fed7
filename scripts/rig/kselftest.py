# SPDX-License-Identifier: GPL-2.0
"""The kselftests: in which guests they run, what there is to run, and what comes of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rig import build, ktap, kunit, log
from rig.guest import MACHINE, PARALLEL, USUAL, Guest, Outcome
from rig.kernel import BuildError, Kernel
from rig.verdict import FAIL, OK, SKIP, XFAIL, Verdict, judge, seen, telling


@dataclass(frozen=True)
class Room:
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

    def wants(self, program: str, rooms: set[str]) -> bool:
        """Whether `rooms`, which are all if there are none, have something of `program` here."""
        return not rooms or (self.name if self.environment else program) in rooms


# Those that drive each path of mm with all subscribers attached.
PATHS = tuple(sorted(path.stem for path in (build.CHECKOUT / "selftests/paths").glob("*.c")))

# Each test detaches ten subscribers, and each of these waits for all callbacks to be over.
HASTY = f"{USUAL} rcupdate.rcu_expedited=1"

# In the order in which they are begun: what takes longest comes first.
GUESTS = (
    Room("guest"),
    # What they are about is what happens at the same time.
    Room(
        "races",
        ("lifetime_race", "shared_race", "interval_exit", "chain_many"),
        machine=PARALLEL,
    ),
    Room("paths", PATHS, command_line=HASTY, together=True),
    # The same with somebody who refuses whatever must not block.
    Room("refusing", PATHS, command_line=HASTY, together=True, environment="MNCK_REFUSING=1"),
    Room("leaks", ("leaks",), command_line="kmemleak=on"),
    # What it is about leaves tasks that never end.
    Room("sequence", ("sequence",)),
    # Lockdep reports once, and then no more.
    Room("lock_callbacks", ("lock_callbacks",)),
    Room("lock_reclaim", ("lock_reclaim",)),
)

# The rooms that are no test program.
ROOMS = (
    *("host", "compile_fail", "doctest", "rig"),
    *("guest", "races", "paths", "refusing", "kunit"),
)


def rooms_of(patterns: list[str]) -> set[str]:
    """The rooms that `patterns` are in; all, if there are none."""
    return {pattern.partition(".")[0] for pattern in patterns}


def selected(name: str, patterns: list[str]) -> bool:
    """Whether one of `patterns` is `name` or a room above it, or there are none."""
    return not patterns or any(f"{name}.".startswith(f"{pattern}.") for pattern in patterns)


def kselftests(
    kernel: Kernel, module: Path, patterns: list[str], name: str = "tests"
) -> Iterator[Verdict]:
    """Run each case of each program under the gate, with `module`.

    `name`: what those guests are called.
    """
    for room in GUESTS:
        yield from in_guest(kernel, module, patterns, room, name)


def in_guest(
    kernel: Kernel, module: Path, patterns: list[str], room: Room, name: str = "tests"
) -> Iterator[Verdict]:
    """Boot a guest, load the module and run what `patterns` select of the programs of `room`.

    Loading, unloading and the boot are gated as the cases are, and reported in the room.  The KUnit
    suites, which run when the module is loaded, are reported once, by the first guest, in the room
    "kunit".  Where one program has the guest for itself, who fails as expected may leave what is
    not undone any more, and who is reported by lockdep as expected leaves nobody to watch: then the
    guest ends with that.
    """
    programs, files = build.for_guest(kernel, module)
    rooms = rooms_of(patterns)
    if unknown := rooms - {*ROOMS, *programs}:
        raise BuildError(
            f"no test is called {', '.join(unknown)}; there are {', '.join((*ROOMS, *programs))}"
        )
    placed = {program for other in GUESTS for program in other.programs}
    programs = [p for p in programs if p in (room.programs or set(programs) - placed)]
    programs = [program for program in programs if room.wants(program, rooms)]
    is_first = room is GUESTS[0]
    wants_steps = not rooms or room.name in rooms or (is_first and "kunit" in rooms)
    if not programs and not wants_steps:
        return
    name = name if is_first else f"{name}-{room.name}"
    console = log.console(kernel, name)
    # The less there is to unpack, the sooner the guest is up.
    tests = {f"tests/{program}" for program in programs}
    files = {n: path for n, path in files.items() if n in tests or not n.startswith("tests/")}

    with (
        build.initramfs(kernel, name, files) as initramfs,
        Guest(kernel, initramfs, console, room.machine, room.command_line) as guest,
    ):
        boot = judge(kernel.arch, f"{room.name}.boot", guest.boot(), console)
        # All cases are known before anything is run, so that none can get lost.
        listing = guest.run(" ".join(("list", *programs)))
        verdict = judge(kernel.arch, f"{room.name}.list", listing, console)
        if verdict.status == FAIL:
            yield verdict
        listed = parse_lists(listing.output)
        cases = {n: c for n, c in listed.items() if selected(room.called(n), patterns)}
        if not cases and not wants_steps and not guest.ended:
            return

        yield boot
        loaded, suites = _load(kernel, guest)
        verdict = judge(kernel.arch, f"{room.name}.load", loaded, console)
        yield verdict
        if is_first:
            yield from (v for v in suites if selected(v.name, patterns))
        if verdict.status == FAIL:
            guest.give_up("mnck.ko did not load cleanly")
        lost = False
        if room.together:
            for program in programs:
                whole = {n: c for n, c in listed.items() if n.partition(".")[0] == program}
                if whole.keys() <= cases.keys():
                    outcome = guest.run(f"{room.prefix}{program}")
                    verdicts = together(kernel, room, program, whole, outcome, console)
                    yield from verdicts
                    if all(verdict.status != FAIL for verdict in verdicts):
                        cases = {n: c for n, c in cases.items() if n not in whole}
        for case_name, case in cases.items():
            program = case_name.partition(".")[0]
            outcome = guest.run(f"{room.prefix}{program} -r {case}")
            verdict = judge(kernel.arch, room.called(case_name), outcome, console, case)
            unwatched = verdict.status == OK and outcome.after and outcome.after.lockdep == 0
            lost |= (verdict.status == XFAIL or unwatched) and room.is_own
            yield verdict
        if lost:
            return
        unloaded = guest.run("rmmod mnck")
        yield judge(kernel.arch, f"{room.name}.unload", unloaded, console)
        # What has outlived the module has time to show.
        silence = guest.run("sleep 1")
        yield judge(kernel.arch, f"{room.name}.silence", silence, console)


def together(
    kernel: Kernel,
    room: Room,
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
    whole = judge(kernel.arch, room.called(program), replace(outcome, status=0), console)
    if whole.status == FAIL:
        return [whole]
    if wrong:
        reason = "; ".join(wrong)
        return [replace(whole, status=FAIL, reason=reason, lines=telling(outcome.output))]
    parts = sections(outcome.output)
    seconds = outcome.seconds / len(cases)
    return [
        _verdict(kernel.arch, room.called(name), said[case], seconds, parts.get(case, ""))
        for name, case in cases.items()
    ]


def _verdict(
    where: str, name: str, result: ktap.Result, seconds: float, output: str
) -> Verdict:
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
