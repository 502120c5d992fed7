# SPDX-License-Identifier: GPL-2.0
"""The call sites of mmu_notifier_range_init() and its variants in a kernel's source."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INIT = re.compile(r"\bmmu_notifier_range_init\w*\(")
# The header that defines them, for kernels with and without MMU notifiers.
HEADER = "include/linux/mmu_notifier.h"
EVENT = re.compile(r"\bMMU_NOTIFY_(\w+)")
# The first line of a function in the kernel's style: in the first column, no label and no macro.
FUNCTION = re.compile(r"^(?!\s|#|\})[\w \t*]*?\b(\w+)\(")


@dataclass(frozen=True, order=True)
class Site:
    """One call site."""

    file: str
    line: int
    function: str
    event: str

    @property
    def place(self) -> str:
        """File and line; the line is 0 where the compiler has merged two calls into one."""
        return f"{self.file}:{self.line}" if self.line else self.file


def call_sites(source: Path) -> list[Site]:
    """Returns all call sites in a source tree, sorted by file and line."""
    # grep exits with 1 if it finds nothing, which is no error here.
    command = ["grep", "-rlE", "--include=*.[ch]", INIT.pattern, "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    files = {line.removeprefix("./") for line in done.stdout.splitlines()} - {HEADER}
    return sorted(
        site for file in files for site in sites_in(file, (source / file).read_text("latin-1"))
    )


def sites_in(file: str, text: str) -> Iterator[Site]:
    """Yields the call sites in the text of one file."""
    function = "?"
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if match := FUNCTION.match(line):
            function = match[1]
        elif INIT.search(line):
            # The arguments may take up to three lines.
            event = EVENT.search(" ".join(lines[number - 1 : number + 2]))
            yield Site(file, number, function, event[1] if event else "?")
