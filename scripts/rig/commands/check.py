# SPDX-License-Identifier: GPL-2.0
"""``make check``: host checks, the rig's proof of itself and the kselftests, all or some."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rig.build import artifacts, rustc
from rig.build.kernel import Kernel, ensure_kernel, ensure_source
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.parallel import side_by_side
from rig.guest.kselftest import GUESTS, SPECIAL_GROUPS, Group, groups_of, in_guest, selected
from rig.guest.selftest import selftest
from rig.host import checks, compile_fail, doctest
from rig.judge.verdict import FAIL, Verdict
from rig.report import results

COMPILED = {compile_fail.GROUP, doctest.GROUP}


def check(arches: list[str], variant: str, patterns: list[str], junit: Path | None) -> int:
    """Run the tests that `patterns` select, or all, and report; the exit status."""
    source = ensure_source()
    verdicts = results.show_all(_run(source, arches, variant, patterns))
    failed = any(verdict.status == FAIL for verdict in verdicts)
    missed = [p for p in patterns if not any(selected(v.name, [p]) for v in verdicts)]
    if missed and not failed:  # after a failure there may be fewer
        raise RigError(f"no test is called {' '.join(missed)}")
    if junit:
        results.write_junit(verdicts, junit, source)
    results.summary(verdicts, SPECIAL_GROUPS)
    return int(failed)


def _run(source: Path, arches: list[str], variant: str, patterns: list[str]) -> Iterator[Verdict]:
    groups = groups_of(patterns)
    built = {n: c for n, c in checks.BUILT.items() if selected(n, patterns)}
    kernels = []
    if built or groups != {"host"}:
        kernels = [ensure_kernel(arch, variant) for arch in arches]
    jobs, others = [], []
    if not groups or groups - {"host", "rig", *COMPILED}:
        _build(kernels)
        jobs += [_in_guest(kernel, patterns, group) for group in GUESTS for kernel in kernels]
    if not groups or "host" in groups:
        others.append(_forms(source, patterns))
    others += [_compiled(kernel, built, patterns) for kernel in kernels]
    if not groups or "rig" in groups:
        others += [_rig(kernel, patterns) for kernel in kernels]
    return side_by_side(jobs, others)


def _build(kernels: list[Kernel]) -> None:
    """Build what goes into the guests, once for all jobs, which are to inherit that it is done."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda k: artifacts.for_guest(k, artifacts.module(k)), kernels))


def _forms(source: Path, patterns: list[str]) -> Iterator[Verdict]:
    for name, complaints in checks.forms(source):
        if selected(name, patterns):
            yield checks.check("host", name, complaints)


def _in_guest(kernel: Kernel, patterns: list[str], group: Group) -> Iterator[Verdict]:
    yield from in_guest(kernel, artifacts.module(kernel), patterns, group)


def _rig(kernel: Kernel, patterns: list[str]) -> Iterator[Verdict]:
    yield from (v for v in selftest(kernel) if selected(v.name, patterns))


def _compiled(
    kernel: Kernel, built: dict[str, Callable[[Kernel], list[str]]], patterns: list[str]
) -> Iterator[Verdict]:
    """What needs a kernel to compile against, and no guest."""
    groups = groups_of(patterns)
    for name, complaints in built.items():
        yield checks.check(kernel.arch, name, partial(complaints, kernel))
    if groups and not groups & COMPILED:
        return
    module = artifacts.module(kernel)
    with locked(artifacts.lock(kernel)):
        compiler = rustc.compiler(kernel, module)
        for group in (compile_fail, doctest):
            yield from group.verdicts(kernel.arch, compiler, partial(selected, patterns=patterns))
