# SPDX-License-Identifier: GPL-2.0
"""``make check``: host checks, the rig's proof of itself and the kselftests, all or some."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rig import build, hostcheck, log, report
from rig.guest import Guest
from rig.kernel import BuildError, Kernel, ensure_kernel
from rig.selftest import selftest
from rig.verdict import FAIL, Verdict, judge

KSFT_SKIP = 4


def check(arches: list[str], patterns: list[str], junit: Path | None) -> int:
    """Run the tests that `patterns` select, or all, and report; the exit status."""
    kernels = [ensure_kernel(arch) for arch in arches]
    verdicts = report.show_all(_run(kernels, patterns))
    missed = [p for p in patterns if not any(selected(v.name, [p]) for v in verdicts)]
    if missed:
        raise BuildError(f"no test is called {' '.join(missed)}")
    if junit:
        report.write_junit(verdicts, junit, kernels[0].srcdir)
    report.summary(verdicts)
    return int(any(verdict.status == FAIL for verdict in verdicts))


def _run(kernels: list[Kernel], patterns: list[str]) -> Iterator[Verdict]:
    rooms = {pattern.partition(".")[0] for pattern in patterns}
    if not rooms or "host" in rooms:
        for where, name, complaints in hostcheck.hostcheck(kernels):
            if selected(name, patterns):
                yield hostcheck.check(where, name, complaints)
    if not rooms or "rig" in rooms:
        for kernel in kernels:
            yield from (v for v in selftest(kernel) if selected(v.name, patterns))
    if not rooms or rooms - {"host", "rig"}:
        for kernel in kernels:
            yield from kselftests(kernel, build.module(kernel), patterns)


def selected(name: str, patterns: list[str]) -> bool:
    """Whether one of `patterns` is `name` or a room above it, or there are none."""
    return not patterns or any(f"{name}.".startswith(f"{pattern}.") for pattern in patterns)


def kselftests(kernel: Kernel, module: Path, patterns: list[str]) -> Iterator[Verdict]:
    """Load `module` in a guest and run each case of each program under the gate.

    Loading, unloading and the boot are gated as the cases are, under the name "guest".
    """
    programs, files = build.selftests(kernel)
    rooms = {pattern.partition(".")[0] for pattern in patterns}
    if unknown := rooms - {"host", "rig", "guest", *programs}:
        raise BuildError(
            f"no test is called {', '.join(unknown)}; there are host, rig, guest,"
            f" {', '.join(programs)}"
        )
    programs = [program for program in programs if not rooms or program in rooms]
    paths = {f"tests/{name}": path for name, path in files.items()}
    initramfs = build.initramfs(kernel.arch, "tests", {"lib/mnck.ko": module, **paths})
    console = log.console(kernel.arch, "tests")

    with Guest(kernel, initramfs, console) as guest:
        boot = judge(kernel.arch, "guest.boot", guest.boot(), console, is_test=False)

        # All cases are known before anything is run, so that none can get lost.
        cases: dict[str, str] = {}
        for program in programs:
            outcome = guest.run(f"{program} -l")
            if outcome.status == KSFT_SKIP:  # as the harness says that it has only listed
                outcome = replace(outcome, status=0)
            verdict = judge(kernel.arch, f"{program}.list", outcome, console, is_test=False)
            if verdict.status == FAIL:
                yield verdict
            listed = parse_list(program, outcome.output)
            cases |= {n: c for n, c in listed.items() if selected(n, patterns)}
        if not cases and not guest.ended and not selected("guest", patterns):
            return

        yield boot
        loaded = guest.run("insmod /lib/mnck.ko")
        verdict = judge(kernel.arch, "guest.load", loaded, console, is_test=False)
        yield verdict
        if verdict.status == FAIL:
            guest.give_up("mnck.ko did not load cleanly")
        for name, command in cases.items():
            yield judge(kernel.arch, name, guest.run(command), console)
        unloaded = guest.run("rmmod mnck")
        yield judge(kernel.arch, "guest.unload", unloaded, console, is_test=False)
        # What has outlived the module has time to show.
        silence = guest.run("sleep 1")
        yield judge(kernel.arch, "guest.silence", silence, console, is_test=False)


def parse_list(program: str, output: str) -> dict[str, str]:
    """The cases of a program by name, with the command for each, from what its -l prints.

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
                cases[case] = f"{program} -r {name}"
    return cases
