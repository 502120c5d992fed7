# SPDX-License-Identifier: GPL-2.0
"""``make check``: the host's checks, the rig's own test and the kselftests, all or some."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rig.build import artifacts, rustc
from rig.build.inputs import Inputs
from rig.build.kernel import Kernel, ensure_source
from rig.build.kernels import ensure_kernels
from rig.build.variant import DEBIAN, DEFAULT, STOCK, arches_of
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.parallel import side_by_side
from rig.common.paths import CHECKOUT
from rig.guest.groups import (
    GUESTS,
    PEERS,
    SHORT,
    SPECIAL_GROUPS,
    Group,
    groups_of,
    selected,
    with_others,
)
from rig.guest.kselftest import in_guest
from rig.guest.selftest import selftest
from rig.host import checks, compile_fail, doctest, engine, known, tool
from rig.judge.verdict import FAIL, SKIP, Verdict, refuse_skips
from rig.report import junit as junit_xml
from rig.report import results
from rig.report import variant as variant_page

COMPILED = {compile_fail.GROUP, doctest.GROUP}
BESIDE = {group.name for group in PEERS}


def check(arches: list[str], variant: str, patterns: list[str], junit: Path | None) -> int:
    """Runs and reports the tests that `patterns` select, or all; returns the exit status."""
    source = ensure_source()
    wanted = with_others(patterns, variant)
    verdicts = results.show_all(_run(source, arches, variant, wanted))
    failed = any(verdict.status == FAIL for verdict in verdicts)
    missed = [
        pattern
        for pattern in patterns
        if not any(selected(v.name, with_others([pattern], variant)) for v in verdicts)
    ]
    if missed and not failed:  # after a failure some tests may not have been run
        names, groups = " ".join(missed), " ".join(sorted(groups_of(missed)))
        raise RigError(
            f"no test is called {names}: TEST='{groups}' runs and lists all that there are"
        )
    if junit:
        junit_xml.write(verdicts, junit, source)
    results.summary(verdicts, SPECIAL_GROUPS)
    if variant in DEBIAN and not failed and not patterns and arches == arches_of(variant):
        kernels = ensure_kernels(arches, variant)
        variant_page.write(kernels, verdicts, SPECIAL_GROUPS)
    return int(failed)


def _run(source: Path, arches: list[str], variant: str, patterns: list[str]) -> Iterator[Verdict]:
    groups = groups_of(patterns)
    # What is checked without a guest depends on the sources alone, not on whose kernel it is.
    only_guests = variant in DEBIAN
    built = {n: c for n, c in checks.BUILT.items() if selected(n, patterns) and not only_guests}
    jobs, others = [], []
    beside = _beside(arches, patterns) if variant == DEFAULT else []
    if beside and groups:
        groups -= BESIDE
        if not groups:
            return side_by_side(beside)
    kernels = []
    if built or groups != {"host"}:
        kernels = ensure_kernels(arches, variant)
    if not groups or groups - {"host", "rig", *COMPILED}:
        _build(kernels, groups)
        jobs += [_in_guest(kernel, patterns, group) for group in GUESTS for kernel in kernels]
    if not only_guests:
        if not groups or "host" in groups:
            others.append(_source_checks(source, patterns))
        others += [_compiled(kernel, built, patterns) for kernel in kernels]
    if not groups or "rig" in groups:
        jobs += [_rig(kernel, patterns) for kernel in kernels]
    return side_by_side(jobs + beside, others)


def _beside(arches: list[str], patterns: list[str]) -> list[Iterator[Verdict]]:
    """Returns the jobs for the tests beside other drivers, which run on Debian's kernel.

    Without `patterns` these are the tests of SHORT, and a kernel that cannot be had is no failure.
    """
    wanted = patterns or SHORT
    groups = [group for group in PEERS if group.name in groups_of(wanted)]
    if not groups:
        return []
    try:
        kernels = ensure_kernels(arches, STOCK)
    except RigError as error:
        if patterns:
            raise
        return [iter([Verdict("host", "peers.kernel", SKIP, reason=str(error))])]
    _build(kernels, groups_of(wanted))
    return [_in_guest(kernel, wanted, group) for group in groups for kernel in kernels]


def _build(kernels: list[Kernel], groups: set[str]) -> None:
    """Builds what goes into the guests; done before the jobs are forked, so that no job builds."""
    with_tool = [{group.name, *group.programs} for group in GUESTS if group.has_tool]
    needs_tool = not groups or any(names & groups for names in with_tool)

    def build(kernel: Kernel) -> None:
        artifacts.for_guest(kernel, artifacts.module(kernel))
        if needs_tool:
            artifacts.with_tool(kernel)

    with ThreadPoolExecutor() as pool:
        list(pool.map(build, kernels))


def _source_checks(source: Path, patterns: list[str]) -> Iterator[Verdict]:
    wanted = partial(selected, patterns=patterns)
    for name, complaints in checks.of_source(source):
        if wanted(name):
            run = partial(checks.check, "host", name, complaints)
            yield from known.verdicts(Inputs(name, (source.name,)), run, wanted)
    if engine.is_wanted(engine.NAME, patterns):
        inputs = Inputs(engine.NAME, paths=("src", str(engine.CRATE)))
        run = partial(engine.verdicts, wanted)
        yield from known.verdicts(inputs, run, wanted, wanted(engine.NAME))
    if engine.is_wanted(tool.NAME, patterns):
        inputs = Inputs(tool.NAME, paths=tool.SOURCES)
        run = partial(tool.verdicts, wanted)
        yield from known.verdicts(inputs, run, wanted, wanted(tool.NAME))


def _in_guest(kernel: Kernel, patterns: list[str], group: Group) -> Iterator[Verdict]:
    verdicts = in_guest(kernel, artifacts.module(kernel), patterns, group)
    yield from refuse_skips(verdicts, kernel.has)


def _rig(kernel: Kernel, patterns: list[str]) -> Iterator[Verdict]:
    yield from (v for v in selftest(kernel) if selected(v.name, patterns))


def _compiled(
    kernel: Kernel, built: dict[str, Callable[[Kernel], list[str]]], patterns: list[str]
) -> Iterator[Verdict]:
    """Yields the verdicts of all that is compiled against a kernel and needs no guest."""
    wanted = partial(selected, patterns=patterns)
    groups = groups_of(patterns)

    def inputs(kind: str, *paths: Path) -> Inputs:
        sources = (Path("src"), Path("Kbuild"), *(path.relative_to(CHECKOUT) for path in paths))
        return Inputs(kind, (kernel.objdir.name,), tuple(map(str, sources)))

    for name, complaints in built.items():
        run = partial(checks.check, kernel.arch, name, partial(complaints, kernel))
        yield from known.verdicts(inputs(name, artifacts.BENCH), run, wanted)
    if not groups or groups & COMPILED:
        run = partial(_users, kernel, wanted)
        sources = inputs("compiled", compile_fail.CASES)
        yield from known.verdicts(sources, run, wanted, all(map(wanted, COMPILED)))


def _users(kernel: Kernel, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """Yields the verdicts of the tests that are compiled as users of mnck."""
    module = artifacts.module(kernel)
    with locked(artifacts.lock(kernel)):
        compiler = rustc.compiler(kernel, module)
        for group in (compile_fail, doctest):
            yield from group.verdicts(kernel.arch, compiler, wanted)
