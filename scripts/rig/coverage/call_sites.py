# SPDX-License-Identifier: GPL-2.0
"""Who begins a range: the call sites of mmu_notifier_range_init() and its like in the source of a
kernel, found afresh.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INIT = re.compile(r"\bmmu_notifier_range_init\w*\(")
# Where they are defined, for all and for a kernel without notifiers.
HEADER = "include/linux/mmu_notifier.h"
EVENT = re.compile(r"\bMMU_NOTIFY_(\w+)")
# Where a function begins, in the kernel's style: in the first column, but no label and no macro.
FUNCTION = re.compile(r"^(?!\s|#|\})[\w \t*]*?\b(\w+)\(")


@dataclass(frozen=True, order=True)
class Site:
    """One place in the source."""

    file: str
    line: int
    function: str
    event: str

    @property
    def place(self) -> str:
        """Where it is; the compiler may know of no line where it has made one call of two."""
        return f"{self.file}:{self.line}" if self.line else self.file


def call_sites(source: Path) -> list[Site]:
    """All that there are in a source tree, by file and line."""
    # It knows the tree better by lines than we by files; 1 is for nothing found.
    command = ["grep", "-rlE", "--include=*.[ch]", INIT.pattern, "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    files = {line.removeprefix("./") for line in done.stdout.splitlines()} - {HEADER}
    return sorted(
        site for file in files for site in sites_in(file, (source / file).read_text("latin-1"))
    )


def sites_in(file: str, text: str) -> Iterator[Site]:
    """Those in the text of one file."""
    function = "?"
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if match := FUNCTION.match(line):
            function = match[1]
        elif INIT.search(line):
            # The arguments may go on for a line or two.
            event = EVENT.search(" ".join(lines[number - 1 : number + 2]))
            yield Site(file, number, function, event[1] if event else "?")
