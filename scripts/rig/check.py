# SPDX-License-Identifier: GPL-2.0
"""``make check``: host checks, the rig's proof of itself and the kselftests, all or some."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from rig import build, compile_fail, doctest, hostcheck, kunit, log, report, rustc
from rig.guest import Guest, Outcome
from rig.kernel import BuildError, Kernel, ensure_kernel, ensure_source
from rig.lock import locked
from rig.parallel import side_by_side
from rig.selftest import selftest
from rig.verdict import FAIL, Verdict, judge

KSFT_SKIP = 4

# The rooms that are no test program.
COMPILED = (compile_fail.ROOM, doctest.ROOM)
ROOMS = ("host", *COMPILED, "rig", "guest", "kunit")


def check(arches: list[str], variant: str, patterns: list[str], junit: Path | None) -> int:
    """Run the tests that `patterns` select, or all, and report; the exit status."""
    source = ensure_source()
    verdicts = report.show_all(_run(source, arches, variant, patterns))
    failed = any(verdict.status == FAIL for verdict in verdicts)
    missed = [p for p in patterns if not any(selected(v.name, [p]) for v in verdicts)]
    if missed and not failed:  # after a failure there may be fewer
        raise BuildError(f"no test is called {' '.join(missed)}")
    if junit:
        report.write_junit(verdicts, junit, source)
    report.summary(verdicts)
    return int(failed)


def _run(
    source: Path, arches: list[str], variant: str, patterns: list[str]
) -> Iterator[Verdict]:
    rooms = _rooms(patterns)
    built = {n: c for n, c in hostcheck.BUILT.items() if selected(n, patterns)}
    if not rooms or "host" in rooms:
        for name, complaints in hostcheck.forms(source):
            if selected(name, patterns):
                yield hostcheck.check("host", name, complaints)
    if not built and rooms == {"host"}:
        return

    kernels = [ensure_kernel(arch, variant) for arch in arches]
    yield from side_by_side([_run_on(kernel, built, rooms, patterns) for kernel in kernels])


def _run_on(
    kernel: Kernel,
    built: dict[str, Callable[[Kernel], list[str]]],
    rooms: set[str],
    patterns: list[str],
) -> Iterator[Verdict]:
    for name, complaints in built.items():
        yield hostcheck.check(kernel.arch, name, partial(complaints, kernel))
    if not rooms or rooms & set(COMPILED):
        yield from _compiled(kernel, partial(selected, patterns=patterns))
    if not rooms or "rig" in rooms:
        yield from (v for v in selftest(kernel) if selected(v.name, patterns))
    if not rooms or rooms - {"host", "rig", *COMPILED}:
        yield from kselftests(kernel, build.module(kernel), patterns)


def _compiled(kernel: Kernel, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """The tests of the abstraction that the compiler makes."""
    module = build.module(kernel)
    with locked(build.lock(kernel)):
        compiler = rustc.compiler(kernel, module)
        for room in (compile_fail, doctest):
            yield from room.verdicts(kernel.arch, compiler, wanted)


def _rooms(patterns: list[str]) -> set[str]:
    return {pattern.partition(".")[0] for pattern in patterns}


def selected(name: str, patterns: list[str]) -> bool:
    """Whether one of `patterns` is `name` or a room above it, or there are none."""
    return not patterns or any(f"{name}.".startswith(f"{pattern}.") for pattern in patterns)


def kselftests(
    kernel: Kernel, module: Path, patterns: list[str], name: str = "tests"
) -> Iterator[Verdict]:
    """Load `module` in a guest and run each case of each program under the gate.

    Loading, unloading and the boot are gated as the cases are, under the name "guest"; the KUnit
    suites, which run when the module is loaded, are under "kunit".  `name`: of the guest.
    """
    programs, files = build.for_guest(kernel, module)
    rooms = _rooms(patterns)
    if unknown := rooms - {*ROOMS, *programs}:
        raise BuildError(
            f"no test is called {', '.join(unknown)}; there are {', '.join((*ROOMS, *programs))}"
        )
    programs = [program for program in programs if not rooms or program in rooms]
    console = log.console(kernel, name)

    with (
        build.initramfs(kernel, name, files) as initramfs,
        Guest(kernel, initramfs, console) as guest,
    ):
        boot = judge(kernel.arch, "guest.boot", guest.boot(), console)

        # All cases are known before anything is run, so that none can get lost.
        cases: dict[str, str] = {}
        for program in programs:
            outcome = guest.run(f"{program} -l")
            if outcome.status == KSFT_SKIP:  # as the harness says that it has only listed
                outcome = replace(outcome, status=0)
            verdict = judge(kernel.arch, f"{program}.list", outcome, console)
            if verdict.status == FAIL:
                yield verdict
            listed = parse_list(program, outcome.output)
            cases |= {n: c for n, c in listed.items() if selected(n, patterns)}
        if rooms and not rooms & {"guest", "kunit"} and not cases and not guest.ended:
            return

        yield boot
        loaded, suites = _load(kernel, guest)
        verdict = judge(kernel.arch, "guest.load", loaded, console)
        yield verdict
        yield from (v for v in suites if selected(v.name, patterns))
        if verdict.status == FAIL:
            guest.give_up("mnck.ko did not load cleanly")
        for name, case in cases.items():
            program = name.partition(".")[0]
            outcome = guest.run(f"{program} -r {case}")
            yield judge(kernel.arch, name, outcome, console, case)
        unloaded = guest.run("rmmod mnck")
        yield judge(kernel.arch, "guest.unload", unloaded, console)
        # What has outlived the module has time to show.
        silence = guest.run("sleep 1")
        yield judge(kernel.arch, "guest.silence", silence, console)


def _load(kernel: Kernel, guest: Guest) -> tuple[Outcome, list[Verdict]]:
    """Load the module: the outcome without what KUnit has said, and the verdicts on that."""
    outcome = guest.run("insmod /lib/mnck.ko")
    if outcome.ended or not kernel.has("KUNIT"):
        return outcome, []
    run, others = kunit.parse(outcome.log)
    return replace(outcome, log=others), kunit.verdicts(kernel.arch, run)


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
