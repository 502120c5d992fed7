# SPDX-License-Identifier: GPL-2.0
"""The kselftests: in which guests they run, what there is to run, and what comes of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rig import build, kunit, log
from rig.guest import MACHINE, PARALLEL, USUAL, Guest, Outcome
from rig.kernel import BuildError, Kernel
from rig.verdict import FAIL, OK, XFAIL, Verdict, judge


@dataclass(frozen=True)
class Room:
    """A guest, and the programs that share it."""

    name: str
    programs: tuple[str, ...] = ()  # none: all that have no other
    machine: tuple[str, ...] = MACHINE
    command_line: str = USUAL

    @property
    def is_own(self) -> bool:
        """Whether one program has it for itself."""
        return self.programs == (self.name,)


# In the order in which they are begun: what takes longest comes first.
GUESTS = (
    Room("guest"),
    # What they are about is what happens at the same time.
    Room(
        "races",
        ("lifetime_race", "shared_race", "interval_exit", "chain_many"),
        machine=PARALLEL,
    ),
    Room("leaks", ("leaks",), command_line="kmemleak=on"),
    # What it is about leaves tasks that never end.
    Room("sequence", ("sequence",)),
    # Lockdep reports once, and then no more.
    Room("lock_callbacks", ("lock_callbacks",)),
    Room("lock_reclaim", ("lock_reclaim",)),
)

# The rooms that are no test program.
ROOMS = ("host", "compile_fail", "doctest", "rig", "guest", "races", "kunit")


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
    programs = [program for program in programs if not rooms or program in rooms]
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
        cases = {n: c for n, c in parse_lists(listing.output).items() if selected(n, patterns)}
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
        for case_name, case in cases.items():
            program = case_name.partition(".")[0]
            outcome = guest.run(f"{program} -r {case}")
            verdict = judge(kernel.arch, case_name, outcome, console, case)
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
