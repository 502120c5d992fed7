# SPDX-License-Identifier: GPL-2.0
"""The pages in Documentation/ that say what runs, skips and passes on Debian's kernels.

A page is the same for each run with the same results.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rig.build.arch import ARCHES
from rig.build.kernel import Kernel
from rig.common.paths import CHECKOUT
from rig.judge.verdict import OK, SKIP, XFAIL, Verdict
from rig.report.document import fill
from rig.report.results import group_of, groups_in


def page(variant: str) -> Path:
    """Returns the path of a variant's page."""
    return CHECKOUT / f"Documentation/on-{variant}.md"


def write(kernels: Sequence[Kernel], verdicts: list[Verdict], first: Iterable[str]) -> None:
    """Writes the page of the variant of `kernels`; `verdicts` are those of all of its tests."""
    path = page(kernels[0].variant)
    releases = [k.objdir / "include/config/kernel.release" for k in kernels]
    names = [release.read_text().strip() for release in releases]
    path.write_text(document(kernels[0].variant, names, verdicts, first))
    print(f"\nwritten: {path.relative_to(CHECKOUT)}")


def document(
    variant: str, releases: Sequence[str], verdicts: list[Verdict], first: Iterable[str]
) -> str:
    """Returns the text of the page; the groups in `first` come first."""
    # Not in the order in which the guests were ready.
    verdicts = sorted(verdicts, key=group_of)
    used = {verdict.where for verdict in verdicts}
    arches = [arch for arch in ARCHES if arch in used]
    rows = [
        [group, *(_cell(verdicts, group, arch) for arch in arches)]
        for group in groups_in(verdicts, first)
    ]
    count = Counter(verdict.status for verdict in verdicts)
    values = {
        "variant": variant,
        "releases": " and ".join(f"`{release}`" for release in releases),
        "groups": _table(["group", *arches], rows),
        "summary": f"{count[OK] + count[XFAIL]} passed, {count[SKIP]} skipped.",
        "skipped": _reasons(verdicts, arches, SKIP),
        "xfailed": _reasons(verdicts, arches, XFAIL),
    }
    return fill("variant.md.in", values)


def _cell(verdicts: list[Verdict], group: str, arch: str) -> str:
    """Returns how a group's tests have ended on an architecture."""
    count = Counter(v.status for v in verdicts if (group_of(v), v.where) == (group, arch))
    parts = [(OK, "passed"), (SKIP, "skipped"), (XFAIL, "failed as expected")]
    return ", ".join(f"{count[status]} {what}" for status, what in parts if count[status]) or "-"


def _reasons(verdicts: list[Verdict], arches: Sequence[str], status: str) -> str:
    """Returns a table of the reasons of this status, with the tests of each group."""
    found: dict[str, dict[str, Counter[str]]] = {}
    for verdict in verdicts:
        if verdict.status == status:
            reason = re.sub("0x[0-9a-f]+", "0x…", verdict.reason)
            groups = found.setdefault(reason, {})
            groups.setdefault(group_of(verdict), Counter())[verdict.where] += 1
    rows = []
    for reason, groups in sorted(found.items()):
        cells = [
            ", ".join(f"{group} ({count[arch]})" for group, count in groups.items() if count[arch])
            for arch in arches
        ]
        rows.append([reason, *(cell or "-" for cell in cells)])
    return _table(["reason", *arches], rows) if rows else "None."


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
