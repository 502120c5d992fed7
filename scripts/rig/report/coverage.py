# SPDX-License-Identifier: GPL-2.0
"""The results of `make coverage`: a table, and Documentation/coverage.md."""

from rig.common.paths import CHECKOUT
from rig.coverage.compare import Cell, Row
from rig.report.document import fill

DOCUMENT = CHECKOUT / "Documentation/coverage.md"


def show(arches: list[str], rows: list[Row]) -> None:
    """Prints how often each site was seen."""
    print(f"\n{'call site':34} {'function':34} {'event':16}" + "".join(f"{a:>9}" for a in arches))
    for row in rows:
        counts = [row.cells.get(arch, Cell(0)) for arch in arches]
        cells = "".join(f"{cell.count or '-':>9}" for cell in counts)
        print(f"{row.site.place:34} {row.site.function:34} {row.site.event:16}{cells}")
        for reason in dict.fromkeys(cell.excuse for cell in counts if cell.excuse):
            print(f"{'':34} {reason}")


def document(release: str, arches: list[str], ranges: list[Row], others: list[Row]) -> str:
    """Returns the text of the page, of the kernel `release`."""
    values = {
        "kernel": release,
        "ranges": _table(arches, ranges, "event"),
        "others": _table(arches, others, "callback"),
        "summary": _summary(arches, ranges),
    }
    return fill("coverage.md.in", values)


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
