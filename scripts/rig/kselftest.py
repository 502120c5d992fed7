# SPDX-License-Identifier: GPL-2.0
"""The kselftests: in which guests they run, what there is to run, and what comes of it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rig import build, kunit, log
from rig.guest import USUAL, Guest, Outcome
from rig.kernel import BuildError, Kernel
from rig.verdict import FAIL, OK, XFAIL, Verdict, judge

# The rooms that are no test program.
ROOMS = ("host", "compile_fail", "doctest", "rig", "guest", "kunit")

# The programs that can't share a guest with others, and what the command line of its kernel has
# for each in place of the usual.
OWN_GUEST = {
    "leaks": "kmemleak=on",
    # What it is about leaves tasks that never end.
    "sequence": USUAL,
    # Lockdep reports once, and then no more.
    "lock_callbacks": USUAL,
    "lock_reclaim": USUAL,
}


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

    Programs share a guest, but for those in OWN_GUEST.  `name`: of the guest that is shared.
    """
    programs, files = build.for_guest(kernel, module)
    if unknown := rooms_of(patterns) - {*ROOMS, *programs}:
        raise BuildError(
            f"no test is called {', '.join(unknown)}; there are {', '.join((*ROOMS, *programs))}"
        )
    shared = [program for program in programs if program not in OWN_GUEST]
    yield from _in_guest(kernel, files, name, patterns, shared)
    for own in OWN_GUEST:
        yield from _in_guest(kernel, files, f"{name}-{own}", patterns, [own], own)


def _in_guest(
    kernel: Kernel,
    files: dict[str, Path],
    name: str,
    patterns: list[str],
    programs: list[str],
    own: str = "",
) -> Iterator[Verdict]:
    """Boot a guest, load the module and run what `patterns` select of `programs`.

    Loading, unloading and the boot are gated as the cases are.  They are reported in the room
    "guest", and the KUnit suites, which run when the module is loaded, in "kunit"; in a guest that
    `own` has for itself they are in the room of that program, and the suites have been reported.
    There who fails as expected may leave what is not undone any more, and who is reported by lockdep
    as expected leaves nobody to watch: then the guest ends with that.
    """
    room = own or "guest"
    rooms = rooms_of(patterns)
    programs = [program for program in programs if not rooms or program in rooms]
    wants_steps = not rooms or bool(rooms & ({own} if own else {"guest", "kunit"}))
    if not programs and not wants_steps:
        return
    console = log.console(kernel, name)
    # The less there is to unpack, the sooner the guest is up.
    tests = {f"tests/{program}" for program in programs}
    files = {n: path for n, path in files.items() if n in tests or not n.startswith("tests/")}

    with (
        build.initramfs(kernel, name, files) as initramfs,
        Guest(kernel, initramfs, console, command_line=OWN_GUEST.get(own, USUAL)) as guest,
    ):
        boot = judge(kernel.arch, f"{room}.boot", guest.boot(), console)
        # All cases are known before anything is run, so that none can get lost.
        listing = guest.run(" ".join(("list", *programs)))
        verdict = judge(kernel.arch, f"{room}.list", listing, console)
        if verdict.status == FAIL:
            yield verdict
        cases = {n: c for n, c in parse_lists(listing.output).items() if selected(n, patterns)}
        if not cases and not wants_steps and not guest.ended:
            return

        yield boot
        loaded, suites = _load(kernel, guest)
        verdict = judge(kernel.arch, f"{room}.load", loaded, console)
        yield verdict
        if not own:
            yield from (v for v in suites if selected(v.name, patterns))
        if verdict.status == FAIL:
            guest.give_up("mnck.ko did not load cleanly")
        lost = False
        for case_name, case in cases.items():
            program = case_name.partition(".")[0]
            outcome = guest.run(f"{program} -r {case}")
            verdict = judge(kernel.arch, case_name, outcome, console, case)
            unwatched = verdict.status == OK and outcome.after and outcome.after.lockdep == 0
            lost |= (verdict.status == XFAIL or unwatched) and bool(own)
            yield verdict
        if lost:
            return
        unloaded = guest.run("rmmod mnck")
        yield judge(kernel.arch, f"{room}.unload", unloaded, console)
        # What has outlived the module has time to show.
        silence = guest.run("sleep 1")
        yield judge(kernel.arch, f"{room}.silence", silence, console)


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
