# SPDX-License-Identifier: GPL-2.0
"""``make coverage``: which call sites of the MMU notifiers the tests in selftests/paths/ drive."""

from collections.abc import Iterator
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel, ensure_source
from rig.build.kernels import ensure_kernels
from rig.common.parallel import side_by_side
from rig.common.paths import CHECKOUT
from rig.coverage.call_sites import call_sites
from rig.coverage.compare import Row, callbacks_without_range, judge_sites, seen_by
from rig.coverage.compiled_calls import compiled_calls
from rig.guest.groups import GUESTS
from rig.guest.kselftest import in_guest
from rig.judge.verdict import FAIL, Verdict, refuse_skips
from rig.report import coverage as report
from rig.report import results

GROUP = next(group for group in GUESTS if group.name == "paths")


def coverage(arches: list[str], variant: str) -> int:
    """Runs the tests, compares, and reports; returns the exit status."""
    source = ensure_source()
    kernels = ensure_kernels(arches, variant)
    compiled = {kernel.arch: compiled_calls(kernel) for kernel in kernels}
    verdicts = results.show_all(side_by_side([_run(kernel) for kernel in kernels]))
    seen = {arch: seen_by(verdicts, arch) for arch in arches}

    sites = call_sites(source)
    ranges = [Row(site, {}) for site in sites]
    for kernel in kernels:
        calls = [call for call in compiled[kernel.arch] if call.what == "range"]
        built = {site.file for site in sites if _object(kernel, site.file).exists()}
        cells = judge_sites(sites, calls, seen[kernel.arch], built)
        for row in ranges:
            row.cells[kernel.arch] = cells.pop(row.site)
        # The sites that are left are not in the source.
        ranges += [Row(site, {kernel.arch: cell}) for site, cell in cells.items()]
    others = callbacks_without_range(compiled, seen)

    release = (kernels[0].objdir / "include/config/kernel.release").read_text().strip()
    report.show(arches, ranges)
    holes = [(row, arch) for row in ranges for arch, cell in row.cells.items() if cell.hole]
    for row, arch in holes:
        print(f"hole: {arch} {row.site.place} {row.site.function}: {row.cells[arch]}")
    failed = any(verdict.status == FAIL for verdict in verdicts)
    if failed:
        results.summary(verdicts)
    elif len(arches) > 1:
        report.DOCUMENT.write_text(report.document(release, arches, ranges, others))
        print(f"\nwritten: {report.DOCUMENT.relative_to(CHECKOUT)}")
    for arch in arches:
        count = sum(bool(row.cells[arch].count) for row in ranges if arch in row.cells)
        unseen = sum(a == arch for _, a in holes)
        print(f"{arch}: {count} of {len(sites)} call sites seen, {unseen} holes")
    return int(failed or bool(holes))


def _run(kernel: Kernel) -> Iterator[Verdict]:
    verdicts = in_guest(kernel, artifacts.module(kernel), [], GROUP, "coverage")
    yield from refuse_skips(verdicts, kernel.has)


def _object(kernel: Kernel, file: str) -> Path:
    return (kernel.objdir / file).with_suffix(".o")
