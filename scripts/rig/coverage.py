# SPDX-License-Identifier: GPL-2.0
"""``make coverage``: which call sites of the MMU notifiers the kselftests in selftests/paths/ drive.

The sites are found in the kernel's source (initiators.py) and in its code (landing.py), what was
seen is what the tests have read from the tracepoints, and the three must agree.  A site that no test
has seen is a hole, unless it stands in IMPOSSIBLE; so is one that was seen and is not known.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rig import build, report
from rig.initiators import Site, call_sites
from rig.kernel import Kernel, ensure_kernel, ensure_source
from rig.kselftest import GUESTS, in_guest
from rig.landing import Landing, landings
from rig.parallel import side_by_side
from rig.verdict import FAIL, Verdict

TEXT = build.CHECKOUT / "scripts/rig/coverage.md.in"
DOCUMENT = build.CHECKOUT / "Documentation/coverage.md"

ROOM = "paths"

# Functions that no test can have called in these guests, and why.
IMPOSSIBLE = {
    "__split_huge_pud": "needs huge pages of 1 GiB, which device-dax and VFIO map",
    "wp_clean_pre_vma": "is for vmwgfx, a graphics card of VMware",
}

# By callback and address: how often each test has seen it.
Seen = Mapping[tuple[str, str], Mapping[str, int]]


@dataclass(frozen=True)
class Cell:
    """What there is of a site on one architecture."""

    count: int
    tests: frozenset[str] = frozenset()
    hole: str = ""
    excuse: str = ""

    def __str__(self) -> str:
        return str(self.count) if self.count else self.hole or self.excuse


@dataclass(frozen=True)
class Row:
    """A site, and what there is of it."""

    site: Site
    cells: dict[str, Cell]  # by architecture


def coverage(arches: list[str], variant: str) -> int:
    """Run the tests, compare, and report; the exit status."""
    source = ensure_source()
    kernels = [ensure_kernel(arch, variant) for arch in arches]
    landed = {kernel.arch: landings(kernel) for kernel in kernels}
    room = next(room for room in GUESTS if room.name == ROOM)
    jobs = [in_guest(k, build.module(k), [], room, "coverage") for k in kernels]
    verdicts = report.show_all(side_by_side(jobs))
    seen = {arch: seen_by(verdicts, arch) for arch in arches}

    sites = call_sites(source)
    ranges = [Row(site, {}) for site in sites]
    for kernel in kernels:
        calls = [landing for landing in landed[kernel.arch] if landing.what == "range"]
        built = {site.file for site in sites if _object(kernel, site.file).exists()}
        cells = judge_sites(sites, calls, seen[kernel.arch], built)
        for row in ranges:
            row.cells[kernel.arch] = cells.pop(row.site)
        # What is left nobody has found in the source.
        ranges += [Row(site, {kernel.arch: cell}) for site, cell in cells.items()]
    others = _others(landed, seen)

    release = (kernels[0].objdir / "include/config/kernel.release").read_text().strip()
    _show(arches, ranges)
    holes = [(row, arch) for row in ranges for arch, cell in row.cells.items() if cell.hole]
    for row, arch in holes:
        print(f"hole: {arch} {row.site.place} {row.site.function}: {row.cells[arch]}")
    failed = any(verdict.status == FAIL for verdict in verdicts)
    if failed:
        report.summary(verdicts)
    elif len(arches) > 1:
        DOCUMENT.write_text(_document(release, arches, ranges, others))
        print(f"\nwritten: {DOCUMENT.relative_to(build.CHECKOUT)}")
    for arch in arches:
        count = sum(bool(row.cells[arch].count) for row in ranges if arch in row.cells)
        unseen = sum(a == arch for _, a in holes)
        print(f"{arch}: {count} of {len(sites)} call sites seen, {unseen} holes")
    return int(failed or bool(holes))


def seen_by(verdicts: Iterable[Verdict], arch: str) -> Seen:
    """What the tests have seen on an architecture."""
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        if verdict.where == arch:
            for what, address, count in verdict.seen:
                seen[what, address][verdict.name] += count
    return seen


def judge_sites(
    sites: list[Site], calls: list[Landing], seen: Seen, built: set[str]
) -> dict[Site, Cell]:
    """What there is of each site, and of each that is not among them but was found in the code or
    seen.

    `built`: the files that this kernel has an object of.
    """
    of_site = defaultdict(list)
    known = set()
    for call in calls:
        of_site[site_of(call, sites)].append(call)
        known.add(call.address)
    cells = {site: _judge(site, of_site[site], seen, built) for site in sites}
    for site in of_site.keys() - cells.keys():
        cells[site] = Cell(0, hole="not found in the source")
    for what, address in seen:
        if what == "range" and address not in known:
            cells[Site("?", 0, address, "?")] = Cell(0, hole="seen, but not found in the code")
    return cells


def site_of(call: Landing, sites: list[Site]) -> Site:
    """Where the range was made that a call begins: before it, in the same function."""
    before = [
        site
        for site in sites
        if (site.file, site.function) == (call.file, call.function) and site.line <= call.line
    ]
    return max(before, default=Site(call.file, call.line, call.function, "?"))


def _judge(site: Site, calls: list[Landing], seen: Seen, built: set[str]) -> Cell:
    tests: Counter[str] = Counter()
    for call in calls:
        tests.update(seen.get(("range", call.address), {}))
    excuse = IMPOSSIBLE.get(site.function, "")
    if count := sum(tests.values()):
        hole = "seen, though it is said to be impossible" if excuse else ""
        return Cell(count, frozenset(tests), hole)
    if not calls:
        absent = "not compiled in" if site.file in built else f"no {site.file}"
        return Cell(0, excuse=f"{absent}: {excuse}" if excuse else "", hole="" if excuse else absent)
    return Cell(0, excuse=excuse, hole="" if excuse else "not seen")


def _object(kernel: Kernel, file: str) -> Path:
    return (kernel.objdir / file).with_suffix(".o")


def _others(landed: Mapping[str, list[Landing]], seen: Mapping[str, Seen]) -> list[Row]:
    """The callbacks that are told no range, as they were found in the code."""
    rows: dict[Site, Row] = {}
    for arch, calls in landed.items():
        for call in calls:
            if call.what != "range":
                site = Site(call.file, call.line, call.function, call.what)
                tests = seen[arch].get((call.what, call.address), {})
                row = rows.setdefault(site, Row(site, {}))
                before = row.cells.get(arch, Cell(0))
                row.cells[arch] = Cell(
                    before.count + sum(tests.values()), before.tests | frozenset(tests)
                )
    return [rows[site] for site in sorted(rows)]


def _show(arches: list[str], rows: list[Row]) -> None:
    print(f"\n{'call site':34} {'function':34} {'event':16}" + "".join(f"{a:>9}" for a in arches))
    for row in rows:
        counts = [row.cells.get(arch, Cell(0)) for arch in arches]
        cells = "".join(f"{cell.count or '-':>9}" for cell in counts)
        print(f"{row.site.place:34} {row.site.function:34} {row.site.event:16}{cells}")
        for reason in dict.fromkeys(cell.excuse for cell in counts if cell.excuse):
            print(f"{'':34} {reason}")


def _document(release: str, arches: list[str], ranges: list[Row], others: list[Row]) -> str:
    text = TEXT.read_text()
    for name, what in (
        ("kernel", release),
        ("ranges", _table(arches, ranges, "event")),
        ("others", _table(arches, others, "callback")),
        ("summary", _summary(arches, ranges)),
    ):
        text = text.replace(f"@{name}@", what)
    return text


def _summary(arches: list[str], rows: list[Row]) -> str:
    counts = [
        f"{sum(bool(row.cells.get(a, Cell(0)).count) for row in rows)} on {a}" for a in arches
    ]
    return f"Of {len(rows)} call sites the tests drive {' and '.join(counts)}"


def _table(arches: list[str], rows: list[Row], what: str) -> str:
    head = ["call site", "function", what, *arches, "driven by"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [row.cells.get(arch, Cell(0, excuse="not compiled in")) for arch in arches]
        tests = sorted(set().union(*(cell.tests for cell in cells)))
        more = f" and {len(tests) - 3} more" if len(tests) > 3 else ""
        lines.append(
            [
                row.site.place,
                f"`{row.site.function}`",
                row.site.event,
                *(str(cell) or "not driven" for cell in cells),
                ", ".join(tests[:3]) + more,
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
