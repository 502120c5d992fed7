# SPDX-License-Identifier: GPL-2.0
"""Which call sites of the MMU notifiers the tests in selftests/paths/ drive.

The sites in the kernel's source (call_sites.py), the calls in the compiled kernel
(compiled_calls.py) and the calls that the tests have read from the tracepoints must agree.  A site
is a hole if no test has seen it and IMPOSSIBLE does not have it, or if it was seen and is unknown.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.coverage.call_sites import Site
from rig.coverage.compiled_calls import CompiledCall
from rig.judge.verdict import Verdict

# Functions that no test can make these guests call, and why.
IMPOSSIBLE = {
    "__split_huge_pud": "needs huge pages of 1 GiB, which device-dax and VFIO map",
    "wp_clean_pre_vma": "is for vmwgfx, a graphics card of VMware",
}

# How often each test has seen a call, by callback and address.
Seen = Mapping[tuple[str, str], Mapping[str, int]]


@dataclass(frozen=True)
class Cell:
    """The result for a site on one architecture."""

    count: int
    tests: frozenset[str] = frozenset()
    hole: str = ""
    excuse: str = ""

    def __str__(self) -> str:
        return str(self.count) if self.count else self.hole or self.excuse


@dataclass(frozen=True)
class Row:
    """A site, and its results."""

    site: Site
    cells: dict[str, Cell]  # by architecture


def seen_by(verdicts: Iterable[Verdict], arch: str) -> Seen:
    """Returns the calls that the tests have seen on an architecture."""
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        if verdict.where == arch:
            for what, address, count in verdict.seen:
                seen[what, address][verdict.name] += count
    return seen


def judge_sites(
    sites: list[Site], calls: list[CompiledCall], seen: Seen, built: set[str]
) -> dict[Site, Cell]:
    """Returns the result for each of `sites`, and for each site that only the code or a test has.

    `built` are the source files that this kernel has an object of.
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


def site_of(call: CompiledCall, sites: list[Site]) -> Site:
    """Returns the site that initialises the range of a call: the last before it in its function."""
    before = [
        site
        for site in sites
        if (site.file, site.function) == (call.file, call.function) and site.line <= call.line
    ]
    return max(before, default=Site(call.file, call.line, call.function, "?"))


def _judge(site: Site, calls: list[CompiledCall], seen: Seen, built: set[str]) -> Cell:
    tests: Counter[str] = Counter()
    for call in calls:
        tests.update(seen.get(("range", call.address), {}))
    excuse = IMPOSSIBLE.get(site.function, "")
    if count := sum(tests.values()):
        hole = "seen, but IMPOSSIBLE in compare.py has it" if excuse else ""
        return Cell(count, frozenset(tests), hole)
    if not calls:
        absent = "not compiled in" if site.file in built else f"no {site.file}"
        return Cell(
            0, excuse=f"{absent}: {excuse}" if excuse else "", hole="" if excuse else absent
        )
    return Cell(0, excuse=excuse, hole="" if excuse else "not seen")


def callbacks_without_range(
    compiled: Mapping[str, list[CompiledCall]], seen: Mapping[str, Seen]
) -> list[Row]:
    """Returns the compiled calls that lead to callbacks without a range, and their results."""
    rows: dict[Site, Row] = {}
    for arch, calls in compiled.items():
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
