# SPDX-License-Identifier: GPL-2.0
"""``make tool``: the tool and its man pages, in build/tool/."""

import shutil

from rig.build import tool
from rig.common.command import output_of
from rig.common.paths import CHECKOUT


def build_tool(arches: list[str]) -> int:
    """Builds the tool for `arches`; returns the exit status."""
    for arch in arches:
        path = CHECKOUT / "build/tool" / arch / "mnck"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tool.tool(arch), path)
        print(path.relative_to(CHECKOUT))

    # The build root is x86_64.
    pages = CHECKOUT / "build/tool/man"
    output_of([tool.tool("x86_64"), "man", pages])
    print(*sorted(path.relative_to(CHECKOUT) for path in pages.iterdir()), sep="\n")
    return 0
