# SPDX-License-Identifier: GPL-2.0
"""The two directories that the rig works in: the checkout and the cache."""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path.cwd()
CACHE = Path(os.environ["MNCK_CACHE"])


def files(checkout: Path = CHECKOUT) -> Iterator[Path]:
    """Yields the files of a checkout, relative to it, without those that git ignores."""
    ignored = checkout / ".gitignore"
    patterns = [".git"]
    if ignored.exists():
        lines = ignored.read_text().splitlines()
        patterns += [line.strip("/") for line in lines if line and not line.startswith("#")]
    for directory, directories, names in os.walk(checkout):
        for found in (directories, names):
            found[:] = [n for n in found if not any(fnmatch.fnmatch(n, p) for p in patterns)]
        yield from (Path(directory, name).relative_to(checkout) for name in names)
