# SPDX-License-Identifier: GPL-2.0
"""``make check``: host checks, the rig's proof of itself and the kselftests, all or some."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rig import build, compile_fail, doctest, hostcheck, report, rustc
from rig.kernel import BuildError, Kernel, ensure_kernel, ensure_source
from rig.kselftest import GUESTS, ROOMS, Room, in_guest, rooms_of, selected
from rig.lock import locked
from rig.parallel import side_by_side
from rig.selftest import selftest
from rig.verdict import FAIL, Verdict

COMPILED = {compile_fail.ROOM, doctest.ROOM}


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
    report.summary(verdicts, ROOMS)
    return int(failed)


def _run(
    source: Path, arches: list[str], variant: str, patterns: list[str]
) -> Iterator[Verdict]:
    rooms = rooms_of(patterns)
    built = {n: c for n, c in hostcheck.BUILT.items() if selected(n, patterns)}
    kernels = []
    if built or rooms != {"host"}:
        kernels = [ensure_kernel(arch, variant) for arch in arches]
    jobs, others = [], []
    if not rooms or rooms - {"host", "rig", *COMPILED}:
        _build(kernels)
        jobs += [_in_guest(kernel, patterns, room) for room in GUESTS for kernel in kernels]
    if not rooms or "host" in rooms:
        others.append(_forms(source, patterns))
    others += [_compiled(kernel, built, patterns) for kernel in kernels]
    if not rooms or "rig" in rooms:
        others += [_rig(kernel, patterns) for kernel in kernels]
    return side_by_side(jobs, others)


def _build(kernels: list[Kernel]) -> None:
    """Build what goes into the guests, once for all jobs, which are to inherit that it is done."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda kernel: build.for_guest(kernel, build.module(kernel)), kernels))


def _forms(source: Path, patterns: list[str]) -> Iterator[Verdict]:
    for name, complaints in hostcheck.forms(source):
        if selected(name, patterns):
            yield hostcheck.check("host", name, complaints)


def _in_guest(kernel: Kernel, patterns: list[str], room: Room) -> Iterator[Verdict]:
    yield from in_guest(kernel, build.module(kernel), patterns, room)


def _rig(kernel: Kernel, patterns: list[str]) -> Iterator[Verdict]:
    yield from (v for v in selftest(kernel) if selected(v.name, patterns))


def _compiled(
    kernel: Kernel, built: dict[str, Callable[[Kernel], list[str]]], patterns: list[str]
) -> Iterator[Verdict]:
    """What needs a kernel to compile against, and no guest."""
    rooms = rooms_of(patterns)
    for name, complaints in built.items():
        yield hostcheck.check(kernel.arch, name, partial(complaints, kernel))
    if rooms and not rooms & COMPILED:
        return
    module = build.module(kernel)
    with locked(build.lock(kernel)):
        compiler = rustc.compiler(kernel, module)
        for room in (compile_fail, doctest):
            yield from room.verdicts(
                kernel.arch, compiler, partial(selected, patterns=patterns)
            )
